"""The photograph as a texture: itself where it shows the person, plausible elsewhere, and a file that others read."""

import dataclasses
import io

import numpy as np
import pytest
import trimesh
from PIL import Image

from vitruvian.geometry.camera import Camera, level_camera
from vitruvian.geometry.glb_file import save_textured_glb, textured_glb
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import render
from vitruvian.methods.photo_texture import photo_texture
from vitruvian.methods.surface import colours_in_front

HEIGHT, WIDTH = 300, 200


def doll() -> Mesh:
    """A head on a body, with an arm before the belly, 1.75 m high; y up, facing +z."""
    head = trimesh.creation.icosphere(subdivisions=4, radius=0.13)
    head.apply_translation([0, 1.62, 0])
    body = trimesh.creation.icosphere(subdivisions=5, radius=1.0)
    body.apply_scale([0.3, 0.77, 0.2])
    body.apply_translation([0, 0.77, 0])
    arm = trimesh.creation.icosphere(subdivisions=3, radius=0.08)
    arm.apply_translation([0, 0.9, 0.5])
    whole = trimesh.util.concatenate([head, body, arm])
    return Mesh(vertices=np.ascontiguousarray(whole.vertices, np.float32), faces=np.ascontiguousarray(whole.faces, np.int32))


def camera() -> Camera:
    return level_camera(np.array([0.03, 0.87, 0.0]), height_m=1.9, yaw_rad=0.0, width_px=WIDTH, height_px=HEIGHT)


