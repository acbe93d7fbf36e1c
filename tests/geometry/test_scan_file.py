"""Scans with their colours: texture modes, several materials in one atlas, repeated textures, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from PIL import Image

from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mtl_file import named_file, read_mtl
from vitruvian.geometry.pictures import read_picture
from vitruvian.geometry.scan_file import read_scan


def colour_at(mesh: Mesh, face: int, barycentrics: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)) -> NDArray[np.float64]:
    """Bilinear, clamped, as the renderer looks textures up."""
    assert mesh.texture is not None and mesh.uvs is not None and mesh.uv_faces is not None
    height, width = mesh.texture.shape[:2]
    u, v = np.array(barycentrics) @ mesh.uvs[mesh.uv_faces[face]].astype(np.float64)
    x, y = u * width - 0.5, (1 - v) * height - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    total = np.zeros(3)
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (x - x0 if dx else 1 - x + x0) * (y - y0 if dy else 1 - y + y0)
            texel = mesh.texture[np.clip(y0 + dy, 0, height - 1), np.clip(x0 + dx, 0, width - 1)]
            total += weight * texel
    return total


TETRAHEDRON = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"


def write(folder: Path, obj: str, mtl: str = "") -> Path:
    (folder / "a.obj").write_text(obj)
    if mtl:
        (folder / "a.mtl").write_text(mtl)
    return folder / "a.obj"


def picture(path: Path, *, seed: int = 0, size: tuple[int, int] = (8, 8)) -> NDArray[np.uint8]:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_several_materials_become_one_picture_with_the_same_colours(tmp_path: Path) -> None:
    one, two = picture(tmp_path / "one.png", seed=1), picture(tmp_path / "two.png", seed=2, size=(16, 4))
    text = (
        "mtllib a.mtl\n" + TETRAHEDRON + "vt 0 0\nvt 1 0\nvt 0 1\nusemtl one\nf 1/1 3/2 2/3\nusemtl two\nf 1/1 2/2 4/3\n"
        "usemtl plain\nf 1 4 3\nusemtl one\nf 2/2 3/3 4/1\n"
    )
    mtl = "newmtl one\nmap_Kd one.png\nnewmtl two\nKd 1 0 0\nmap_Kd -s 1 1 1 .\\sub\\TWO.PNG\nnewmtl plain\nKd 0.2 0.4 0.6\n"
    mesh = read_scan(write(tmp_path, text, mtl)).mesh
    alone = Mesh(vertices=mesh.vertices, faces=mesh.faces, uvs=np.array([[0, 0], [1, 0], [0, 1]], np.float32),
                 uv_faces=np.array([[0, 1, 2], [0, 1, 2], [0, 0, 0], [1, 2, 0]], np.int32), texture=one)  # fmt: skip
    for weights in ((0.4, 0.35, 0.25), (0.1, 0.8, 0.1), (0.98, 0.01, 0.01), (0.0, 1.0, 0.0)):
        assert np.abs(colour_at(mesh, 0, weights) - colour_at(alone, 0, weights)).max() < 0.5
        assert np.abs(colour_at(mesh, 3, weights) - colour_at(alone, 3, weights)).max() < 0.5
        assert np.abs(colour_at(mesh, 2, weights) - [51, 102, 153]).max() < 0.5
        other = Mesh(vertices=mesh.vertices, faces=mesh.faces, uvs=alone.uvs, uv_faces=alone.uv_faces, texture=two)
        assert np.abs(colour_at(mesh, 1, weights) - colour_at(other, 1, weights)).max() < 0.5


def test_repeated_textures_are_laid_out(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "t.png")
    text = "mtllib a.mtl\nusemtl m\n" + TETRAHEDRON + "vt 2.1 -0.9\nvt 4.6 -0.9\nvt 2.1 0.6\nf 1/1 2/2 3/3\nf 1/1 2/2 4/3\n"
    mesh = read_scan(write(tmp_path, text, "newmtl m\nmap_Kd t.png\n")).mesh
    for weights in ((0.6, 0.2, 0.2), (0.2, 0.7, 0.1), (0.3, 0.3, 0.4)):
        u, v = np.array(weights) @ [[2.1, -0.9], [4.6, -0.9], [2.1, 0.6]]
        column, row = (u % 1) * 8, (1 - v % 1) * 8
        if abs(column % 1 - 0.5) > 0.01:  # where no two texels mix we can name the texel
            x0, y0 = int(np.floor(column - 0.5)), int(np.floor(row - 0.5))
            around = pixels[np.ix_([y0 % 8, (y0 + 1) % 8], [x0 % 8, (x0 + 1) % 8])].reshape(4, 3)
            seen = colour_at(mesh, 0, weights)
            assert (seen >= around.min(axis=0) - 0.5).all() and (seen <= around.max(axis=0) + 0.5).all()
    (tmp_path / "a.obj").write_text(text.replace("4.6", "400.6"))
    with pytest.raises(InputError, match="repeats its texture 399 times"):
        read_scan(tmp_path / "a.obj")


def test_a_single_texture_stays_as_it_is(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "t.jpeg".replace("jpeg", "png"), size=(8, 16))
    text = "mtllib a.mtl\nusemtl m\n" + TETRAHEDRON + "vt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\nf 1/1 2/2 4/3\n"
    mesh = read_scan(write(tmp_path, text, "newmtl m\nmap_Kd t.png\n")).mesh
    assert mesh.texture is not None and np.array_equal(mesh.texture, pixels)
    assert mesh.uvs is not None and mesh.uvs.tolist() == [[0, 0], [1, 0], [0, 1]]


def test_picture_modes_become_the_colours_that_are_seen(tmp_path: Path) -> None:
    grey16 = np.array([[0, 257 * 100], [257 * 200, 65535]], np.uint16)
    Image.fromarray(grey16).save(tmp_path / "grey16.png")
    assert read_picture(tmp_path / "grey16.png")[..., 1].tolist() == [[0, 100], [200, 255]]
    cmyk = np.zeros((16, 16, 4), np.uint8)
    cmyk[:, :8] = (255, 0, 0, 0)  # cyan ink
    cmyk[:, 8:] = (0, 255, 255, 128)  # red, half black
    Image.fromarray(cmyk, "CMYK").save(tmp_path / "cmyk.tif")
    seen = read_picture(tmp_path / "cmyk.tif")
    assert (
        np.abs(seen[0, 0].astype(int) - [0, 255, 255]).max() <= 1 and np.abs(seen[0, 15].astype(int) - [127, 0, 0]).max() <= 1
    )
    Image.fromarray(cmyk, "CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    assert np.abs(read_picture(tmp_path / "cmyk.jpg")[8, 2].astype(int) - [0, 255, 255]).max() <= 4
    rgba = np.full((2, 2, 4), (10, 20, 30, 0), np.uint8)
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    assert (read_picture(tmp_path / "clear.png") == [10, 20, 30]).all()
    Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(tmp_path / "bits.png")
    assert read_picture(tmp_path / "bits.png")[0].tolist() == [[0, 0, 0], [255, 255, 255]]
    Image.fromarray(np.array([[[9, 8, 7], [1, 2, 3]]], np.uint8)).convert("P", palette=Image.Palette.ADAPTIVE).save(
        tmp_path / "p.png"
    )
    assert read_picture(tmp_path / "p.png")[0].tolist() == [[9, 8, 7], [1, 2, 3]]


def png16(path: Path, pixels: NDArray[np.uint16]) -> None:
    """A 16-bit RGB PNG, which Pillow reads but does not write."""
    import struct
    import zlib

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def test_sixteen_bit_colour_is_scaled_not_cut(tmp_path: Path) -> None:
    values = np.array([[[0, 257 * 77, 65535], [257 * 128, 257 * 3, 257 * 250]]], np.uint16)
    png16(tmp_path / "deep.png", values)
    assert read_picture(tmp_path / "deep.png").tolist() == [[[0, 77, 255], [128, 3, 250]]]


def test_bad_pictures_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "t.png", size=(64, 64))
    (tmp_path / "cut.png").write_bytes((tmp_path / "t.png").read_bytes()[:4000])
    (tmp_path / "text.png").write_text("no picture")
    for name, words in (
        ("none.png", "no such picture"),
        ("cut.png", "damaged"),
        ("text.png", "not a picture that can be read"),
    ):
        with pytest.raises(InputError, match=rf"{name}: .*{words}"):
            read_picture(tmp_path / name)
    with pytest.raises(InputError, match="is a folder"):
        read_picture(tmp_path)


def test_material_files(tmp_path: Path) -> None:
    (tmp_path / "m.mtl").write_text("# hi\nnewmtl a b\nKd 1 0.5 2\nmap_Kd -clamp on -o 1 2 -s 0.5 my skin.png\nnewmtl c\nd 1\n")
    found = read_mtl(tmp_path / "m.mtl")
    assert found["a b"].color == (1.0, 0.5, 1.0) and found["a b"].texture == "my skin.png"
    assert found["c"].texture is None if "c" in found else True
    (tmp_path / "Skin.PNG").write_bytes(b"x")
    assert named_file(tmp_path, "C:\\art\\skin.png") == tmp_path / "Skin.PNG"
    for color in ("red", "nan 0 0", "1 inf 0"):
        (tmp_path / "bad.mtl").write_text(f"newmtl a\nKd {color}\n")
        with pytest.raises(InputError, match=r"bad\.mtl, line 2"):
            read_mtl(tmp_path / "bad.mtl")


def test_glb_with_several_materials_and_vertex_colours(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    pixels = np.full((4, 4, 3), (200, 10, 30), np.uint8)
    for index, kind in enumerate(("texture", "factor", "vertex")):
        part = trimesh.creation.box()
        part.apply_translation([0, 3.0 * index, 0])
        if kind == "texture":
            uv = np.random.default_rng(0).random((len(part.vertices), 2))
            material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.fromarray(pixels))
            part.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
        elif kind == "factor":
            material = trimesh.visual.material.PBRMaterial(baseColorFactor=[0, 0, 255, 255])
            part.visual = trimesh.visual.TextureVisuals(uv=np.zeros((len(part.vertices), 2)), material=material)
        else:
            part.visual.vertex_colors = np.tile([5, 250, 5, 255], (len(part.vertices), 1))
        scene.add_geometry(part, node_name=kind)
    scene.export(tmp_path / "s.glb")
    scan = read_scan(tmp_path / "s.glb")
    assert scan.mesh.num_faces == 36 and scan.mesh.num_vertices == 24  # joined across the seams of boxes
    middle = scan.mesh.vertices[scan.mesh.faces].mean(axis=1)[:, 1]
    for low, colour in ((0, (200, 10, 30)), (3, (0, 0, 255)), (6, (5, 250, 5))):
        for face in np.flatnonzero(np.abs(middle - low) < 1):
            assert np.abs(colour_at(scan.mesh, int(face)) - colour).max() < 1


def test_normals_of_the_file_are_kept(tmp_path: Path) -> None:
    text = TETRAHEDRON + "vn 0 0 2\nvn 0 1 0\nvn 1 0 0\nvn 0 0 -1\nf 1//1 2//2 3//3\nf 1//1 2//2 4//4\n"
    scan = read_scan(write(tmp_path, text))
    assert scan.vertex_normals is not None and scan.vertex_normals.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, -1]]
    assert read_scan(write(tmp_path, TETRAHEDRON + "f 1 2 3\nf 1 2 4\n")).vertex_normals is None


def test_vertices_are_joined_only_when_asked(tmp_path: Path) -> None:
    text = "v 5 0 0\nv 1 0 0\nv 0 1 0\nv 1 0 0\nv 0 0 1\nf 1 2 3\nf 1 4 5\n"
    assert read_scan(write(tmp_path, text), weld=False).mesh.num_vertices == 5
    joined = read_scan(write(tmp_path, text)).mesh
    assert joined.vertices.tolist() == [[5, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]] and joined.faces.tolist() == [
        [0, 1, 2],
        [0, 1, 3],
    ]
