"""Intersection over union of two bodies as solids, counted on one voxel grid over both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.occupancy import occupancy
from vitruvian.geometry.voxelize import voxelize

DEFAULT_CELL_M = 0.006
MAX_CELLS = 1 << 28


class Grid(NamedTuple):
    """Cubic cells: cell (i, j, k) spans ``origin + (i, j, k) * cell_m`` to one cell further."""

    origin: NDArray[np.float64]
    cell_m: float
    resolution: tuple[int, int, int]


def union_grid(first: Mesh, second: Mesh, cell_m: float = DEFAULT_CELL_M) -> Grid:
    """The smallest grid of cells of ``cell_m`` over the union of the two bounding boxes, with half a cell of margin.

    Corners are multiples of the cell size, so that a small change of one mesh does not move the cell centres.
    """
    if not cell_m > 0:
        raise ValueError(f"union_grid: cell_m is {cell_m}; it must be positive.")
    low = np.minimum(first.vertices.min(axis=0), second.vertices.min(axis=0)).astype(np.float64)
    high = np.maximum(first.vertices.max(axis=0), second.vertices.max(axis=0)).astype(np.float64)
    start = np.floor(low / cell_m - 0.5)
    cells = np.ceil(high / cell_m + 0.5) - start
    if not np.isfinite(cells).all() or cells.prod() > MAX_CELLS:
        raise ValueError(
            f"union_grid: the union box from {low.round(3)} to {high.round(3)} m would need {cells.prod():.3g} cells of "
            f"{1000 * cell_m:g} mm; at most {MAX_CELLS} are allowed. Are both meshes in metres and in one frame?"
        )
    nx, ny, nz = (max(1, int(n)) for n in cells)
    return Grid(start * cell_m, cell_m, (nx, ny, nz))


def volume_iou(reconstruction: Mesh, truth: Mesh, *, cell_m: float = DEFAULT_CELL_M, threads: int = 1) -> float:
    """Cells inside both over cells inside either, in [0, 1]; a cell is inside when its centre is.

    Meshes are closed (or nearly), in metres and in one frame; parts may overlap. Raises ``ValueError`` for a mesh that is
    inside out, and when no cell is inside either mesh: then there is no volume to compare.
    """
    for name, mesh in (("reconstruction", reconstruction), ("truth", truth)):
        if (volume := signed_volume_m3(mesh)) <= 0:
            raise ValueError(f"volume_iou: the {name} encloses {1000 * volume:.3g} litres; is it inside out, or flat?")
    grid = union_grid(reconstruction, truth, cell_m)
    solids = [solid_cells(mesh, grid, threads=threads) for mesh in (reconstruction, truth)]
    either = np.count_nonzero(solids[0] | solids[1])
    if either == 0:
        raise ValueError(f"volume_iou: neither mesh has a volume at cells of {1000 * cell_m:g} mm.")
    return float(np.count_nonzero(solids[0] & solids[1]) / either)


def solid_cells(mesh: Mesh, grid: Grid, *, threads: int = 1) -> NDArray[np.bool_]:
    """Bool (nx, ny, nz): cells whose centre is inside. A closed mesh goes through the voxelizer; one with holes, as scans have,
    through the winding number rule (above one half is inside), which closes holes in a plausible way."""
    origin, cell_m, resolution = grid
    if is_closed(mesh):
        return voxelize(
            mesh.vertices, mesh.faces, origin=origin, cell_size=cell_m, resolution=resolution, rule="center", threads=threads
        )
    axes = [origin[axis] + cell_m * (np.arange(resolution[axis]) + 0.5) for axis in range(3)]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return occupancy(mesh.vertices, mesh.faces, centres.astype(np.float32), threads=threads).reshape(resolution)


def is_closed(mesh: Mesh) -> bool:
    """Whether every edge is run through equally often in both directions, so that the faces enclose volumes."""
    a, b = (mesh.faces[:, order].ravel().astype(np.int64) for order in ([0, 1, 2], [1, 2, 0]))
    forth, back = a * mesh.num_vertices + b, b * mesh.num_vertices + a
    return bool(np.array_equal(np.sort(forth), np.sort(back)))


def signed_volume_m3(mesh: Mesh) -> float:
    """The enclosed volume; overlapping parts count each, a surface that is inside out counts negative."""
    a, b, c = ((mesh.vertices - mesh.vertices.mean(axis=0)).astype(np.float64)[mesh.faces[:, k]] for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)
