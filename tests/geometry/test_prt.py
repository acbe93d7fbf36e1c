"""Transfer vectors: the published golden case, shapes whose answer is known, and the promised error."""

from pathlib import Path

import numpy as np
import pytest
from shapes import bumpy_body, joined, sphere

from vitruvian.geometry.prt import Directions, published_directions, spread_directions, transfer

CASE = np.load(Path(__file__).parents[1] / "golden" / "prt" / "case.npz")
# Real spherical harmonics of the unit vector, times the zonal ones of a Lambert surface.
LAMBERT = np.pi * np.array([1.0, 2 / 3, 2 / 3, 2 / 3, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4])


def harmonics(n: np.ndarray) -> np.ndarray:
    x, y, z = n.T
    columns = [0.282095 + 0 * x, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z]
    columns += [0.315392 * (3 * z * z - 1), 1.092548 * z * x, 0.546274 * (x * x - y * y)]
    return np.stack(columns, axis=1)


def radial(vertices: np.ndarray) -> np.ndarray:
    """Unit vectors away from the origin."""
    return (vertices / np.linalg.norm(vertices, axis=1, keepdims=True)).astype(np.float32)


def error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def test_published_directions() -> None:
    chosen = published_directions(CASE["in_rand_theta"], CASE["in_rand_phi"])
    assert np.abs(chosen.directions[:50] - CASE["out_ray_dir_first50"]).max() < 1e-7
    assert np.abs(harmonics(CASE["out_ray_dir_first50"]) - CASE["out_sh_basis_first50"]).max() < 1e-6
    assert chosen.weights.sum() == pytest.approx(4 * np.pi, rel=1e-5)


def test_published_transfer() -> None:
    vertices, faces = CASE["out_vertices_rescaled"].astype(np.float32), CASE["in_faces"]
    points = np.ascontiguousarray(vertices[faces].reshape(-1, 3))
    normals = np.ascontiguousarray(CASE["out_prt_normal_corner"].reshape(-1, 3))
    rays = published_directions(CASE["in_rand_theta"], CASE["in_rand_phi"])
    found = transfer(points, normals, vertices, faces, directions=rays)
    off = np.abs(found - CASE["out_prt_corner"].reshape(-1, 9)).max(axis=1)
    assert (off < 1e-4).mean() >= 0.99 and off.max() < 0.03


def test_nothing_in_the_way_is_the_lambert_surface() -> None:
    vertices, faces = sphere(subdivisions=4)
    normals = radial(vertices)
    for number, most in ((160, 0.01), (1600, 0.001)):
        found = transfer(vertices, normals, vertices, faces, directions=spread_directions(number), offset=0.01)
        assert error(found, harmonics(normals) * LAMBERT) < most


def test_a_wall_takes_half_of_the_light() -> None:
    """On a floor at the foot of a wall at x = 0 that goes on for ever, light comes from x > 0 only."""
    wall = np.array([[0, -1e4, 0], [0, 1e4, 0], [0, -1e4, 1e4], [0, 1e4, 1e4]], np.float32)
    point, up = np.array([[1e-3, 0, 1e-3]], np.float32), np.array([[0, 0, 1]], np.float32)
    found = transfer(point, up, wall, np.array([[0, 1, 2], [1, 3, 2]], np.int32), directions=spread_directions(8000), offset=0)
    open_half = harmonics(up)[0] * LAMBERT / 2
    # What is odd in x no longer cancels: the integrals of (d.z) Y over a quarter of the sphere.
    open_half[3], open_half[7] = 0.488603 * 2 / 3, 1.092548 * np.pi / 8
    assert np.abs(found[0] - open_half).max() < 4e-3


def test_inside_of_something_there_is_no_light() -> None:
    outer, (inner, faces) = sphere(radius=2.0), sphere(radius=1.0)
    vertices, all_faces = joined(outer, (inner, faces))
    found = transfer(inner, radial(inner), vertices, all_faces, offset=1e-3)
    assert not found.any()


def test_every_ray_is_right() -> None:
    """Against all triangles one by one, in double precision."""
    vertices, faces = bumpy_body(subdivisions=2)
    rng = np.random.default_rng(0)
    points = rng.uniform(vertices.min(axis=0), vertices.max(axis=0), (40, 3)).astype(np.float32)
    normals = radial(rng.normal(size=(40, 3)))
    rays = spread_directions(50)
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    expected = np.zeros((40, 9))
    for k, (point, normal) in enumerate(zip(points.astype(np.float64), normals.astype(np.float64), strict=True)):
        start = point + 0.01 * normal
        for direction, weight in zip(rays.directions.astype(np.float64), rays.weights, strict=True):
            if direction @ normal <= 0:
                continue
            across = np.cross(direction, c - a)
            determinant = np.einsum("nc,nc->n", b - a, across)
            u = np.einsum("nc,nc->n", start - a, across) / determinant
            sideways = np.cross(start - a, b - a)
            v = sideways @ direction / determinant
            t = np.einsum("nc,nc->n", c - a, sideways) / determinant
            if not ((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)).any():
                expected[k] += weight * (direction @ normal) * harmonics(direction[None])[0]
    found = transfer(points, normals, vertices, faces, directions=rays, offset=0.01)
    assert np.abs(found - expected).max() < 1e-5 and np.abs(expected).mean() > 0.02


def test_a_tenth_of_the_rays_leaves_less_error_than_the_published_ones() -> None:
    vertices, faces = bumpy_body(subdivisions=4)
    normals = radial(vertices)
    truth = transfer(vertices, normals, vertices, faces, directions=spread_directions(20_000))
    rng = np.random.default_rng(0)
    published = published_directions(rng.random((40, 40)), rng.random((40, 40)))
    ours, theirs = (transfer(vertices, normals, vertices, faces, directions=d) for d in (spread_directions(160), published))
    assert error(ours, truth) < 0.6 * error(theirs, truth)


def test_threads_do_not_change_a_bit() -> None:
    vertices, faces = bumpy_body(subdivisions=3)
    one, three = (transfer(vertices, radial(vertices), vertices, faces, threads=k) for k in (1, 3))
    assert one.tobytes() == three.tobytes()


def test_empty_and_wrong_input() -> None:
    vertices, faces = sphere(subdivisions=1)
    nothing = np.zeros((0, 3), np.float32)
    assert transfer(nothing, nothing, vertices, faces).shape == (0, 9)
    assert np.all(transfer(vertices, radial(vertices), nothing, np.zeros((0, 3), np.int32))[:, 0] > 0.8)
    assert not transfer(vertices, np.zeros_like(vertices), vertices, faces).any()
    with pytest.raises(ValueError, match="normals is float32"):
        transfer(vertices, vertices[:3].copy(), vertices, faces)
    with pytest.raises(ValueError, match="faces has the index"):
        transfer(vertices, vertices, vertices, faces + 1)
    with pytest.raises(ValueError, match="not finite"):
        transfer(np.full((1, 3), np.nan, np.float32), vertices[:1].copy(), vertices, faces)
    with pytest.raises(ValueError, match="at least 1"):
        spread_directions(0)
    with pytest.raises(ValueError, match="weights"):
        short = Directions(directions=spread_directions(8).directions, weights=np.ones(7, np.float32))
        transfer(vertices, vertices, vertices, faces, directions=short)
