"""A folder of meshes: what is read, into which frame, and what is refused with which words."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from figures import figure, subject, write_obj
from PIL import Image

from vitruvian.datagen.checks.subject import check_subject
from vitruvian.datagen.convention import Convention
from vitruvian.datagen.sources.meshes import MeshFolderSource, read_mesh
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh


def test_a_figure_is_placed_on_the_floor(tmp_path: Path) -> None:
    moved = figure(1)
    write_obj(tmp_path / "a.obj", Mesh(vertices=moved.vertices + np.float32([3, 0.7, -2]), faces=moved.faces))
    loaded = MeshFolderSource(folder=tmp_path).load("a.obj")
    check_subject(loaded)
    assert loaded.mesh.num_faces == moved.num_faces
    assert loaded.mesh.vertices[:, 1].min() == pytest.approx(0, abs=1e-5)
    assert np.allclose(np.median(loaded.mesh.vertices[:, [0, 2]], axis=0), 0, atol=1e-5)
    nose = loaded.mesh.vertices[loaded.mesh.vertices[:, 2].argmax()]
    assert nose[1] > 1.3
    matrix = np.array(loaded.attributes["world_from_file"])
    first = read_mesh(tmp_path / "a.obj").vertices[0]
    assert np.allclose(matrix[:3, :3] @ first + matrix[:3, 3], loaded.mesh.vertices[0], atol=1e-5)


def test_units_and_z_up(tmp_path: Path) -> None:
    upright = figure(2)
    z_up = Mesh(vertices=np.ascontiguousarray(upright.vertices[:, [0, 2, 1]] * np.float32([1, -1, 1])), faces=upright.faces)
    write_obj(tmp_path / "b.obj", z_up, scale=100)
    loaded = MeshFolderSource(folder=tmp_path, convention=Convention(unit="cm", up="z")).load("b.obj")
    check_subject(loaded)
    straight = figure(2).vertices
    placed = straight - [np.median(straight[:, 0]), straight[:, 1].min(), np.median(straight[:, 2])]
    ours = loaded.mesh.vertices[np.lexsort(loaded.mesh.vertices.T.round(4))]
    assert np.allclose(ours, placed[np.lexsort(placed.astype(np.float32).T.round(4))], atol=1e-3)


@pytest.mark.parametrize(
    ("scale", "words"),
    [(100, r"centimetres \(cm\)"), (1000, r"millimetres \(mm\)"), (1 / 0.0254, r"inches \(in\)"), (1e-5, "Check its unit")],
)
def test_wrong_units_are_named(scale: float, words: str) -> None:
    mesh = figure(0)
    large = Mesh(vertices=mesh.vertices * np.float32(scale), faces=mesh.faces)
    with pytest.raises(InputError, match=f"figure0: the mesh is .* high; .*{words}"):
        check_subject(Subject(subject_id="figure0", mesh=large, source="test", licence=""))


def test_a_lying_figure_is_noticed() -> None:
    mesh = figure(0)
    lying = Mesh(vertices=np.ascontiguousarray(mesh.vertices[:, [0, 2, 1]] * np.float32([1, 1, 1])), faces=mesh.faces)
    with pytest.raises(InputError, match="z up"):
        check_subject(Subject(subject_id="x", mesh=lying, source="test", licence=""))


def broken_vertices(mesh: Mesh) -> Mesh:
    vertices = mesh.vertices.copy()
    vertices[5, 1] = np.nan
    return Mesh(vertices=vertices, faces=mesh.faces)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda mesh: Mesh(vertices=mesh.vertices, faces=np.zeros((0, 3), np.int32)), "no faces"),
        (broken_vertices, "1 vertices have coordinates that are not numbers"),
        (lambda mesh: Mesh(vertices=mesh.vertices[:50], faces=mesh.faces), "do not exist"),
        (lambda mesh: Mesh(vertices=mesh.vertices * np.float32([1, 1, 0]), faces=mesh.faces), "flat"),
    ],
)
def test_unusable_meshes_are_refused(change, words: str) -> None:
    check_subject(subject(0))
    with pytest.raises(InputError, match=f"figure0: .*{words}"):
        check_subject(Subject(subject_id="figure0", mesh=change(figure(0)), source="test", licence=""))


def test_files_that_are_no_meshes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        MeshFolderSource(folder=tmp_path / "none").subject_ids()
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="holds no meshes"):
        MeshFolderSource(folder=tmp_path).subject_ids()
    (tmp_path / "broken.ply").write_bytes(b"ply\nnonsense")
    (tmp_path / "points.obj").write_text("v 0 0 0\nv 0 1 0\nv 1 1 0\n")
    assert MeshFolderSource(folder=tmp_path).subject_ids() == ["broken.ply", "points.obj"]
    with pytest.raises(InputError, match=r"broken\.ply: is not a readable mesh"):
        read_mesh(tmp_path / "broken.ply")
    with pytest.raises(InputError, match=r"points\.obj"):
        read_mesh(tmp_path / "points.obj")


def test_vertex_colours_and_textures_are_read_and_seams_are_closed(tmp_path: Path) -> None:
    mesh = figure(3)
    trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=mesh.vertex_colors, process=False).export(tmp_path / "c.ply")
    coloured = read_mesh(tmp_path / "c.ply")
    assert coloured.vertex_colors is not None
    expected = {tuple(map(float, v)): tuple(c) for v, c in zip(mesh.vertices.round(3), mesh.vertex_colors, strict=True)}
    found = {tuple(map(float, v)): tuple(c) for v, c in zip(coloured.vertices.round(3), coloured.vertex_colors, strict=True)}
    assert sum(expected[key] == found.get(key) for key in expected) > 0.99 * len(expected)

    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    split = trimesh.Trimesh(corners[faces.reshape(-1)], np.arange(12).reshape(4, 3), process=False)
    uvs = np.random.default_rng(0).random((12, 2))
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture)
    split.visual = trimesh.visual.TextureVisuals(uv=uvs, material=material)
    split.export(tmp_path / "d.glb")
    closed = read_mesh(tmp_path / "d.glb")
    assert closed.num_vertices == 4 and closed.num_faces == 4
    edges = np.concatenate([closed.faces[:, [0, 1]], closed.faces[:, [1, 2]], closed.faces[:, [2, 0]]])
    assert {tuple(e) for e in edges.tolist()} == {tuple(e[::-1]) for e in edges.tolist()}
    assert closed.texture is not None and closed.texture.shape == (8, 8, 3)
    assert closed.uvs is not None and closed.uv_faces is not None
    assert np.allclose(np.sort(closed.uvs[closed.uv_faces.reshape(-1)], axis=0), np.sort(uvs, axis=0), atol=1e-6)
