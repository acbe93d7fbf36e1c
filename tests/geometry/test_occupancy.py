"""The inside test against the exact solid-angle sum, on closed, overlapping, holed and broken meshes."""

from typing import Any

import numpy as np
import pytest
from shapes import Surface, bumpy_body, joined, sphere, without_patches

from vitruvian.geometry.occupancy import occupancy, winding_number
from vitruvian.geometry.sampling import sample_surface


def exact_winding_number(vertices: np.ndarray, faces: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The sum of the solid angles of all faces over 4 pi (van Oosterom and Strackee 1983), in float64."""
    corners = vertices.astype(np.float64)[faces]
    result = np.empty(len(points))
    for index, point in enumerate(points.astype(np.float64)):
        a, b, c = (corners - point).transpose(1, 0, 2)
        la, lb, lc = (np.sqrt((v * v).sum(1)) for v in (a, b, c))
        numerator = np.einsum("ij,ij->i", a, np.cross(b, c))
        denominator = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
        result[index] = np.arctan2(numerator, denominator).sum() / (2 * np.pi)
    return result


def points_around(mesh: Surface, *, sigma: float, count: int, seed: int) -> np.ndarray:
    """Sixteen points near the surface for each one in the bounding box, as PIFu draws them."""
    vertices, faces = mesh
    rng = np.random.default_rng(seed)
    num_uniform = count // 17
    near = sample_surface(vertices, faces, count - num_uniform, seed).points + rng.normal(0, sigma, (count - num_uniform, 3))
    low, high = vertices.min(0), vertices.max(0)
    return np.concatenate([near, rng.uniform(low - 0.1, high + 0.1, (num_uniform, 3))]).astype(np.float32)


MESHES = {
    "closed, overlapping": bumpy_body(),
    "six holes": without_patches(bumpy_body(), num_patches=6, faces_per_patch=30, seed=1),
    "many holes": without_patches(bumpy_body(), num_patches=100, faces_per_patch=3, seed=2),
    "half of it gone": without_patches(bumpy_body(), num_patches=1, faces_per_patch=1000, seed=3),
    "inside out": (bumpy_body()[0], np.ascontiguousarray(bumpy_body()[1][:, ::-1])),
    "some faces turned over": (bumpy_body()[0], np.concatenate([bumpy_body()[1][:1500], bumpy_body()[1][1500:, ::-1]])),
    "some faces twice": (bumpy_body()[0], np.concatenate([bumpy_body()[1], bumpy_body()[1][100:180]])),
}


@pytest.mark.parametrize("name", MESHES)
@pytest.mark.parametrize("sigma", [0.05, 0.005])
def test_labels_are_those_of_the_exact_sum(name: str, sigma: float) -> None:
    vertices, faces = MESHES[name]
    points = points_around((vertices, faces), sigma=sigma, count=600, seed=7)
    exact = exact_winding_number(vertices, faces, points)
    labels = occupancy(vertices, faces, points)
    assert np.array_equal(labels, exact > 0.5)
    assert name == "inside out" or 0.05 < labels.mean() < 0.95
    for tolerance in (1e-2, 1e-6, 0.0):
        assert np.abs(winding_number(vertices, faces, points, tolerance=tolerance) - exact).max() <= tolerance + 1e-10


def test_separate_triangles_count_as_one_surface() -> None:
    """A mesh that shares no vertices has every edge open by index; equal positions close it."""
    vertices, faces = bumpy_body(subdivisions=3)
    soup = np.ascontiguousarray(vertices[faces].reshape(-1, 3)), np.arange(3 * len(faces), dtype=np.int32).reshape(-1, 3)
    points = points_around((vertices, faces), sigma=0.02, count=4000, seed=3)
    assert np.array_equal(occupancy(*soup, points), occupancy(vertices, faces, points))
    assert np.array_equal(winding_number(*soup, points, tolerance=0.5), winding_number(vertices, faces, points))


def test_disconnected_triangles_use_the_hierarchy_within_its_bound() -> None:
    """Shrunken triangles leave an open edge everywhere: thousands of them, so the sum must come from the tree."""
    vertices, faces = bumpy_body()
    corners = vertices[faces]
    shrunk = (corners.mean(1, keepdims=True) + 0.97 * (corners - corners.mean(1, keepdims=True))).reshape(-1, 3)
    soup = np.ascontiguousarray(shrunk), np.arange(len(shrunk), dtype=np.int32).reshape(-1, 3)
    points = points_around((vertices, faces), sigma=0.02, count=700, seed=3)
    exact = exact_winding_number(*soup, points)
    assert np.abs(winding_number(*soup, points, tolerance=1e-3) - exact).max() <= 1e-3
    assert np.abs(winding_number(*soup, points, tolerance=0.1) - exact).max() <= 0.1
    assert np.array_equal(occupancy(*soup, points), exact > 0.5)


def test_float32_and_float64_and_every_thread_count_agree() -> None:
    for mesh in (MESHES["closed, overlapping"], MESHES["six holes"]):
        points = points_around(mesh, sigma=0.02, count=20000, seed=1)
        expected = occupancy(*mesh, points)
        for threads in (2, 3, 7):
            assert np.array_equal(occupancy(*mesh, points, threads=threads), expected)
        assert np.array_equal(occupancy(mesh[0].astype(np.float64), mesh[1], points.astype(np.float64)), expected)


def test_overlapping_parts_count_twice_and_are_inside() -> None:
    mesh = joined(sphere(radius=1.0), sphere(radius=0.5, center=(0.9, 0.0, 0.0)))
    points = np.array([[0.7, 0, 0], [0, 0, 0], [1.2, 0, 0], [2, 0, 0]], np.float32)
    assert winding_number(*mesh, points).tolist() == [2, 1, 1, 0]
    assert occupancy(*mesh, points).tolist() == [True, True, True, False]


def test_points_on_edges_and_vertices_of_the_projection_are_counted_once() -> None:
    """A cube and a grid of points that line up with its corners, edges and diagonals along every axis."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1.5, 1.5, 13, dtype=np.float32)] * 3, indexing="ij"), -1).reshape(-1, 3)
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    faces = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
                      [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]], np.int32)  # fmt: skip
    on_surface = np.abs(grid).max(1) == 1
    expected = np.abs(grid).max(1) < 1
    for stretch in ([1, 1, 1], [0.5, 1, 1], [1, 0.5, 1], [1, 1, 0.5]):
        scale = np.array(stretch, np.float32)
        labels = occupancy(corners * scale, faces, grid * scale)
        assert np.array_equal(labels[~on_surface], expected[~on_surface])
    shared_by_tiles = sum(
        occupancy(corners + np.array([2 * i, 2 * j, 2 * k], np.float32), faces, grid).astype(int)
        for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)
    )  # fmt: skip
    assert (shared_by_tiles == 1).all()  # cubes that tile space own every point exactly once, faces and corners included


