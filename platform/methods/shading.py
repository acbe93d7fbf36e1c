"""Shaded pictures of small occupancy volumes, for a quick look at what a network recovers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE_PX = 160
RESOLUTION = 48
"""Cells along each side of a volume that is looked at."""


def lattice(device: torch.device) -> Tensor:
    """(1, 3, 48^3) cell centres of the cube [-1, 1]^3 in a network's space, in the order of a (depth, rows, columns) volume:
    depth goes from the viewer on (z from +1 to -1), rows go down."""
    ticks = (torch.arange(RESOLUTION, device=device) + 0.5) * (2 / RESOLUTION) - 1
    z, y, x = torch.meshgrid(ticks.flip(0), ticks, ticks, indexing="ij")
    return torch.stack([x, y, z]).reshape(1, 3, -1)


def as_picture(image: Tensor) -> Tensor:
    """(3, S, S) in [-1, 1] -> (3, 160, 160), 0 to 255."""
    picture = ((image.float() * 0.5 + 0.5) * 255).round().clamp(0, 255)
    return F.interpolate(picture[None], size=(SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False, antialias=True)[0]


def from_right(volume: Tensor) -> Tensor:
    """(D, H, W) as it is seen from the right of the picture."""
    return volume.permute(2, 1, 0).flip(0).flip(2)


def shaded(volume: Tensor) -> Tensor:
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
