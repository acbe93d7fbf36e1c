"""A quick look at what the network recovers: shaded surfaces beside the pictures, without making meshes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vitruvian.methods.pifu.network import PifuShapeNetwork

SIDE_PX = 160
RESOLUTION = 48


def preview(
    network: PifuShapeNetwork, images: Tensor, calibration: Tensor | None = None, *, num_views: int = 1
) -> NDArray[np.uint8]:
    """(B * V, 3, S, S) masked pictures -> one (B * 160, 480, 3) picture: the input, the surface from the front, from its right.

    Evaluates 48^3 points a sample over the cube [-1, 1]^3 of its first picture. ``calibration`` (B * V, 4, 4), from any common
    frame, says how its other pictures lie to that.
    """
    ticks = (torch.arange(RESOLUTION, device=images.device) + 0.5) * (2 / RESOLUTION) - 1
    # Volume axes: depth from the viewer on (z from +1 to -1), rows (y down), columns.
    z, y, x = torch.meshgrid(ticks.flip(0), ticks, ticks, indexing="ij")
    points = torch.stack([x, y, z]).reshape(1, 3, -1)
    points = points.expand(num_views, -1, -1)
    rows = []
    with torch.no_grad():
        features = network.features(images)
        for first in range(0, len(images), num_views):
            views = slice(first, first + num_views)
            own = type(features)([m[views] for m in features.maps], features.stem[views], features.down)
            placed = torch.eye(4, device=images.device)[None]
            if calibration is not None:
                placed = calibration[views].float() @ torch.linalg.inv(calibration[first].float())
            volume = network.query(own, points, placed, num_views=num_views)[-1].float()
            volume = volume.reshape(RESOLUTION, RESOLUTION, RESOLUTION)
            picture = ((images[first].float() * 0.5 + 0.5) * 255).round().clamp(0, 255)
            from_right = volume.permute(2, 1, 0).flip(0).flip(2)
            rows.append(torch.cat([_resized(picture), _shaded(volume), _shaded(from_right)], dim=2))
    return torch.cat(rows, dim=1).to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def _resized(picture: Tensor) -> Tensor:
    return F.interpolate(picture[None], size=(SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False, antialias=True)[0]


def _shaded(volume: Tensor) -> Tensor:
    """(D, H, W) occupancy seen along its first axis -> (3, 160, 160), lit from the viewer's upper left; white where empty."""
    volume = F.interpolate(volume[None, None], size=(2 * RESOLUTION, SIDE_PX, SIDE_PX), mode="trilinear")[0, 0]
    occupied = volume > 0.5
    hit = occupied.any(0)
    first = occupied.to(torch.uint8).argmax(0)
    behind = volume.gather(0, first[None])[0]
    before = volume.gather(0, (first - 1).clamp(min=0)[None])[0]
    step = ((0.5 - before) / (behind - before).clamp(min=1e-6)).clamp(0, 1)
    depth = (first - 1 + step) * (SIDE_PX / (2 * RESOLUTION))
    depth = torch.where(hit, depth, depth[hit].mean() if hit.any() else depth)
    slope_y, slope_x = torch.gradient(depth)
    normal = F.normalize(torch.stack([slope_x, slope_y, torch.ones_like(depth)]), dim=0)
    light = F.normalize(torch.tensor([-0.4, -0.5, 0.8], device=volume.device), dim=0)
    shade = 60 + 180 * (normal * light[:, None, None]).sum(0).clamp(0, 1)
    return torch.where(hit, shade, 255.0)[None].expand(3, -1, -1)
