"""Geo-PIFu's frame: the box that the person stands in, its four views, and the coarse volume's place in it.

x right, y down, z into the scene; the box is 2/3 x 1 x 2/3 around the origin and the person fills 85 % of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BOX_MINIMUM = (-1 / 3, -1 / 2, -1 / 3)
BOX_MAXIMUM = (1 / 3, 1 / 2, 1 / 3)
COARSE_RESOLUTION = (128, 192, 128)
"""Cells of the occupancy volume along x, y and z."""
VIEWS = ("front", "right", "back", "left")
TO_VIEW = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
    ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
)
"""Rotations that take a point of the front view's frame (a column) to each view's."""


def query_calibration(view: int = 0) -> Tensor:
    """(4, 4) from points of the front view's frame to what ``view`` projects: x and y in [-1, 1] over its square picture, z
    towards the viewer. 0 front, 1 right, 2 back, 3 left."""
    _check_view(view)
    calibration = torch.eye(4)
    calibration[:3, :3] = torch.diag(torch.tensor([2.0, 2.0, -2.0])) @ torch.tensor(TO_VIEW[view], dtype=torch.float32)
    return calibration


def voxels_to_view(voxels: Tensor, view: int) -> Tensor:
    """(..., D, H, W) voxels in the front view's frame -> the same in ``view``'s, cell by cell; D and W must be equal."""
    _check_view(view)
    if view == 1:
        return voxels.transpose(-3, -1).flip(-3)
    if view == 2:
        return voxels.flip((-3, -1))
    return voxels.transpose(-3, -1).flip(-1) if view == 3 else voxels


def voxels_to_front(voxels: Tensor, view: int) -> Tensor:
    """The inverse of ``voxels_to_view``."""
    return voxels_to_view(voxels, (4 - view) % 4)


def to_voxel_file(voxels: Tensor) -> Tensor:
    """(..., D, H, W) voxels -> (..., W, H, D), the axes x, y, z of the published occupancy and latent voxel files."""
    return voxels.transpose(-3, -1)


def from_voxel_file(stored: Tensor) -> Tensor:
    """The inverse of ``to_voxel_file``."""
    return stored.transpose(-3, -1)


def coarse_to_world(vertices_n3: NDArray[Any]) -> NDArray[np.float64]:
    """(N, 3) index coordinates (x, y, z) of the coarse occupancy volume -> the box; no shift by half a cell, as published."""
    return (2 * np.asarray(vertices_n3, np.float64) - np.array(COARSE_RESOLUTION)) / (2 * COARSE_RESOLUTION[1])


def _check_view(view: int) -> None:
    if view not in range(len(VIEWS)):
        raise ValueError(f"view is {view}; it must be 0 to 3: {', '.join(VIEWS)}.")