def test_points_a_hair_beside_a_face() -> None:
    """float64 points 1e-15 on either side of tilted faces: the float32 filter must hand them on."""
    vertices, faces = sphere(subdivisions=2)
    doubles = vertices.astype(np.float64)
    corners = doubles[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    centers = corners.mean(1)
    assert occupancy(doubles, faces, centers - 1e-14 * normals).all()
    assert not occupancy(doubles, faces, centers + 1e-14 * normals).any()


def test_empty_inputs() -> None:
    vertices, faces = sphere(subdivisions=0)
    assert occupancy(vertices, faces, np.zeros((0, 3), np.float32)).shape == (0,)
    assert not occupancy(vertices, faces[:0], np.zeros((2, 3), np.float32)).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v, f, p: (v[:, :2], f, p), r"vertices is float32 \(6, 2\); it must be .*float32 \(V, 3\)"),
        (lambda v, f, p: (v, f + 4, p), r"faces has the index 6 in row 0; it must be from 0 to 5"),
        (lambda v, f, p: (v, f - 1, p), r"faces has the index -1 in row 0"),
        (lambda v, f, p: (v, f, p[0]), r"points is float32 \(3,\)"),
        (lambda v, f, p: (v, f, p * np.float32(np.nan)), r"points has a value that is not finite in row 0"),
        (lambda v, f, p: (v / np.float32(0), f, p), r"vertices has a value that is not finite in row 0"),
        (lambda v, f, p: (v, f + 0.5, p), r"faces is float64.*integer"),
    ],
)  # fmt: skip
def test_errors_say_what_was_wanted(change: Any, message: str) -> None:
    vertices, faces = sphere(subdivisions=0)
    with np.errstate(all="ignore"):
        arguments = change(vertices, faces, np.ones((4, 3), np.float32))
    with pytest.raises(ValueError, match=message):
        occupancy(*arguments)
    with pytest.raises(ValueError, match="threads is 0"):
        occupancy(vertices, faces, np.ones((4, 3), np.float32), threads=0)
