"""Points spread evenly along the pixels' rays, labelled from solid voxels.

PIFu's own points lie near the true surface, half of them inside. A network that does not know yet how deep a limb is gains by
calling all of its ray inside: few points there say otherwise. These points do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def draw_ray_points(
    coverage: NDArray[np.float32],
    calibration_44: NDArray[np.float32],
    solid_voxels: NDArray[np.bool_],
    voxel_origin_m: NDArray[np.float64],
    voxel_size_m: float,
    *,
    voxel_axes: NDArray[np.float64],
    num_points: int,
    half_depth: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(num_points, 3) world metres and their labels: a person's pixel at random, a depth uniform in +-``half_depth``.

    ``coverage`` (S, S) and ``calibration_44`` (world metres to the network's space) are those of the network's image. Cell
    (i, j, k) of ``solid_voxels`` begins at ``voxel_origin_m + voxel_size_m * (i, j, k) @ voxel_axes``; outside of them nothing
    is solid.
    """
    size = len(coverage)
    rows, columns = np.nonzero(coverage > 0.25)
    if not len(rows):
        raise ValueError("draw_ray_points: no pixel shows the person.")
    chosen = rng.integers(0, len(rows), num_points)
    place = np.column_stack([columns[chosen], rows[chosen]]) + rng.random((num_points, 2))
    seen = np.column_stack([place * (2 / size) - 1, rng.uniform(-half_depth, half_depth, num_points)])
    matrix = calibration_44.astype(np.float64)
    points = np.linalg.solve(matrix[:3, :3], (seen - matrix[:3, 3]).T).T
    cell = np.floor((points - voxel_origin_m) @ voxel_axes.T / voxel_size_m).astype(np.int64)
    within = ((cell >= 0) & (cell < solid_voxels.shape)).all(axis=1)
    labels = np.zeros(num_points, bool)
    labels[within] = solid_voxels[tuple(cell[within].T)]
    return points.astype(np.float32), labels
