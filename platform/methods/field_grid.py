"""Fill a grid with a field's values: everywhere, by PIFu's octree, or only where the surface runs.

A field is asked for few large batches of points; how it splits them to fit its memory is its own matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.methods.grid import Grid

Field = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(N, 3) positions to (N,) values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldGrid:
    """Values on a grid and what they cost."""

    values: NDArray[np.float32]
    """(nx, ny, nz)."""
    evaluated_per_level: tuple[int, ...]
    """Points asked of the field, from the coarsest level on."""

    @property
    def num_evaluated(self) -> int:
        return sum(self.evaluated_per_level)


def evaluate_dense(field: Field, grid: Grid) -> FieldGrid:
    """Every point, one slab of constant x after another."""
    nx, ny, nz = grid.resolution
    values = np.empty(grid.resolution, np.float32)
    plane = np.stack(np.meshgrid(np.arange(ny), np.arange(nz), indexing="ij"), axis=-1).reshape(-1, 2)
    slabs = max(1, 200_000 // len(plane))
    for start in range(0, nx, slabs):
        stop = min(start + slabs, nx)
        first = np.repeat(np.arange(start, stop), len(plane))
        indices = np.column_stack([first, np.tile(plane, (stop - start, 1))])
        values[start:stop] = _ask(field, grid, indices).reshape(stop - start, ny, nz)
    return FieldGrid(values=values, evaluated_per_level=(nx * ny * nz,))


def evaluate_octree(field: Field, grid: Grid, *, initial_resolution: int = 64, tolerance: float = 0.01) -> FieldGrid:
    """PIFu's coarse-to-fine evaluation: a cell whose corners agree within ``tolerance`` is filled without being evaluated.

    The stride starts at ``resolution[0] // initial_resolution`` and halves down to 1. Cells at the far border are never filled.
    The original gives an empty volume for grids below ``initial_resolution``; here that is an error.
    """
    stride = grid.resolution[0] // initial_resolution
    if stride < 1:
        raise ValueError(f"evaluate_octree: resolution {grid.resolution[0]} is below {initial_resolution}; evaluate densely.")
    values = np.zeros(grid.resolution, np.float32)
    undecided = np.ones(grid.resolution, bool)
    counts = []
    while stride > 0:
        indices = np.argwhere(undecided[::stride, ::stride, ::stride]) * stride
        values[tuple(indices.T)] = _ask(field, grid, indices)
        undecided[tuple(indices.T)] = False
        counts.append(len(indices))
        if stride == 1:
            break
        _fill_uniform_cells(values, undecided, stride, tolerance)
        stride //= 2
    return FieldGrid(values=values, evaluated_per_level=tuple(counts))


def _fill_uniform_cells(values: NDArray[np.float32], undecided: NDArray[np.bool_], stride: int, tolerance: float) -> None:
    """Fill, in place, every undecided cell of the lattice whose eight corners differ by less than ``tolerance``."""
    cells = tuple((n - 1) // stride for n in values.shape)  # a cell needs both of its ends on the grid
    lattice = values[::stride, ::stride, ::stride][: cells[0] + 1, : cells[1] + 1, : cells[2] + 1]
    low, high = _over_corners(lattice, np.minimum), _over_corners(lattice, np.maximum)
    half = stride // 2
    centre = undecided[half::stride, half::stride, half::stride][: cells[0], : cells[1], : cells[2]]
    fill = centre & (high - low < tolerance)
    mean = (high + low) / 2
    region = tuple(slice(0, n * stride) for n in cells)
    for axis in range(3):
        fill, mean = fill.repeat(stride, axis), mean.repeat(stride, axis)
    np.copyto(values[region], mean, where=fill)
    undecided[region] &= ~fill


def evaluate_near_surface(
    field: Field, grid: Grid, *, level: float = 0.5, start_stride: int = 8, dilation: int = 1, last_dilation: int = 0
) -> FieldGrid:
    """Only the neighbourhood of the surface, refined from every ``start_stride``-th point; the iso-surface is that of dense.

    Cells whose corners lie on both sides of ``level`` are halved until the grid is reached, together with ``dilation`` rings
    around them (``last_dilation`` at the last halving). On every level the surface is then followed: wherever it leaves the
    evaluated points, their neighbours are evaluated too. So each connected piece of surface that the coarse lattice touches is
    exact; a piece that lies wholly between lattice points, far from any other, is missed (lower ``start_stride`` for thin
    parts; raise ``last_dilation`` to find specks beside the surface). Points away from the surface hold the value of a coarse
    neighbour: on the right side of ``level``, otherwise meaningless.
    """
    if start_stride < 1 or start_stride & (start_stride - 1):
        raise ValueError(f"evaluate_near_surface: start_stride is {start_stride}; it must be a power of two.")
    stride = start_stride
    shape = tuple(-(-(n - 1) // stride) + 1 for n in grid.resolution)  # reaches over the far end of the grid, cut off below
    values, known = np.zeros(shape, np.float32), np.zeros(shape, bool)
    wanted = np.ones(shape, bool)
    counts = []
    while True:
        count = _evaluate(field, grid, values, known, wanted, stride)
        while (rest := _corners_of(_crossed(values, level)) & ~known).any():
            count += _evaluate(field, grid, values, known, rest, stride)
        counts.append(count)
        if stride == 1:
            break
        wanted, finer = _dilated(_crossed(values, level), dilation if stride > 2 else last_dilation), known
        for axis in range(3):
            wanted = _halved_cells(wanted, axis)
            values = values.repeat(2, axis).take(range(2 * values.shape[axis] - 1), axis)
        known = np.zeros(values.shape, bool)
        known[::2, ::2, ::2] = finer
        stride //= 2
    nx, ny, nz = grid.resolution
    return FieldGrid(values=np.ascontiguousarray(values[:nx, :ny, :nz]), evaluated_per_level=tuple(counts))


def _evaluate(
    field: Field,
    grid: Grid,
    values: NDArray[np.float32],
    known: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
    stride: int,
) -> int:
    """Evaluate, in place, the wanted lattice points that are not known; their number."""
    indices = np.argwhere(wanted & ~known)
    if len(indices):
        values[tuple(indices.T)] = _ask(field, grid, indices * stride)
        known[tuple(indices.T)] = True
    return len(indices)


def _ask(field: Field, grid: Grid, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    if not len(indices):
        return np.zeros(0, np.float32)
    values = np.asarray(field(grid.points(indices)), np.float32)
    if values.shape != (len(indices),):
        raise ValueError(f"the field gave {values.shape} values for {len(indices)} points; it must give ({len(indices)},).")
    return values


def _over_corners(lattice: NDArray, combine: np.ufunc) -> NDArray:
    """Combine the eight corners of each cell: (a, b, c) points to (a-1, b-1, c-1) cells."""
    for axis in range(3):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        lattice = combine(lattice[tuple(low)], lattice[tuple(high)])
    return lattice


def _crossed(values: NDArray[np.float32], level: float) -> NDArray[np.bool_]:
    """The cells with corners on both sides of ``level``."""
    inside = values > level
    return _over_corners(inside, np.logical_or) & ~_over_corners(inside, np.logical_and)


def _corners_of(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The points that are a corner of a marked cell."""
    return _over_corners(np.pad(cells, 1), np.logical_or)


def _dilated(cells: NDArray[np.bool_], rings: int) -> NDArray[np.bool_]:
    """Marked cells and those within ``rings`` of them along every axis."""
    for _ in range(rings):
        cells = _over_corners(_over_corners(np.pad(cells, 1), np.logical_or), np.logical_or)
    return cells


def _halved_cells(cells: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """The points of the twice finer lattice, along one axis, that lie in or on marked cells: n cells to 2 n + 1 points."""
    moved = np.moveaxis(cells, axis, 0)
    points = np.zeros((2 * len(moved) + 1, *moved.shape[1:]), bool)
    points[1::2] = moved
    points[:-1:2] |= moved
    points[2::2] |= moved
    return np.moveaxis(points, 0, axis)
