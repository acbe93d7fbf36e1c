"""What the page holds of a mesh, decoded again, against the mesh."""

import base64
import zlib

import numpy as np
import pytest
from known_shapes import figure, sphere
from scipy.spatial import KDTree

from vitruvian.evaluate.report.packing import (
    DISTANCE_LIMIT_CM,
    MAX_FACES,
    MIN_FACES,
    Painted,
    face_budget,
    packed,
    painted,
    simplified,
)
from vitruvian.geometry.mesh import Mesh


def _decoded(content: dict) -> Painted:
    """The reading half of the layout, written down a second time."""
    raw = np.frombuffer(zlib.decompress(base64.b64decode(content["data"])), np.uint8)
    count, corners = content["vertices"], 3 * content["faces"]
    pieces = np.split(raw, np.cumsum([2 * count] * 3 + [count] * 6))
    assert len(pieces[-1]) == 2 * corners
    wide = [np.cumsum(p[: len(p) // 2] + np.uint16(256) * p[len(p) // 2 :], dtype=np.uint16) for p in (*pieces[:3], pieces[-1])]
    x, y = (piece / 127.5 - 1 for piece in pieces[3:5])
    z = 1 - np.abs(x) - np.abs(y)
    fold = np.maximum(-z, 0)
    normals = np.stack([x - fold * np.where(x >= 0, 1, -1), y - fold * np.where(y >= 0, 1, -1), z], axis=1)
    return Painted(
        np.stack(wide[:3], axis=1) * content["step"] + content["low"],
        wide[3].astype(np.int32).reshape(-1, 3),
        normals / np.linalg.norm(normals, axis=1, keepdims=True),
        np.stack([np.cumsum(piece, dtype=np.uint8) for piece in pieces[5:8]], axis=1),
        pieces[8] / 255 * content["limit"],
    )


def test_a_packed_mesh_is_the_mesh() -> None:
    mesh = figure()
    distance = np.linspace(0, 20, mesh.num_vertices)
    content = packed(painted(mesh, distance))
    got = _decoded(content)
    tree = KDTree(np.concatenate([mesh.vertices, mesh.vertex_colors / 10], axis=1))
    error, origin = tree.query(np.concatenate([got.vertices, got.colors / 10], axis=1))
    assert error.max() < 3e-5 and sorted(origin) == list(range(mesh.num_vertices))
    assert {tuple(sorted(face)) for face in origin[got.faces].tolist()} == {tuple(sorted(face)) for face in mesh.faces.tolist()}
    assert (got.normals * mesh.vertex_normals()[origin]).sum(axis=1).min() > 0.999
    np.testing.assert_allclose(got.distance_cm, np.minimum(distance[origin], DISTANCE_LIMIT_CM), atol=DISTANCE_LIMIT_CM / 250)
    turned = np.cross(*(got.vertices[got.faces[:, k]] - got.vertices[got.faces[:, 0]] for k in (1, 2)))
    assert ((turned * got.normals[got.faces[:, 0]]).sum(axis=1) > 0).mean() > 0.95  # still seen from outside


def test_the_same_mesh_gives_the_same_text() -> None:
    mesh = sphere(0.4)
    assert packed(painted(mesh, np.zeros(mesh.num_vertices))) == packed(painted(mesh, np.zeros(mesh.num_vertices)))


@pytest.mark.parametrize("max_faces", [500, 4000, 20_000])
def test_a_simplified_sphere_is_still_that_sphere(max_faces: int) -> None:
    mesh = sphere(0.5, subdivisions=6)  # 81,920 faces
    small = simplified(painted(mesh, np.full(mesh.num_vertices, 3.0)), max_faces)
    assert max_faces * 0.4 < len(small.faces) <= max_faces
    assert np.abs(np.linalg.norm(small.vertices, axis=1) - 0.5).max() < 0.04
    assert small.faces.max() == len(small.vertices) - 1
    np.testing.assert_allclose(small.distance_cm, 3.0, rtol=1e-6)
    shell = Mesh(vertices=small.vertices, faces=small.faces)
    agreement = (shell.vertex_normals() * small.normals).sum(axis=1)
    assert (agreement > 0.9).mean() > 0.98  # a few slivers fold over


def test_a_small_mesh_stays_as_it_is() -> None:
    surface = painted(sphere(0.5), np.zeros(sphere(0.5).num_vertices))
    assert simplified(surface, 10_000) is surface


def test_vertices_without_faces_are_dropped() -> None:
    ball = sphere(0.3)
    loose = Mesh(vertices=np.concatenate([ball.vertices, np.ones((5, 3), np.float32)]), faces=ball.faces)
    assert len(painted(loose, np.zeros(loose.num_vertices)).vertices) == ball.num_vertices


def test_too_many_vertices_are_refused() -> None:
    many = Painted(*(np.zeros((70_000, 3), np.float32),) * 3, np.zeros((70_000, 3), np.uint8), np.zeros(70_000, np.float32))
    with pytest.raises(ValueError, match="Simplify it first"):
        packed(many)


def test_the_budget_shrinks_with_the_number_of_meshes() -> None:
    budgets = [face_budget(count, 10.0) for count in (1, 16, 100, 10_000)]
    assert budgets[0] == MAX_FACES and budgets[-1] == MIN_FACES and budgets == sorted(budgets, reverse=True)
