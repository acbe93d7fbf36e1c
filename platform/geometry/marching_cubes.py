"""The surface where a sampled volume passes a level, as an indexed manifold mesh.

Marching cubes with vertices on the grid's edges by linear interpolation. Two samples of the same cell face that lie diagonally
inside are kept apart, the same from both sides, and no diagonal of a polygon lies in a cell face: so every edge inside the
volume is shared by exactly two faces and every vertex has one fan of faces, for any volume, noise included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian import _native


def marching_cubes(
    volume_xyz: NDArray[np.float32],
    level: float,
    *,
    origin: Sequence[float] | NDArray[Any] = (0.0, 0.0, 0.0),
    cell_size: float | Sequence[float] | NDArray[Any] = 1.0,
    close_border: bool = False,
    threads: int = 1,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Vertices (V, 3) and faces (F, 3) of the surface between the samples above ``level`` (inside) and the others.

    ``volume_xyz`` float32 (nx, ny, nz): sample ``[i, j, k]`` lies at ``origin + (i, j, k) * cell_size``; ``cell_size`` is one
    number or one for each axis. Faces wind counter-clockwise seen from outside. Where a sample equals the level, vertices of
    several edges coincide in position but stay separate, so the mesh stays manifold (with faces of zero area).

    Where the inside reaches the volume's border the surface ends there, open; with ``close_border`` one layer of outside
    samples is put around the volume (as far below the level as the largest sample is above it) and the surface closes within
    half a cell beyond the border. A volume that never passes the level gives an empty mesh. Raises ValueError for a wrong
    shape or dtype, or a value next to the surface that is not finite. The result does not depend on ``threads``.
    """
    origin_3 = np.broadcast_to(np.asarray(origin, np.float64), (3,))
    cell_3 = np.broadcast_to(np.asarray(cell_size, np.float64), (3,))
    if not (np.isfinite(origin_3).all() and np.isfinite(cell_3).all() and (cell_3 > 0).all()):
        raise ValueError(
            f"marching_cubes: origin is {origin_3}, cell_size is {cell_3}; they must be finite, cell_size positive."
        )
    volume = np.ascontiguousarray(volume_xyz)
    if close_border and volume.ndim == 3 and volume.size:
        outside = 2.0 * level - max(float(volume.max()), level + 1e-6 * max(abs(level), 1.0))
        volume = np.pad(volume, 1, constant_values=volume.dtype.type(outside))
        origin_3 = origin_3 - cell_3
    return _native.marching_cubes(volume, level, tuple(origin_3), tuple(cell_3), threads)
