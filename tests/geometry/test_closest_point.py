"""Nearest faces and points against brute force."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from shapes import Surface, bumpy_body, sphere

from vitruvian.geometry.closest_point import chamfer, closest_point, nearest_points
from vitruvian.geometry.sampling import sample_surface


def brute_force(mesh: Surface, points: np.ndarray) -> np.ndarray:
    """The smallest distance over all faces: to the foot in the plane where it is inside, and to the three edges."""
    a, b, c = mesh[0].astype(np.float64)[mesh[1]].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    squared = (normal * normal).sum(1)
    solid = squared > 0
    unit = np.divide(normal, squared[:, None], out=np.zeros_like(normal), where=solid[:, None])
    result = np.empty(len(points))
    for index, point in enumerate(points.astype(np.float64)):
        nearest = np.inf
        for start, end in ((a, b), (b, c), (c, a)):
            edge = end - start
            length2 = (edge * edge).sum(1)
            t = np.divide(((point - start) * edge).sum(1), length2, out=np.zeros_like(length2), where=length2 > 0).clip(0, 1)
            nearest = min(nearest, np.linalg.norm(point - start - t[:, None] * edge, axis=1).min())
        v = (np.cross(point - a, c - a) * unit).sum(1)
        w = (np.cross(b - a, point - a) * unit).sum(1)
        over = solid & (v >= 0) & (w >= 0) & (v + w <= 1)
        height = np.abs(((point - a) * normal).sum(1)) / np.sqrt(np.where(solid, squared, 1))
        result[index] = min(nearest, height[over].min(initial=np.inf))
    return result


def queries(mesh: Surface, sigma: float, count: int) -> np.ndarray:
    points = sample_surface(*mesh, count, 1).points
    return (points + np.random.default_rng(2).normal(0, sigma, points.shape)).astype(np.float32)


def slivers() -> Surface:
    """Needles and faces without area between proper ones."""
    rng = np.random.default_rng(4)
    start, along = rng.normal(size=(60, 3)), rng.normal(size=(60, 3))
    width = np.repeat([1.0, 1e-3, 1e-6, 0.0], 15)[:, None]
    corners = np.stack([start, start + along, start + 0.5 * along + width * rng.normal(size=(60, 3))], axis=1)
    corners[-3:] = corners[-3:, :1]  # single points
    return corners.reshape(-1, 3).astype(np.float32), np.arange(180, dtype=np.int32).reshape(-1, 3)


@pytest.mark.parametrize("sigma", [1e-3, 0.05, 3.0])
@pytest.mark.parametrize("mesh", [bumpy_body(), sphere(subdivisions=0), slivers()], ids=["body", "octahedron", "slivers"])
def test_distances_are_those_of_brute_force(mesh: Surface, sigma: float) -> None:
    points = queries(mesh, sigma, 700)
    result = closest_point(*mesh, points)
    size = max(float(np.ptp(mesh[0])), float(np.ptp(points)))
    np.testing.assert_allclose(result.distance, brute_force(mesh, points), rtol=0, atol=1e-6 * size)
    np.testing.assert_allclose(np.linalg.norm(result.points - points, axis=1), result.distance, atol=1e-6 * size)
    on_face = np.einsum("nk,nkd->nd", result.barycentrics, mesh[0][mesh[1][result.face_id]])
    np.testing.assert_allclose(on_face, result.points, atol=1e-6 * size)
    assert result.barycentrics.min() >= -1e-6
    np.testing.assert_allclose(result.barycentrics.sum(1), 1, atol=1e-6)


def test_points_on_a_sphere_know_their_distance() -> None:
    mesh = sphere(subdivisions=6)
    points = queries(mesh, 0.2, 5000)
    expected = np.abs(np.linalg.norm(points, axis=1) - 1)
    np.testing.assert_allclose(closest_point(*mesh, points).distance, expected, atol=3e-4)


@pytest.mark.parametrize("num_targets", [1, 7, 8, 9, 63, 65, 600, 5000])
def test_nearest_points_are_those_of_a_kd_tree(num_targets: int) -> None:
    rng = np.random.default_rng(num_targets)
    targets, points = rng.normal(size=(num_targets, 3)), rng.normal(size=(3000, 3)) * 2
    result = nearest_points(targets, points)
    expected, index = cKDTree(targets).query(points)
    np.testing.assert_allclose(result.distance, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(result.distance, np.linalg.norm(targets[result.target_id] - points, axis=1), atol=1e-12)
    assert (result.target_id == index).mean() > 0.999


def test_chamfer_is_nearest_points_both_ways() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(900, 3)), rng.normal(size=(1300, 3))
    both = chamfer(first, second)
    there, back = cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]
    np.testing.assert_allclose(both.first_to_second.distance, there, atol=1e-6)
    np.testing.assert_allclose(both.second_to_first.distance, back, atol=1e-6)
    assert both.mean_distance == pytest.approx((there.mean() + back.mean()) / 2, abs=1e-6)
    assert both.mean_squared_distance == pytest.approx(((there**2).mean() + (back**2).mean()) / 2, abs=1e-6)
    assert chamfer(first, first).mean_distance == 0


def test_many_equal_points_and_far_queries() -> None:
    targets = np.zeros((1000, 3), np.float32)
    targets[500] = 1
    result = nearest_points(targets, np.array([[2, 2, 2], [-1, 0, 0], [1e6, 0, 0]], np.float32))
    np.testing.assert_allclose(result.distance, [np.sqrt(3), 1, 1e6 - 1], rtol=1e-6)
    assert result.target_id[0] == 500


def test_threads_change_nothing() -> None:
    mesh = bumpy_body()
    points = queries(mesh, 0.05, 5000)
    for other in (closest_point(*mesh, points, threads=3), closest_point(*mesh, points[::-1])):
        assert np.array_equal(np.sort(other.distance), np.sort(closest_point(*mesh, points).distance))
    one, three = (nearest_points(points[:2000], points, threads=threads) for threads in (1, 3))
    assert np.array_equal(one.target_id, three.target_id)


def test_errors_say_what_was_wanted() -> None:
    vertices, faces = sphere(subdivisions=0)
    points = np.zeros((2, 3), np.float32)
    assert closest_point(vertices, faces, points[:0]).points.shape == (0, 3)
    with pytest.raises(ValueError, match="faces is empty"):
        closest_point(vertices, faces[:0], points)
    with pytest.raises(ValueError, match=r"points is float32 \(2, 2\)"):
        closest_point(vertices, faces, points[:, :2])
    with pytest.raises(ValueError, match="targets is empty"):
        nearest_points(points[:0], points)
    with pytest.raises(ValueError, match="queries has a value that is not finite in row 1"):
        nearest_points(points, np.array([[0, 0, 0], [0, np.nan, 0]], np.float32))
