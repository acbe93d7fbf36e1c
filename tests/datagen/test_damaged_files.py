"""Files damaged at random places: whatever happens to them, a source either reads them or says why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh
from figures import ellipsoid
from layouts import obj_text
from PIL import Image

from vitruvian.datagen.checks.subject import find_problem
from vitruvian.datagen.sources.meshes import MeshFolderSource
from vitruvian.errors import InputError


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut off, bytes exchanged, a stretch repeated, removed or overwritten, or lines shuffled."""
    raw = bytearray(data)
    kind, at = int(rng.integers(6)), int(rng.integers(len(raw)))
    length = int(rng.integers(1, 40))
    if kind == 0:
        return bytes(raw[:at])
    if kind == 1:
        for place in rng.integers(len(raw), size=5):
            raw[place] = int(rng.integers(256))
    elif kind == 2:
        raw[at:at] = raw[at : at + length] * 3
    elif kind == 3:
        del raw[at : at + length]
    elif kind == 4:
        raw[at : at + length] = rng.choice(
            [b"-", b"9" * 12, b"nan", b"1e999", b"/", b"\n", b" ", b"f 1 2 3\n", b"\xff\xfe", b"#"]
        )
    else:
        lines = bytes(raw).split(b"\n")
        a, b = rng.integers(len(lines), size=2)
        lines[a], lines[b] = lines[b], lines[a]
        return b"\n".join(lines)
    return bytes(raw)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("samples")
    mesh = ellipsoid((0, 0.9, 0), (0.3, 0.9, 0.2), rings=5)
    uvs = np.random.default_rng(0).random((mesh.num_vertices, 2))
    head = "mtllib person.mtl\nusemtl skin\n"
    (root / "person.obj").write_text(obj_text(mesh.vertices, mesh.faces, uvs=uvs, uv_faces=mesh.faces, head=head))
    (root / "person.mtl").write_text("newmtl skin\nKd 1 0.5 0.5\nmap_Kd -s 1 1 1 person.png\n")
    pixels = np.random.default_rng(1).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(root / "person.png")
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    for kind in ("ply", "glb", "stl", "off"):
        content = solid.export(file_type=kind)
        (root / f"person.{kind}").write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning:trimesh")
@pytest.mark.parametrize(
    "victim", ["person.obj", "person.mtl", "person.png", "person.ply", "person.glb", "person.stl", "person.off"]
)
def test_every_damage_is_survived(samples: Path, tmp_path: Path, victim: str) -> None:
    mesh_file = "person.obj" if victim.endswith((".mtl", ".png")) else victim
    refused = 0
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name in ("person.obj", "person.mtl", "person.png") if mesh_file == "person.obj" else (mesh_file,):
            shutil.copy(samples / name, folder / name)
        data = damaged((samples / victim).read_bytes(), np.random.default_rng((seed, len(victim))))
        (folder / victim).write_bytes(data)
        try:
            found = find_problem(MeshFolderSource(folder=folder).load(mesh_file))
        except InputError as error:
            assert "person" in str(error) and len(str(error)) < 700
            refused += 1
        else:
            refused += found is not None
    assert refused > 3
