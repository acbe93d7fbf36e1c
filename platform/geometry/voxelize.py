"""Solid voxels of a triangle mesh: the occupancy grids that Geo-PIFu and its kind are trained on.

Two definitions of *solid* are in use, and they differ by up to a cell everywhere, so the rule is always named:

``center``
    A cell is solid where the generalized winding number of its centre is positive. Overlapping closed parts (eyes in a head,
    clothes over a body) add up instead of cancelling. The mesh must be closed and wind counter-clockwise seen from outside.
``shell_fill``
    A cell is solid where a triangle touches it (separating-axis test), or where a flood through untouched cells, face to face
    from the eight corners of the grid, cannot reach it. This is the voxelizer of Geo-PIFu (He et al., NeurIPS 2020), cell by
    cell, with its quirk: a triangle that lies exactly in a plane between two cells touches neither. Winding does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian import _native

SolidRule = Literal["center", "shell_fill"]


def voxelize(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    *,
    origin: Sequence[float] | NDArray[Any],
    cell_size: float | Sequence[float] | NDArray[Any],
    resolution: Sequence[int],
    rule: SolidRule,
    threads: int = 1,
) -> NDArray[np.bool_]:
    """The solid cells of a mesh: bool (nx, ny, nz).

    ``vertices`` float32 (V, 3) and ``faces`` int32 (F, 3), C-contiguous. Cell (i, j, k) spans ``origin + (i, j, k) *
    cell_size`` to ``origin + (i + 1, j + 1, k + 1) * cell_size``, in the unit and frame of the vertices; ``cell_size`` is one
    edge length or three. Parts of the mesh outside of the grid are cut off. The result does not depend on ``threads``.

    Raises ValueError for arrays of another dtype, shape or layout, indices out of range, and values that are not finite.
    """
    cell_size_3 = np.array(np.broadcast_to(np.asarray(cell_size, np.float64), (3,)))
    return _native.voxelize(
        vertices,
        faces,
        origin=np.array(origin, np.float64),
        cell_size=cell_size_3,
        resolution=np.array(resolution, np.int64),
        rule=rule,
        threads=threads,
    )
