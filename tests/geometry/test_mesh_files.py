"""A mesh survives the way through a file; a bad file is refused with the reason."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mesh_files import load_mesh, save_mesh


@pytest.fixture
def tetrahedron() -> Mesh:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32)
    return Mesh(vertices=vertices, faces=faces)


def _volume(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(float) for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply"])
def test_vertex_colours_survive(tmp_path: Path, tetrahedron: Mesh, suffix: str) -> None:
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]], np.uint8)
    save_mesh(tmp_path / f"m{suffix}", replace(tetrahedron, vertex_colors=colors))
    read = load_mesh(tmp_path / f"m{suffix}")
    assert np.array_equal(read.vertices, tetrahedron.vertices)
    assert np.array_equal(read.faces, tetrahedron.faces)
    assert read.vertex_colors is not None
    assert np.abs(read.vertex_colors.astype(int) - colors).max() <= 1


@pytest.mark.parametrize("suffix", [".glb", ".obj"])
def test_texture_survives_and_seams_are_welded(tmp_path: Path, tetrahedron: Mesh, suffix: str) -> None:
    rng = np.random.default_rng(0)
    textured = replace(
        tetrahedron,
        uvs=rng.uniform(0.1, 0.9, (12, 2)).astype(np.float32),
        uv_faces=np.arange(12, dtype=np.int32).reshape(4, 3),
        texture=rng.integers(0, 255, (8, 8, 3), np.uint8),
    )
    save_mesh(tmp_path / f"m{suffix}", textured)
    read = load_mesh(tmp_path / f"m{suffix}")
    assert read.num_vertices == 4
    assert _volume(read) == pytest.approx(1 / 6)
    assert read.uvs is not None and read.uv_faces is not None and read.texture is not None and textured.uvs is not None
    for own, other in zip(range(4), read.faces, strict=True):
        positions = {tuple(p) for p in read.vertices[other]}
        assert positions == {tuple(p) for p in tetrahedron.vertices[tetrahedron.faces[own]]}
    assert np.allclose(np.sort(read.uvs[read.uv_faces].reshape(-1, 2), axis=0), np.sort(textured.uvs, axis=0), atol=1e-6)
    assert read.texture.shape == (8, 8, 3)


def test_bad_files_are_refused_with_the_reason(tmp_path: Path, tetrahedron: Mesh) -> None:
    (tmp_path / "text.glb").write_text("hello")
    (tmp_path / "points.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n0 0 0\n"
    )
    (tmp_path / "nan.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 nan 0\nf 1 2 3\n")
    (tmp_path / "empty.obj").write_text("")
    cases = {
        "none.obj": "there is no such file",
        "mesh.stl": "the suffix is '.stl'",
        "text.glb": "text.glb: not a readable mesh",
        "points.ply": "points.ply: has no faces",
        "nan.obj": "1 of 3 vertices are not finite",
        "empty.obj": "empty.obj",
    }
    for name, message in cases.items():
        with pytest.raises(InputError, match=message):
            load_mesh(tmp_path / name)
    with pytest.raises(InputError, match="suffix"):
        save_mesh(tmp_path / "mesh.xyz", tetrahedron)
    assert not list(tmp_path.glob("mesh.xyz*"))
