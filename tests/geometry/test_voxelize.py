"""The two rules of solid, against analytic solids, slow plain arithmetic, and the published voxelizer's own cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.voxelize import SolidRule, voxelize

GOLDEN = Path(__file__).parents[1] / "golden" / "geometry" / "voxelizer_case.npz"
BOX_FACES = np.array(
    [[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4],
     [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7]], np.int32
)  # fmt: skip


def box(low: Any, high: Any) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    unit = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], np.float64)
    return (np.asarray(low) + unit * (np.asarray(high, np.float64) - np.asarray(low))).astype(np.float32), BOX_FACES


def joined(*parts: tuple[NDArray[np.float32], NDArray[np.int32]]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    offsets = np.cumsum([0] + [len(vertices) for vertices, _ in parts])
    faces = np.concatenate([faces + offset for (_, faces), offset in zip(parts, offsets[:-1], strict=True)])
    return np.concatenate([vertices for vertices, _ in parts]), faces.astype(np.int32)


def sphere(radius: float, center: Any, splits: int = 4) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """An octahedron split into a sphere, wound outwards."""
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float64)
    faces = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    for _ in range(splits):
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        corners = np.stack([a, a + b, a + c, a + b, b, b + c, a + c, b + c, c, a + b, b + c, a + c], axis=1).reshape(-1, 3)
        corners /= np.linalg.norm(corners, axis=1, keepdims=True)
        vertices, which = np.unique(corners.round(12), axis=0, return_inverse=True)
        faces = which.reshape(-1, 3)
    return (vertices * radius + np.asarray(center)).astype(np.float32), np.ascontiguousarray(faces, np.int32)


def centres(origin: Any, cell: float, resolution: tuple[int, int, int]) -> NDArray[np.float64]:
    return np.asarray(origin) + (np.moveaxis(np.indices(resolution), 0, -1) + 0.5) * cell


def test_center_fills_a_box_exactly() -> None:
    vertices, faces = box([0.21, 0.32, 0.43], [0.79, 0.88, 0.67])
    solid = voxelize(vertices, faces, origin=(0, 0, 0), cell_size=0.05, resolution=(20, 21, 22), rule="center")
    at = centres((0, 0, 0), 0.05, (20, 21, 22))
    assert solid.dtype == np.bool_ and solid.shape == (20, 21, 22)
    np.testing.assert_array_equal(solid, np.all((at > [0.21, 0.32, 0.43]) & (at < [0.79, 0.88, 0.67]), axis=-1))


def test_center_puts_a_box_on_cell_centres_into_half_open_cells() -> None:
    """Faces through cell centres: each centre belongs to exactly one of two boxes that share that face."""
    grid: dict[str, Any] = dict(origin=(0, 0, 0), cell_size=1.0, resolution=(8, 8, 8), rule="center")
    left = voxelize(*box([1.5, 1.5, 1.5], [4.5, 6.5, 6.5]), **grid)
    right = voxelize(*box([4.5, 1.5, 1.5], [6.5, 6.5, 6.5]), **grid)
    whole = voxelize(*box([1.5, 1.5, 1.5], [6.5, 6.5, 6.5]), **grid)
    assert not (left & right).any()
    np.testing.assert_array_equal(left | right, whole)
    assert whole.sum() == 125


def test_center_of_a_sphere_is_analytic() -> None:
    vertices, faces = sphere(0.8, (0.03, -0.02, 0.01), splits=5)
    solid = voxelize(vertices, faces, origin=(-1, -1, -1), cell_size=2 / 64, resolution=(64, 64, 64), rule="center")
    distance = np.linalg.norm(centres((-1, -1, -1), 2 / 64, (64, 64, 64)) - [0.03, -0.02, 0.01], axis=-1)
    assert solid[distance < 0.8 - 2e-3].all()
    assert not solid[distance > 0.8].any()


def test_center_counts_overlapping_parts_and_cavities() -> None:
    """Winding number 2 is solid; a box inside out removes one winding, so the overlap stays and the rest is hollow."""
    grid: dict[str, Any] = dict(origin=(0, 0, 0), cell_size=1.0, resolution=(12, 12, 12), rule="center")
    first, second = box([1.1] * 3, [7.1] * 3), box([4.1] * 3, [10.1] * 3)
    union = voxelize(*first, **grid) | voxelize(*second, **grid)
    np.testing.assert_array_equal(voxelize(*joined(first, second), **grid), union)
    cavity = (box([2.1] * 3, [5.1] * 3)[0], np.ascontiguousarray(BOX_FACES[:, ::-1]))
    hole = voxelize(*box([2.1] * 3, [5.1] * 3), **grid) & ~voxelize(*second, **grid)
    np.testing.assert_array_equal(voxelize(*joined(first, second, cavity), **grid), union & ~hole)


@pytest.mark.parametrize("copies", [127, 128, 300])
def test_center_counts_more_layers_than_a_byte_holds(copies: int) -> None:
    vertices, faces = box([1.1] * 3, [4.1] * 3)
    many = joined(*[(vertices, faces)] * copies)
    grid: dict[str, Any] = dict(origin=(0, 0, 0), cell_size=1.0, resolution=(6, 6, 6), rule="center")
    np.testing.assert_array_equal(voxelize(*many, **grid), voxelize(vertices, faces, **grid))


def test_center_of_parts_outside_of_the_grid_is_cut_off() -> None:
    vertices, faces = sphere(3.0, (0, 0, 0))
    big = voxelize(vertices, faces, origin=(-4, -4, -4), cell_size=0.25, resolution=(32, 32, 32), rule="center")
    part = voxelize(vertices, faces, origin=(-2, -1, 0), cell_size=0.25, resolution=(9, 10, 20), rule="center")
    np.testing.assert_array_equal(part, np.pad(big, ((0, 0), (0, 0), (0, 8)))[8:17, 12:22, 16:36])


def brute_shell_fill(vertices: NDArray[np.float32], faces: NDArray[np.int32], size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Shell and fill of unit cells, slowly: clip each triangle by each cell of its box, then dilate the flood."""
    shell = np.zeros((size, size, size), bool)
    for triangle in vertices[faces].astype(np.float64):
        low = np.maximum(np.floor(triangle.min(0)), 0).astype(int)
        high = np.minimum(np.ceil(triangle.max(0)), size).astype(int)
        for cell in np.ndindex(*np.maximum(high - low, 0)):
            corner = low + cell
            polygon = list(triangle)
            for axis in range(3):
                for sign, bound in ((1, corner[axis]), (-1, -(corner[axis] + 1))):
                    clipped = []
                    for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
                        dp, dq = sign * p[axis] - bound, sign * q[axis] - bound
                        if dp >= 0:
                            clipped.append(p)
                        if (dp >= 0) != (dq >= 0):
                            clipped.append(p + dp / (dp - dq) * (q - p))
                    polygon = clipped
            shell[tuple(corner)] |= len(polygon) > 0
    outside = np.zeros_like(shell)
    outside[np.ix_([0, -1], [0, -1], [0, -1])] = True
    outside &= ~shell
    while True:
        grown = outside.copy()
        for axis in range(3):
            for shift in (1, -1):
                moved = np.roll(outside, shift, axis)
                moved[(slice(None),) * axis + (0 if shift == 1 else -1,)] = False
                grown |= moved
        grown &= ~shell
        if (grown == outside).all():
            return shell, ~outside
        outside = grown


