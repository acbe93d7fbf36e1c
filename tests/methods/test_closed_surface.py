"""Surfaces from grids: closed, in place, without specks, coloured by the picture."""

import numpy as np
import pytest
from people import CENTRES, COLOURS, RADII, camera, stored_view

from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.field_grid import evaluate_near_surface
from vitruvian.methods.grid import Grid
from vitruvian.methods.surface import closed_surface, coloured_from_picture, without_specks


def balls(points: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(points[:, None].astype(np.float64) - CENTRES, axis=2) - RADII
    return (1 / (1 + np.exp(20 * distance.min(1)))).astype(np.float32)


def volume_of(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def open_edges(mesh: Mesh) -> int:
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    return int((np.unique(edges, axis=0, return_counts=True)[1] != 2).sum())


GRID = Grid(minimum=(-0.6, -0.1, -0.6), maximum=(0.6, 1.9, 0.6), resolution=(48, 80, 48))


def test_the_surface_is_where_the_field_passes_the_level() -> None:
    mesh = closed_surface(evaluate_near_surface(balls, GRID).values, GRID, level=0.5)
    distance = (np.linalg.norm(mesh.vertices[:, None] - CENTRES, axis=2) - RADII).min(1)
    assert np.abs(distance).max() < 0.01 and open_edges(mesh) == 0
    expected = 4 / 3 * np.pi * (RADII**3).sum()
    assert 0.85 * expected < volume_of(mesh) < expected  # outward faces; the balls overlap a little


def test_a_surface_cut_by_the_grid_is_closed_there() -> None:
    half = Grid(minimum=(-0.6, -0.1, -0.6), maximum=(0.0, 1.9, 0.6), resolution=(24, 80, 48))
    mesh = closed_surface(evaluate_near_surface(balls, half).values, half, level=0.5)
    assert open_edges(mesh) == 0 and mesh.vertices[:, 0].max() < 0.0 and volume_of(mesh) > 0.05


def test_specks_are_dropped_and_the_rest_stays() -> None:
    mesh = closed_surface(evaluate_near_surface(balls, GRID).values, GRID, level=0.5)
    everything, dropped = without_specks(mesh, 0.0)
    assert everything is mesh and dropped == 0
    person, dropped = without_specks(mesh, 0.2)
    assert dropped == 1  # the ball beside it
    assert (np.linalg.norm(person.vertices - CENTRES[2], axis=1) > RADII[2] + 0.02).all()
    assert open_edges(person) == 0 and person.faces.max() == person.num_vertices - 1
    largest, dropped = without_specks(mesh, 1.0)
    assert dropped == 2 and largest.num_faces < person.num_faces
    empty = Mesh(vertices=np.zeros((0, 3), np.float32), faces=np.zeros((0, 3), np.int32))
    assert without_specks(empty, 0.5) == (empty, 0)


@pytest.mark.parametrize("size_px", [128, 200])
def test_vertices_take_the_colour_of_the_pixel_in_front(size_px: int) -> None:
    stored = stored_view(size_px=size_px)
    behind = np.array([0, 0, 0.3])
    points = np.concatenate([CENTRES[:2] + behind, CENTRES[:2] - behind, [(0, 1.5 + RADII[0] * 0.999, 0)]])
    mesh = Mesh(vertices=points.astype(np.float32), faces=np.zeros((0, 3), np.int32))
    colored = coloured_from_picture(mesh, stored["rgb"], stored["mask"], camera(size_px=size_px))
    assert colored.vertex_colors is not None
    np.testing.assert_allclose(colored.vertex_colors, COLOURS[[0, 1, 0, 1, 0]], atol=1)  # also behind and at the outline
