"""What people hand in: each bad file is named with reason and hint, each odd but good one is used, the rest goes on."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from figures import figure, write_obj
from PIL import Image

from vitruvian.bodies import load_builtin, named_pose, pose_body
from vitruvian.datagen.backgrounds.lsun import find_databases
from vitruvian.datagen.replays.geopifu_config import read_config
from vitruvian.datagen.run import DatagenOptions, DatasetReport, generate
from vitruvian.datagen.sources.meshes import MeshFolderSource, read_mesh
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards import ShardDataset
from vitruvian.shards.manifest import read_manifest

GOOD = ("a00.obj", "a01.obj", "a02.obj", "a03.obj")
TEXTURED = "mtllib {name}.mtl\nusemtl skin\n"


def text(mesh: Mesh, *, head: str = "", uvs: bool = False, tail: str = "") -> str:
    """An OBJ of a figure; with ``uvs`` every corner has the same texture coordinate."""
    lines = [head.rstrip("\n")] if head else []
    lines += [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in mesh.vertices.tolist()]
    lines += ["vt 0.5 0.5"] if uvs else []
    lines += [("f %d/1 %d/1 %d/1" if uvs else "f %d %d %d") % tuple(face) for face in (mesh.faces + 1).tolist()]
    return "\n".join(lines) + "\n" + tail


def changed(
    vertices: Callable[[np.ndarray], np.ndarray] | None = None, faces: Callable[[np.ndarray], np.ndarray] | None = None
) -> str:
    mesh = figure(7)
    points = mesh.vertices if vertices is None else vertices(mesh.vertices.copy()).astype(np.float32)
    corners = mesh.faces if faces is None else np.ascontiguousarray(faces(mesh.faces.copy()), np.int32)
    return text(Mesh(vertices=np.ascontiguousarray(points), faces=corners))


def nan_in(vertices: np.ndarray) -> np.ndarray:
    vertices[17, 1] = np.nan
    return vertices


def degenerate(faces: np.ndarray) -> np.ndarray:
    faces[::3, 2] = faces[::3, 1]
    return faces


def turned(mesh: Mesh) -> Mesh:
    """Upside down."""
    return Mesh(vertices=mesh.vertices * np.float32([1, -1, -1]), faces=mesh.faces)


def two_people() -> str:
    one, two = figure(0), figure(1)
    points = np.concatenate([one.vertices, two.vertices + np.float32([1.2, 0, 0])])
    return text(Mesh(vertices=points, faces=np.concatenate([one.faces, two.faces + np.int32(one.num_vertices)])))


def loose() -> str:
    mesh = figure(3)
    rng = np.random.default_rng(0)
    corners = mesh.vertices[mesh.faces].reshape(-1, 3) + rng.normal(0, 1e-4, (3 * mesh.num_faces, 3)).astype(np.float32)
    return text(Mesh(vertices=corners.astype(np.float32), faces=np.arange(3 * mesh.num_faces, dtype=np.int32).reshape(-1, 3)))


def textured(folder: Path, name: str, *, material: str = "skin", map_kd: str = "", uv: str = "") -> str:
    (folder / f"{name}.mtl").write_text(f"newmtl {material}\nmap_Kd {map_kd or name + '.png'}\n")
    mesh_text = text(figure(5), head=TEXTURED.format(name=name), uvs=True)
    return mesh_text.replace("vt 0.5 0.5", uv) if uv else mesh_text


# name of the file -> (what makes it: a text, bytes, or a function of the folder that writes it, what must be said)
BAD: dict[str, tuple[str | bytes | Callable[[Path], str | bytes | None], str]] = {
    "b00 truncated.obj": (text(figure(4))[:-9], r"line \d+: face '.*(cut off|Copy or export)"),
    "b01 nan.obj": (changed(nan_in), r"line 18: 1 of \d+ vertices have coordinates that are not numbers.*Repair"),
    "b02 index.obj": (changed(faces=lambda f: f + 400), r"line \d+: face '.*' names vertex \d+ of 1658.*export the file again"),
    "b03 zero area.obj": (changed(faces=degenerate), r"\d+ of 3288 faces have no area.*Remove zero-area faces"),
    "b04 flat.obj": (changed(lambda v: v * [1, 1, 0.001]), "the mesh is flat.*Export the whole scan"),
    "b05 centimetres.obj": (changed(lambda v: v * 100), r"high; a person is.*centimetres \(cm\) \(--mesh-unit cm\)"),
    "b06 millimetres.obj": (changed(lambda v: v * 1000), r"millimetres \(mm\) \(--mesh-unit mm\)"),
    "b07 z up.obj": (changed(lambda v: v[:, [0, 2, 1]] * [1, -1, 1]), r"z up \(--mesh-up z\)|--mesh-up z"),
    "b08 upside down.obj": (lambda f: upside_down(), "stand on the head.*--mesh-up neg-y"),
    "b09 inside out.obj": (changed(faces=lambda f: f[:, ::-1]), "turned inside out.*Invert the faces"),
    "b10 two people.obj": (two_people(), "2 separate tall bodies.*Cut it into one file a person"),
    "b11 loose.obj": (loose(), "loose triangles.*Merge close vertices"),
    "b12 no mtl.obj": (
        text(figure(5), head=TEXTURED.format(name="nothing"), uvs=True),
        r"nothing\.mtl: there is no such material file.*Put it beside",
    ),
    "b13 no texture.obj": (
        lambda f: textured(f, "b13 no texture", map_kd="gone.jpg"),
        r"gone\.jpg: there is no such picture.*Put the texture beside",
    ),
    "b14 cut texture.obj": (lambda f: cut_texture(f), r"cut\.png: the picture is damaged"),
    "b15 no picture.obj": (lambda f: fake_texture(f), r"fake\.png: is not a picture that can be read.*Save it again"),
    "b16 other material.obj": (
        lambda f: textured(f, "b16", material="cloth"),
        r"uses the material 'skin'.*holds cloth.*Export mesh and material again",
    ),
    "b17 nan uv.obj": (lambda f: nan_coordinate(f), "texture coordinates that are not numbers.*Export the mesh again"),
    "b18 empty.obj": (b"", r"the file is empty \(0 bytes\).*Copy or export"),
    "b19 zip.obj": (lambda f: zipped(), "is a zip archive under a mesh's name.*Unpack it"),
    "b20 page.ply": (b"<!DOCTYPE html><html><body>Not found</body></html>", "is a web page, not a mesh.*Download it again"),
    "b21 pointer.glb": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer.*git lfs pull"),
    "b22 folder.obj": (lambda f: (f / "b22 folder.obj").mkdir(), "is a folder, not a mesh file.*Rename it"),
    "b23 link.obj": (
        lambda f: (f / "b23 link.obj").symlink_to("/nowhere/at/all.obj"),
        "a link to a file that does not exist.*Check the path",
    ),
    "b24 points.obj": ("v 0 0 0\nv 0 1 0\nv 1 1 0\n", "has no faces.*Mesh it first"),
    "b25 cut.glb": (lambda f: exported("glb")[:3000], "is not a readable mesh.*copy or export it again"),
    "b26 cut.ply": (lambda f: exported("ply")[:3000], "is not a readable mesh.*copy or export it again"),
    "b27 garbage.obj": (changed().replace("v 0.", "v O.", 1), r"line \d+: 'v O\..*' is not 3 numbers.*export the file again"),
    "b28 two corners.obj": (text(figure(4), tail="f 1 2\nf 1 2 3\n"), "has 2 corners; a face has at least 3"),
    "b29 binary.obj": (bytes(range(256)) * 40, "is not a text file, so no OBJ"),
    "b30 nonsense.ply": (b"ply\nformat ascii 1.0\nelement vertex many\n", "is not a readable mesh"),
    "a03.ply": (lambda f: exported("ply"), r"is the same person as a03\.obj, by its name.*Remove one of them"),
    "b31 lying.obj": (changed(lambda v: v[:, [1, 0, 2]] * [1, -1, 1] * [1, 0.9, 1]), "seems to lie.*--mesh-up"),
    "b32 dwarf.obj": (changed(lambda v: v * 0.01), "Check its unit and which axis points up"),
}  # fmt: skip


def png(path: Path, size: int = 4) -> bool:
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (size, size, 3)).astype(np.uint8)).save(path)
    return True


def fake_texture(folder: Path) -> str:
    (folder / "fake.png").write_text("hello")
    return textured(folder, "b15", map_kd="fake.png")


def nan_coordinate(folder: Path) -> str:
    png(folder / "b17.png")
    return textured(folder, "b17", uv="vt nan 0")


def upside_down() -> str:
    return text(turned(load_builtin().mesh(pose_body(load_builtin(), body_pose=named_pose("standing").body_pose).vertices)))


def cut_texture(folder: Path) -> str:
    png(folder / "cut.png", 64)
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:5000])
    return textured(folder, "b14", map_kd="cut.png")


def zipped() -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mesh.obj", text(figure(0)))
    return buffer.getvalue()


def exported(kind: str) -> bytes:
    import trimesh

    mesh = figure(6)
    return bytes(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(file_type=kind))


def options(out: Path, folder: Path, **changes) -> DatagenOptions:
    small = {
        "views_per_subject": 1,
        "size_px": 48,
        "query_points": 500,
        "voxel_resolution": 16,
        "block_size": 2,
        "num_actors": 0,
    }
    return DatagenOptions(**{"out": out, "source": "meshes", "folder": folder, "held_out": 0, **small, **changes})


def write_good(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for seed, name in enumerate(GOOD):
        write_obj(folder / name, figure(seed))
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> DatasetReport:
    root = tmp_path_factory.mktemp("clean")
    return generate(options(root / "data", write_good(root / "meshes")), progress=False)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> DatasetReport:
    """A run over good files and every bad one. The good ones come first in the listing."""
    root = tmp_path_factory.mktemp("mixed")
    folder = write_good(root / "meshes")
    for name, (content, _) in BAD.items():
        made = content(folder) if callable(content) else content
        if made is not None:
            (folder / name).write_bytes(made if isinstance(made, bytes) else made.encode())
    return generate(options(root / "data", folder), progress=False)


def test_there_are_enough_kinds() -> None:
    assert len(BAD) >= 25


@pytest.mark.parametrize("name", BAD)
def test_each_is_quarantined_with_file_reason_and_hint(mixed: DatasetReport, name: str) -> None:
    lines = [json.loads(line) for line in (mixed.root / "quarantine.jsonl").read_text().splitlines()]
    reasons = [line["reason"] for line in lines if line["subject_id"] == name]
    assert len(reasons) == 1, f"{name} was not refused"
    import re

    assert re.search(BAD[name][1], reasons[0], re.S), reasons[0]
    assert name in reasons[0] and "Traceback" not in reasons[0] and len(reasons[0]) < 600


def test_the_rest_is_intact(mixed: DatasetReport, clean: DatasetReport) -> None:
    assert set(mixed.quarantined) == set(BAD) and mixed.num_subjects == len(GOOD)
    ours, alone = read_manifest(mixed.root), read_manifest(clean.root)
    assert sorted(alone) == [0, 1]
    for block in alone:  # the good people come first, so their blocks are the same, byte for byte
        assert ours[block].sha256 == alone[block].sha256
    assert all(entry.file is None for block, entry in ours.items() if block not in alone)
    data = ShardDataset(mixed.root, verify="all")
    assert sorted({data[k]["subject_id"] for k in range(len(data))}) == list(GOOD)


ODD: dict[str, Callable[[Path], str]] = {
    "negative": lambda f: negative(figure(0)),
    "windows": lambda f: text(figure(0)).replace("\n", "\r\n"),
    "continued": lambda f: text(figure(0)).replace("f 1 2 3", "f 1 \\\n2 3", 1),
    "tabs and comments": lambda f: "# a scan\n\n" + text(figure(0)).replace("v ", "v\t", 5).replace("f 1 ", "f\t1 ", 5),
    "colours to 255": lambda f: coloured(255),
    "colours to 1": lambda f: coloured(1),
    "unused material file": lambda f: text(figure(0), head="mtllib gone.mtl\n"),
    "some zero-area faces": lambda f: text(figure(0), tail="f 1 1 2\nf 5 5 5\n"),
    "a stray vertex far away": lambda f: text(figure(0), tail="v 900 900 900\n"),
    "a hole": lambda f: text(Mesh(vertices=figure(0).vertices, faces=figure(0).faces[:-40])),
}


def negative(mesh: Mesh) -> str:
    count = mesh.num_vertices
    points = "\n".join(f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in mesh.vertices.tolist())
    return points + "\n" + "\n".join(f"f {a - count} {b - count} {c - count}" for a, b, c in mesh.faces.tolist()) + "\n"


def coloured(top: int) -> str:
    mesh = figure(0)
    assert mesh.vertex_colors is not None
    rows = np.concatenate([mesh.vertices, mesh.vertex_colors / 255 * top], axis=1)
    points = "\n".join(" ".join(f"{x:.5f}" for x in ["v", *row][1:]).join(["v ", ""]) for row in rows.tolist())
    return points + "\n" + "\n".join(f"f {a} {b} {c}" for a, b, c in (mesh.faces + 1).tolist()) + "\n"


@pytest.mark.parametrize("name", ODD)
def test_odd_but_good_files_are_used(tmp_path: Path, name: str) -> None:
    (tmp_path / "odd.obj").write_bytes(ODD[name](tmp_path).encode())
    write_obj(tmp_path / "plain.obj", figure(0))
    report = generate(options(tmp_path / "data", tmp_path), progress=False)
    assert not report.quarantined
    samples = {sample["subject_id"]: sample for sample in map(ShardDataset(report.root).__getitem__, range(2))}
    odd, plain = samples["odd.obj"]["mesh"], samples["plain.obj"]["mesh"]
    assert odd.vertices[:, 1].min() == pytest.approx(0, abs=1e-4)
    if name not in ("a hole", "some zero-area faces"):
        ours, expected = odd.vertices[odd.faces], plain.vertices[plain.faces]
        assert np.abs(ours - ours.mean((0, 1)) - (expected - expected.mean((0, 1)))).max() < 1e-4
    if name.startswith("colours"):
        assert np.abs(odd.vertex_colors.astype(int) - figure(0).vertex_colors).max() <= 1


def test_quads_are_the_triangles_they_hold(tmp_path: Path) -> None:
    box = "v -.3 0 -.2\nv .3 0 -.2\nv .3 0 .2\nv -.3 0 .2\nv -.3 1.7 -.2\nv .3 1.7 -.2\nv .3 1.7 .2\nv -.3 1.7 .2\n"
    quads = "f 1 2 3 4\nf 5 8 7 6\nf 1 5 6 2\nf 2 6 7 3\nf 3 7 8 4\nf 4 8 5 1\n"
    (tmp_path / "box.obj").write_text(box + quads)
    mesh = read_mesh(tmp_path / "box.obj")
    assert mesh.num_faces == 12
    subject = MeshFolderSource(folder=tmp_path).load("box.obj")
    assert any("6 polygons" in note for note in subject.attributes["notes"])


def test_deep_and_printed_textures_are_used_with_their_colours(tmp_path: Path) -> None:
    grey = np.full((4, 4), 257 * 90, np.uint16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    Image.fromarray(np.full((4, 4, 4), (0, 255, 255, 0), np.uint8), "CMYK").save(tmp_path / "print.tif")
    for name, expected in (("deep.png", (90, 90, 90)), ("print.tif", (255, 0, 0))):
        stem = name.split(".")[0]
        (tmp_path / f"{stem}.obj").write_text(textured(tmp_path, stem, map_kd=name))
        mesh = read_mesh(tmp_path / f"{stem}.obj")
        assert mesh.texture is not None and np.abs(mesh.texture.astype(int) - expected).max() <= 1


def test_a_name_that_is_not_utf8_is_quarantined(tmp_path: Path) -> None:
    folder = write_good(tmp_path / "meshes")
    write_obj(folder / "a00.obj", figure(0))
    (folder / "a03.obj").rename(folder / os.fsdecode(b"z\xff\xfe.obj"))
    report = generate(options(tmp_path / "data", folder), progress=False)
    assert list(report.quarantined) == ["z%FF%FE.obj"] and report.num_subjects == 3
    assert "not valid UTF-8" in report.quarantined["z%FF%FE.obj"] and "Rename the file" in report.quarantined["z%FF%FE.obj"]


def test_folders_without_meshes_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "person.fbx").write_bytes(b"Kaydara FBX Binary")
    with pytest.raises(InputError, match=r"holds no meshes .*There are \.fbx files: export them as GLB or OBJ"):
        MeshFolderSource(folder=tmp_path).subject_ids()
    with pytest.raises(InputError, match="there is no such folder"):
        generate(options(tmp_path / "data", tmp_path / "person.fbx"), progress=False)


def test_ids_that_come_twice_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_good(tmp_path / "meshes")
    monkeypatch.setattr(MeshFolderSource, "subject_ids", lambda self: ["a00.obj", "a01.obj", "a00.obj"])
    with pytest.raises(InputError, match=r"'a00\.obj' is listed twice"):
        generate(options(tmp_path / "data", folder), progress=False)


def test_an_unreadable_background_database_is_named(tmp_path: Path) -> None:
    base = tmp_path / "lsun" / "bedroom_train_lmdb"
    base.mkdir(parents=True)
    (base / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(InputError, match="bedroom_train_lmdb"):
        for database in find_databases(tmp_path / "lsun"):
            database.keys(1)


def test_configs_with_unknown_keys_are_named(tmp_path: Path) -> None:
    known = {
        "args": {},
        "meshPath": "m",
        "bgImgPath": "b",
        "dataPrefix": 0,
        "skyLightRotDegrees": [None, None, 180],
        "randomRot": [],
    }
    (tmp_path / "000000.json").write_text(json.dumps({**known, "moonLight": 3}))
    with pytest.raises(InputError, match=r"000000\.json: has unknown keys: moonLight"):
        read_config(tmp_path / "000000.json")
    (tmp_path / "000000.json").write_text(json.dumps(known)[:-9])
    with pytest.raises(InputError, match=r"000000\.json: is not a readable JSON file"):
        read_config(tmp_path / "000000.json")


@pytest.mark.slow
def test_a_million_loose_triangles_do_not_hurt(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    count = 1_000_000
    corners = (rng.random((count, 1, 3)) * [0.6, 1.7, 0.4] + rng.normal(0, 0.01, (count, 3, 3))).astype("<f4").reshape(-1, 3)
    faces = np.empty(count, [("n", "u1"), ("v", "<i4", 3)])
    faces["n"], faces["v"] = 3, np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {3 * count}\n"
    head += "property float x\nproperty float y\nproperty float z\n"
    head += f"element face {count}\nproperty list uchar int vertex_indices\nend_header\n"
    folder = write_good(tmp_path / "meshes")
    (folder / "z.ply").write_bytes(head.encode() + corners.tobytes() + faces.tobytes())
    report = generate(options(tmp_path / "data", folder), progress=False)
    assert list(report.quarantined) == ["z.ply"] and "loose triangles" in report.quarantined["z.ply"]


def limited(megabytes: float) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (int(megabytes * 1e6),) * 2)


def test_a_full_disk_is_said_and_the_run_continues_when_there_is_room(tmp_path: Path, clean: DatasetReport) -> None:
    folder = write_good(tmp_path / "meshes")
    command = [sys.executable, "-m", "vitruvian.cli.main", "datagen", "--out", str(tmp_path / "data"), "--source", "meshes",
               "--folder", str(folder), "--held-out", "0", "--views-per-subject", "1", "--size-px", "48",
               "--query-points", "500", "--voxel-resolution", "16", "--block-size", "2", "--num-actors", "0"]  # fmt: skip
    full = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited(0.03))
    assert full.returncode == 2, full.stderr
    assert "block-000000.arrow: the disk is full or a limit is reached (File too large" in full.stderr
    assert "Traceback" not in full.stderr and not list((tmp_path / "data").rglob("*.tmp"))
    report = generate(options(tmp_path / "data", folder), progress=False)
    assert report.fingerprint == clean.fingerprint
