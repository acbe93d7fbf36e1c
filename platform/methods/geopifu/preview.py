"""A quick look at what the networks recover: shaded surfaces beside the pictures, without making meshes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vitruvian.methods.geopifu.query_network import GeoPifuQueryNetwork
from vitruvian.methods.shading import RESOLUTION, as_picture, from_right, lattice, shaded


def volume_preview(images: Tensor, volumes: Sequence[Tensor]) -> NDArray[np.uint8]:
    """(B, 3, S, S) masked pictures and several (B, D, H, W) occupancies -> one picture, a row a sample: the input, then each
    volume from the front and from its right. 160 pixels a square."""
    cubes = [_cube(volume) for volume in volumes]
    rows = []
    for index in range(len(images)):
        seen = [view for cube in cubes for view in (shaded(cube[index]), shaded(from_right(cube[index])))]
        rows.append(torch.cat([as_picture(images[index]), *seen], dim=2))
    return torch.cat(rows, dim=1).to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def query_preview(
    network: GeoPifuQueryNetwork, images: Tensor, calibration: Tensor, voxels: Tensor | None, *, num_views: int = 1
) -> NDArray[np.uint8]:
    """(B * V, 3, S, S) masked pictures, their calibrations (B * V, 4, 4) from any common frame and their latent voxels -> one
    (B * 160, 480, 3) picture: the first input, the surface from the front, from its right.

    Evaluates 48^3 points a sample over the cube [-1, 1]^3 of its first picture.
    """
    points = lattice(images.device).expand(num_views, -1, -1)
    volumes = []
    with torch.no_grad():
        features = network.features(images)
        for first in range(0, len(images), num_views):
            views = slice(first, first + num_views)
            own = type(features)([m[views] for m in features.maps], features.stem[views], features.down)
            placed = calibration[views].float() @ torch.linalg.inv(calibration[first].float())
            read = None if voxels is None else voxels[views]
            value = network.query(own, points, placed, read, num_views=num_views)[-1].float()
            volumes.append(value.reshape(RESOLUTION, RESOLUTION, RESOLUTION))
    return volume_preview(images[::num_views], [torch.stack(volumes)])


def _cube(volumes: Tensor) -> Tensor:
    """(B, D, H, W) with empty cells around, so that all sides are H."""
    depth, height, width = volumes.shape[1:]
    across, deep = height - width, height - depth
    return F.pad(volumes, (across // 2, across - across // 2, 0, 0, deep // 2, deep - deep // 2))
