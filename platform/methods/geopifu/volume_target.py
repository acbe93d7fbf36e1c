"""The occupancy volume that a picture's person fills: what the coarse network is to give.

Stored solid voxels lie in a frame of the subject's; the volume lies in the network's box, in front of the picture. Each of its
cells takes the stored voxel that its centre lies in. Where the two frames differ by quarter turns and mirrorings, as in data of
the protocol ``geopifu``, that is the published permutation of cells, exactly; data of any other protocol will do as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEGLIGIBLE = 1e-3
"""Of a voxel: an axis along which a whole volume moves less than this does not count."""


def solid_in_box(
    solid_voxels: NDArray[np.bool_],
    voxel_origin_m: NDArray[np.float64],
    voxel_size_m: float,
    voxel_axes: NDArray[np.float64],
    *,
    calibration_44: NDArray[np.float32],
    shape: tuple[int, int, int],
) -> NDArray[np.bool_]:
    """(D, H, W): whether the voxel at the centre of each cell of the network's box is solid; outside of the voxels nothing is.

    ``calibration_44`` takes world metres to the network's space (x and y in [-1, 1] over the picture, y down, z towards the
    viewer). The box is as high as the picture and made of D x H x W cubes around the axis of the picture; layer 0 is the
    nearest to the viewer. Cell (i, j, k) of ``solid_voxels`` begins at ``voxel_origin_m + voxel_size_m * (i, j, k) @
    voxel_axes``.
    """
    depth, height, width = shape
    # from indices (layer, row, column) to the network's space, to the world, to the voxels' indices
    to_network = np.zeros((3, 4))
    to_network[0, 2] = to_network[1, 1] = 2 / height
    to_network[2, 0] = -2 / height
    to_network[:, 3] = np.array([1 - width, 1 - height, depth - 1]) / height
    matrix = calibration_44.astype(np.float64)
    to_voxels = np.linalg.solve(matrix[:3, :3].T, np.asarray(voxel_axes, np.float64).T).T / voxel_size_m
    slope = to_voxels @ to_network[:, :3]
    start = to_voxels @ (to_network[:, 3] - matrix[:3, 3] - matrix[:3, :3] @ np.asarray(voxel_origin_m, np.float64))
    ticks = [np.arange(number).reshape([-1 if axis == own else 1 for own in range(3)]) for axis, number in enumerate(shape)]
    lines = _lines(start, slope, shape)
    if lines is not None:
        return _along_axes(solid_voxels, lines, shape)
    found, within = [], []
    for axis, number in enumerate(solid_voxels.shape):
        place = np.full((1, 1, 1), start[axis])
        for tick, change in zip(ticks, slope[axis], strict=True):
            if abs(change) * tick.size > NEGLIGIBLE:  # so most indices vary along one or two axes only, and cost little
                place = place + change * tick
        index = np.floor(place).astype(np.int64)
        within.append((index >= 0) & (index < number))
        found.append(index.clip(0, number - 1))
    return solid_voxels[tuple(found)] & within[0] & within[1] & within[2]


def _lines(
    start: NDArray[np.float64], slope: NDArray[np.float64], shape: tuple[int, int, int]
) -> list[tuple[int, NDArray[np.int64]]] | None:
    """For each axis of the box the axis of the voxels that it runs along, and the indices there; None if the frames differ by
    more than quarter turns and mirrorings."""
    moves = np.abs(slope) * np.array(shape) > NEGLIGIBLE  # (voxels' axis, box's axis)
    if not (moves.sum(axis=0) == 1).all() or not (moves.sum(axis=1) == 1).all():
        return None
    own = moves.argmax(axis=0).tolist()
    return [
        (axis, np.floor(start[axis] + slope[axis, across] * np.arange(number)).astype(np.int64))
        for across, (axis, number) in enumerate(zip(own, shape, strict=True))
    ]


def _along_axes(
    solid_voxels: NDArray[np.bool_], lines: list[tuple[int, NDArray[np.int64]]], shape: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """The volume by slices, or by one look-up an axis where cells are not as large as voxels."""
    part = solid_voxels.transpose([axis for axis, _ in lines])
    inside: list[slice] = []
    for across, (axis, indices) in enumerate(lines):
        there = np.flatnonzero((indices >= 0) & (indices < solid_voxels.shape[axis]))
        if not len(there):
            return np.zeros(shape, np.bool_)
        inside.append(slice(int(there[0]), int(there[-1]) + 1))
        taken = indices[inside[-1]]
        step = int(taken[1] - taken[0]) if len(taken) > 1 else 1
        if abs(step) == 1 and (np.diff(taken) == step).all():
            stop = int(taken[-1]) + step
            where: Any = (*(slice(None),) * across, slice(int(taken[0]), stop if stop >= 0 else None, step))
            part = part[where]
        else:
            part = part.take(taken, axis=across)
    volume = np.zeros(shape, np.bool_)
    volume[tuple(inside)] = part
    return volume


def share_of_cells(solid: NDArray[np.bool_], samples: int) -> NDArray[np.bool_] | NDArray[np.float32]:
    """(samples * D, samples * H, samples * W) solid or not -> (D, H, W): each cell's solid share; of one sample, itself."""
    if samples == 1:
        return solid
    depth, height, width = (length // samples for length in solid.shape)
    parts = solid.reshape(depth, samples, height, samples, width, samples)
    return parts.mean((1, 3, 5), dtype=np.float32)