def photograph(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a red face in dark hair, before green."""
    seen = render(mesh, camera(), fields=("mask",)).mask
    picture = np.random.default_rng((1, 2)).integers(90, 160, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    centre = camera().project(np.array([[0.0, 1.60, 0.13]]))[0]
    head = rows < centre[1] + 22
    picture[head] = (40, 30, 25)
    picture[np.hypot(columns - centre[0], rows - centre[1]) < 9] = (230, 60, 60)
    picture[~seen] = (0, 255, 0)
    return picture, seen


def shot(mesh: Mesh, yaw: float) -> tuple[np.ndarray, np.ndarray]:
    middle = np.array([0.03, 0.87, 0.0])
    view = level_camera(middle, height_m=1.9, yaw_rad=yaw, width_px=WIDTH, height_px=HEIGHT)
    drawn = render(mesh, view, fields=("albedo", "mask"))
    return drawn.albedo * 255, drawn.mask


def inner(mask: np.ndarray, pixels: int) -> np.ndarray:
    for _ in range(pixels):
        mask = mask & np.roll(mask, 1, 0) & np.roll(mask, -1, 0) & np.roll(mask, 1, 1) & np.roll(mask, -1, 1)
    return mask


def test_the_picture_is_shown_where_it_shows_the_person() -> None:
    mesh = doll()
    picture, mask = photograph(mesh)
    textured = photo_texture(mesh, picture, mask, camera())
    drawn, there = shot(textured, 0.0)
    sure = inner(mask & there, 4)
    assert sure.sum() > 5000
    wrong = np.abs(drawn - picture)[sure].max(axis=1)
    assert np.mean(wrong < 2) > 0.995  # but for the first triangles behind an outline within the person
    by_vertices = dataclasses.replace(mesh, vertex_colors=colours_in_front(mesh.vertices, picture, mask, camera()))
    assert np.abs(shot(by_vertices, 0.0)[0] - picture)[sure].mean() > 20 * wrong.mean()
    assert np.array_equal(textured.vertices, mesh.vertices) and np.array_equal(textured.faces, mesh.faces)
    for turn in (0.0, 0.25, 0.5, 1.0, 1.5):  # nothing of what is behind the person
        drawn, there = shot(textured, np.pi * turn)
        assert (drawn[there][:, 1] - drawn[there][:, 0] < 80).all()


def test_the_back_mirrors_the_front_but_for_the_face() -> None:
    mesh = doll()
    picture, mask = photograph(mesh)
    textured = photo_texture(mesh, picture, mask, camera())
    front, there = shot(textured, 0.0)
    back, _ = shot(textured, np.pi)
    mirrored = back[:, ::-1]
    body = inner(there, 6)
    body[:120] = False
    assert np.median(np.abs(mirrored - front)[body]) < 16
    red = [(drawn[..., 0] - drawn[..., 1] > 100).sum() for drawn in (front, back)]
    assert red[0] > 150 and red[1] == 0


def test_hidden_vertices_may_bring_their_own_colours() -> None:
    mesh = doll()
    picture, mask = photograph(mesh)
    blue = np.tile(np.array([[20, 30, 220]], np.uint8), (mesh.num_vertices, 1))
    textured = photo_texture(dataclasses.replace(mesh, vertex_colors=blue), picture, mask, camera(), hidden="vertices")
    front, there = shot(textured, 0.0)
    sure = inner(mask & there, 4)
    assert np.mean(np.abs(front - picture)[sure].max(axis=1) < 2) > 0.99
    back, there = shot(textured, np.pi)
    assert np.abs(back[inner(there, 8)] - (20, 30, 220)).max() < 6
    rim = there & ~inner(there, 1)  # at the outline it is the photograph still
    assert np.median(back[rim][:, 2]) < 170


def test_a_large_photograph_is_reduced() -> None:
    mesh = doll()
    picture, mask = photograph(mesh)
    textured = photo_texture(mesh, picture, mask, camera(), max_height_px=100)
    assert textured.texture is not None and textured.texture.shape[0] == 100
    drawn, there = shot(textured, 0.0)
    assert np.abs(drawn[inner(there, 6)].mean(axis=0) - picture[inner(mask, 6)].mean(axis=0)).max() < 6


def test_what_does_not_fit_is_refused() -> None:
    mesh = doll()
    picture, mask = photograph(mesh)
    with pytest.raises(ValueError, match="one size"):
        photo_texture(mesh, picture[:-1], mask, camera())
    with pytest.raises(ValueError, match="nobody"):
        photo_texture(mesh, picture, np.zeros_like(mask), camera())
    with pytest.raises(ValueError, match="vertex colours"):
        photo_texture(mesh, picture, mask, camera(), hidden="vertices")
    with pytest.raises(ValueError, match="no texture"):
        textured_glb(mesh)


def test_the_file_is_read_by_others(tmp_path) -> None:
    mesh = doll()
    picture, mask = photograph(mesh)
    textured = photo_texture(mesh, picture, mask, camera())
    path = tmp_path / "folder" / "person.glb"
    save_textured_glb(path, textured)
    assert path.read_bytes() == textured_glb(textured) and [p.name for p in path.parent.iterdir()] == ["person.glb"]
    scene = trimesh.load_scene(path, process=False)
    (part,) = scene.geometry.values()
    assert len(part.faces) == mesh.num_faces and np.allclose(part.bounds, [mesh.vertices.min(0), mesh.vertices.max(0)])
    assert len(part.vertices) < 1.2 * mesh.num_vertices  # split between what is seen and what is not, nowhere else
    corners = part.vertices[part.faces].astype(np.float32)
    assert np.array_equal(corners, mesh.vertices[mesh.faces])
    assert np.allclose(part.visual.uv[part.faces], textured.uvs[textured.uv_faces], atol=1e-6)
    normals = part.vertex_normals
    assert np.allclose(normals[part.faces], mesh.vertex_normals()[mesh.faces], atol=1e-4)
    image = part.visual.material.baseColorTexture
    assert image.format == "JPEG"
    assert np.abs(np.asarray(image.convert("RGB")).astype(float) - textured.texture).mean() < 25  # noise is hard for JPEG
    assert path.stat().st_size < 32 * len(part.vertices) + 12 * mesh.num_faces + 150_000


def test_a_calm_picture_survives_jpeg() -> None:
    mesh = doll()
    _, mask = photograph(mesh)
    rows = np.linspace(40, 200, HEIGHT)[:, None, None]
    picture = np.broadcast_to(rows, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    textured = photo_texture(mesh, np.ascontiguousarray(picture), mask, camera())
    (part,) = trimesh.load_scene(io.BytesIO(textured_glb(textured)), file_type="glb", process=False).dump()
    image: Image.Image = part.visual.material.baseColorTexture
    assert np.abs(np.asarray(image).astype(float) - textured.texture).max() < 12
