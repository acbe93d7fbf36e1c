"""The iso-surface: manifold on any volume, in the right place, the right way out."""

import numpy as np
import pytest
from shapes import edge_counts

from vitruvian.geometry.marching_cubes import marching_cubes


def ball(resolution: int, radius: float) -> np.ndarray:
    """Signed distance to a sphere about the middle of [-1, 1]^3, positive inside."""
    axis = np.linspace(-1, 1, resolution)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    return (radius - np.sqrt(x * x + y * y + z * z)).astype(np.float32)


def volume_and_area(vertices: np.ndarray, faces: np.ndarray) -> tuple[float, float]:
    a, b, c = vertices.astype(np.float64)[faces].transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6), float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def assert_manifold(vertices: np.ndarray, faces: np.ndarray) -> None:
    """Every edge has two faces, one each way; every vertex is used and has one fan of faces."""
    uses, balance = edge_counts(faces)
    assert (uses == 2).all()
    assert (balance == 0).all()
    assert np.array_equal(np.unique(faces), np.arange(len(vertices)))
    # Around a vertex, each face leads from one neighbour to the next: one fan means that following them visits all.
    tip, start, end = (
        np.concatenate([faces[:, k], faces[:, (k + 1) % 3], faces[:, (k + 2) % 3]]).astype(np.int64) for k in range(3)
    )
    order = np.argsort(tip * len(vertices) + start)
    following = np.searchsorted((tip * len(vertices) + start)[order], tip * len(vertices) + end)  # the face after this one
    successor = order[following]
    label = np.arange(len(tip))
    while True:  # spread the smallest label along each fan
        spread = np.minimum(label, label[successor])
        successor = successor[successor]
        if np.array_equal(spread, label):
            break
        label = spread
    assert len(np.unique(label)) == len(vertices)


@pytest.mark.parametrize("shape", [(20, 21, 70), (9, 4, 128), (6, 33, 65), (3, 3, 200), (2, 2, 2), (7, 8, 63), (5, 5, 64)])
def test_noise_gives_a_closed_manifold(shape: tuple[int, int, int]) -> None:
    for seed in range(3):
        volume = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        vertices, faces = marching_cubes(volume, 0.1 * seed, close_border=True)
        assert len(faces) > 0
        assert_manifold(vertices, faces)
        for threads in (2, 5):
            again = marching_cubes(volume, 0.1 * seed, close_border=True, threads=threads)
            assert np.array_equal(again[0], vertices)
            assert np.array_equal(again[1], faces)


def test_every_one_of_the_256_cells_beside_every_neighbour() -> None:
    """Two-valued volumes have every ambiguous face there is; also with values equal to the level."""
    for seed, values in enumerate([(0.0, 1.0), (0.5, 1.0), (-1.0, 0.5)]):
        volume = np.random.default_rng(seed).choice(np.array(values, np.float32), (24, 24, 24))
        vertices, faces = marching_cubes(volume, 0.499, close_border=True)
        assert_manifold(vertices, faces)
    volume = np.random.default_rng(9).choice(np.array([0, 1, 2], np.float32), (24, 24, 24))
    assert_manifold(*marching_cubes(volume, 1.0, close_border=True))


def test_sphere_has_the_volume_and_area_of_a_sphere() -> None:
    resolution, radius = 65, 0.8
    vertices, faces = marching_cubes(ball(resolution, radius), 0.0, origin=(-1, -1, -1), cell_size=2 / (resolution - 1))
    assert_manifold(vertices, faces)
    volume, area = volume_and_area(vertices, faces)
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=2e-3)  # positive: faces look outward
    assert area == pytest.approx(4 * np.pi * radius**2, rel=2e-3)
    assert np.abs(np.linalg.norm(vertices, axis=1) - radius).max() < 2e-4
    assert len(vertices) - len(faces) / 2 == 2  # Euler's number of a sphere


def test_origin_and_cell_size_place_the_samples() -> None:
    volume = np.zeros((4, 5, 6), np.float32)
    volume[2, 3, 4] = 1.0
    vertices, faces = marching_cubes(volume, 0.25, origin=(10, 20, 30), cell_size=(1, 2, 4))
    center = np.array([12, 26, 46], np.float32)
    expected = center + 0.75 * np.concatenate([np.diag([1, 2, 4]), -np.diag([1, 2, 4])])
    assert {tuple(v) for v in vertices} == {tuple(v) for v in expected.astype(np.float32)}
    assert len(faces) == 8


def test_the_border_stays_open_unless_asked() -> None:
    volume = ball(17, 1.2)
    vertices, faces = marching_cubes(volume, 0.0)
    uses, _ = edge_counts(faces)
    assert set(np.unique(uses)) == {1, 2}
    assert_manifold(*marching_cubes(volume, 0.0, close_border=True))
    full = np.ones((3, 3, 3), np.float32)
    assert len(marching_cubes(full, 0.5)[1]) == 0
    vertices, faces = marching_cubes(full, 0.5, close_border=True, cell_size=0.1)
    assert_manifold(vertices, faces)
    assert vertices.min() == pytest.approx(-0.05)
    assert vertices.max() == pytest.approx(0.25)


def test_inside_is_above_the_level_not_at_it() -> None:
    assert len(marching_cubes(np.full((3, 3, 3), 0.5, np.float32), 0.5, close_border=True)[1]) == 0


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (np.zeros((3, 3), np.float32), r"volume is float32 \(3, 3\); it must be .*float32 \(nx, ny, nz\)"),
        (np.zeros((3, 3, 3)), r"volume is float64 \(3, 3, 3\)"),
        (np.zeros((3, 1, 3), np.float32), "at least 2 samples along every axis"),
        (np.where(np.arange(27).reshape(3, 3, 3) == 13, np.inf, 0).astype(np.float32), r"not finite at or next to \["),
    ],
)
def test_errors_say_what_was_wanted(volume: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        marching_cubes(volume, 0.5)