def test_shell_fill_equals_clipping_and_dilation() -> None:
    generator = np.random.default_rng(5)
    parts = [sphere(r, c, splits=2) for r, c in ((2.7, (5.0, 5.2, 5.1)), (1.4, (8.1, 7.3, 4.6)))]
    parts.append((generator.uniform(1, 11, (9, 3)).astype(np.float32), np.arange(9, dtype=np.int32).reshape(3, 3)))
    vertices, faces = joined(*parts)
    shell, expected = brute_shell_fill(vertices, faces, 12)
    solid = voxelize(vertices, faces, origin=(0, 0, 0), cell_size=1.0, resolution=(12, 12, 12), rule="shell_fill")
    assert expected.sum() > shell.sum()
    np.testing.assert_array_equal(solid, expected)


def test_shell_fill_skips_triangles_in_a_plane_between_cells() -> None:
    vertices = np.array([[1.2, 1.2, 3], [5.3, 1.4, 3], [2.2, 5.1, 3]], np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    grid: dict[str, Any] = dict(origin=(0, 0, 0), cell_size=1.0, resolution=(8, 8, 8), rule="shell_fill")
    assert not voxelize(vertices, faces, **grid).any()
    assert voxelize(vertices + np.float32([0, 0, 0.25]), faces, **grid).any()


@pytest.mark.parametrize("pose", ["identity", "rot"])
def test_shell_fill_equals_the_published_voxelizer(pose: str) -> None:
    case = np.load(GOLDEN)
    resolution = tuple(int(n) for n in case["grid_resolution"])
    cell_size = ((case["grid_max"] - case["grid_min"]) / case["grid_resolution"].astype(np.float32)).astype(np.float32)
    vertices, faces = case[f"{pose}_vertices"], case["faces"]
    grid: dict[str, Any] = dict(origin=case["grid_min"], cell_size=cell_size, resolution=resolution)
    solid = voxelize(vertices, faces, rule="shell_fill", **grid)
    np.testing.assert_array_equal(solid, np.unpackbits(case[f"{pose}_solid_bits"], count=solid.size).reshape(resolution) != 0)


@pytest.mark.parametrize("pose", ["identity", "rot"])
def test_center_has_the_volume_of_the_mesh_and_lies_in_the_shell(pose: str) -> None:
    case = np.load(GOLDEN)
    vertices, faces = case[f"{pose}_vertices"], case["faces"]
    cell = 1 / 192
    grid: dict[str, Any] = dict(origin=(-64 * cell, -0.5, -64 * cell), cell_size=cell, resolution=(128, 192, 128))
    center = voxelize(vertices, faces, rule="center", **grid)
    corners = vertices[faces].astype(np.float64)
    volume = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6 / cell**3
    assert abs(center.sum() / volume - 1) < 0.005
    assert not (center & ~voxelize(vertices, faces, rule="shell_fill", **grid)).any()


@pytest.mark.parametrize("rule", ["center", "shell_fill"])
def test_threads_change_nothing(rule: SolidRule) -> None:
    vertices, faces = sphere(0.9, (0, 0, 0))
    grid: dict[str, Any] = dict(origin=(-1, -1, -1), cell_size=0.1, resolution=(20, 21, 22), rule=rule)
    alone = voxelize(vertices, faces, **grid)
    for threads in (2, 3, 64):
        np.testing.assert_array_equal(voxelize(vertices, faces, threads=threads, **grid), alone)


def test_an_empty_mesh_is_empty() -> None:
    mesh = Mesh(vertices=np.zeros((0, 3), np.float32), faces=np.zeros((0, 3), np.int32))
    for rule in ("center", "shell_fill"):
        assert not voxelize(mesh.vertices, mesh.faces, origin=(0, 0, 0), cell_size=1, resolution=(2, 3, 4), rule=rule).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vertices": np.zeros((4, 3))}, r"vertices is float64 \(4, 3\); it must be a C-contiguous array of float32 \(V, 3\)"),
        ({"faces": np.zeros((4, 3), np.int64)}, r"faces is int64 \(4, 3\).*int32 \(F, 3\)"),
        ({"faces": np.array([[0, 1, 2], [0, 1, 8]], np.int32)}, r"faces\[1\] holds the index 8, but there are 8 vertices"),
        ({"faces": np.array([[0, -1, 2]], np.int32)}, r"faces\[0\] holds the index -1"),
        ({"vertices": np.full((8, 3), np.nan, np.float32)}, r"vertices\[0\] is not finite"),
        ({"vertices": np.full((8, 3), 1e6, np.float32)}, r"vertices\[0\] is more than 32767 cells away"),
        ({"resolution": (0, 2, 2)}, "resolution is 0 along axis 0; it must be 1 to 4096"),
        ({"resolution": (2, 2)}, r"resolution is int64 \(2,\)"),
        ({"cell_size": -1}, "cell_size finite and positive"),
        ({"rule": "solid"}, "rule is 'solid'; it must be 'center' or 'shell_fill'"),
        ({"threads": 0}, "threads is 0; it must be at least 1"),
    ],
)
def test_errors_say_what_was_wanted(change: dict[str, Any], message: str) -> None:
    vertices, faces = box([0.1] * 3, [1.9] * 3)
    arguments: dict[str, Any] = dict(
        vertices=vertices, faces=faces, origin=(0, 0, 0), cell_size=1, resolution=(2, 2, 2), rule="center"
    )
    with pytest.raises(ValueError, match=message):
        voxelize(**{**arguments, **change})
