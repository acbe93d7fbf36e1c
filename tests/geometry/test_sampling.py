"""Points on a surface: where they say they are, as many per area as they should be, the same for the same seed."""

import hashlib

import numpy as np
import pytest
from shapes import bumpy_body, sphere

from vitruvian.geometry.sampling import sample_surface


def test_points_are_where_face_and_barycentrics_say() -> None:
    vertices, faces = bumpy_body()
    sample = sample_surface(vertices, faces, 5000, 1)
    expected = np.einsum("nk,nkd->nd", sample.barycentrics, vertices[faces[sample.face_id]])
    np.testing.assert_allclose(sample.points, expected, atol=2e-7)
    np.testing.assert_allclose(sample.barycentrics.sum(1), 1, atol=1e-6)
    assert (sample.barycentrics >= 0).all()
    assert (sample.points.dtype, sample.face_id.dtype, sample.barycentrics.dtype) == (np.float32, np.int32, np.float32)


def test_every_face_gets_its_share_of_the_area() -> None:
    vertices, faces = bumpy_body()
    a, b, c = vertices.astype(np.float64)[faces].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    count = np.bincount(sample_surface(vertices, faces, 100_000, 5).face_id, minlength=len(faces))
    assert np.abs(count - 100_000 * area / area.sum()).max() < 2  # stratified: two partial strata at most


def test_points_are_uniform_within_a_face_and_fill_it() -> None:
    triangle = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32), np.array([[0, 1, 2]], np.int32)
    weights = sample_surface(*triangle, 100_000, 2).barycentrics.astype(np.float64)
    np.testing.assert_allclose(weights.mean(0), 1 / 3, atol=4e-3)
    np.testing.assert_allclose(np.cov(weights.T), (np.eye(3) * 3 - 1) / 36, atol=2e-3)


def test_a_prefix_is_a_sample_too() -> None:
    vertices, faces = sphere(subdivisions=4)
    points = sample_surface(vertices, faces, 50_000, 3).points
    for part in (points[:2000], points[2000:4000]):
        assert np.linalg.norm(part.mean(0)) < 0.06  # 6 sigma of a uniform sample is 0.077
    neighbours = np.linalg.norm(points[1:] - points[:-1], axis=1)
    assert neighbours.mean() == pytest.approx(4 / 3, abs=0.03)  # mean chord of a sphere: no order is left


def test_the_seed_decides_all_of_it() -> None:
    vertices, faces = bumpy_body()
    first, second, other = (sample_surface(vertices, faces, 1000, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first.points, other.points)


def test_same_bits_everywhere() -> None:
    """A value recorded once: another machine or compiler that draws other points breaks the hashes of data sets."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    sample = sample_surface(vertices, faces, 1000, 11)
    digest = hashlib.sha256(sample.points.tobytes() + sample.face_id.tobytes() + sample.barycentrics.tobytes()).hexdigest()
    assert digest[:16] == "6d727b7ecc3d0b8e"


def test_odd_sizes_and_errors() -> None:
    vertices, faces = sphere(subdivisions=1)
    assert sample_surface(vertices, faces, 0, 0).points.shape == (0, 3)
    assert sample_surface(vertices, faces, 1, 0).points.shape == (1, 3)
    with pytest.raises(ValueError, match="no area"):
        sample_surface(vertices * 0, faces, 10, 0)
    with pytest.raises(ValueError, match="no area"):
        sample_surface(vertices, faces[:0], 10, 0)
    with pytest.raises(ValueError, match="num_points is -1"):
        sample_surface(vertices, faces, -1, 0)
    with_empty = np.concatenate([np.zeros((5, 3), np.int32), faces, np.zeros((5, 3), np.int32)])
    face_id = sample_surface(vertices, with_empty, 10_000, 0).face_id
    assert face_id.min() >= 5
    assert face_id.max() < 5 + len(faces)
