"""What a point reads from latent voxels: trilinear look-ups around its place in the box that the voxels fill.

Voxels are (B, C, D, H, W) with x along W, y along H and z along D, in the camera's frame: x right, y down, z into the scene.
The voxels are cubes, so their numbers give the box: the published one is 2/3 as wide and deep as it is high, and x and z are
stretched by 3/2 where y is not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PUBLISHED_DISPLACEMENT = 0.0722
NUM_OFFSETS = 7


def range_offsets(displacement: float = PUBLISHED_DISPLACEMENT) -> Tensor:
    """(7, 3): the point itself, then a step back and a step on along x, y and z, in stretched coordinates."""
    steps = [[0.0, 0.0, 0.0]]
    for axis in range(3):
        for sign in (-1, 1):
            steps.append([sign * displacement if axis == k else 0.0 for k in range(3)])
    return torch.tensor(steps)


def stretch(voxels: Tensor) -> Tensor:
    """(3,) factors along x, y and z from coordinates in which the box of (..., D, H, W) voxels is 2 high to those in which each
    of its sides is 2 long."""
    depth, height, width = voxels.shape[-3:]
    return torch.tensor([height / width, 1.0, height / depth], dtype=voxels.dtype, device=voxels.device)


def voxel_coordinates(projected: Tensor) -> Tensor:
    """(B, 3, N) projected points -> the place in the box: z mirrored, because the calibration has turned it to the viewer."""
    return projected * projected.new_tensor([1.0, 1.0, -1.0])[:, None]


def multi_range_lookup(voxels: Tensor, xyz: Tensor, offsets: Tensor, *, align_corners: bool = True) -> Tensor:
    """Look up (B, C, D, H, W) at (B, 3, N) coordinates and (R, 3) offsets from each: (B, C * R, N), offsets fastest.

    Offsets are added after the stretch, which brings the box to [-1, 1]: to the centres of its outer voxels as published, or,
    without ``align_corners``, to their outer faces. Outside the voxels there are zeros.
    """
    if voxels.ndim != 5 or voxels.shape[0] != xyz.shape[0]:
        raise ValueError(
            f"multi_range_lookup: voxels are {tuple(voxels.shape)} for points {tuple(xyz.shape)}; they must be "
            "(B, C, D, H, W) with the same B."
        )
    stretched = xyz.transpose(1, 2) * stretch(voxels).to(xyz.dtype)
    grid = (stretched[:, None] + offsets[None, :, None].to(xyz.dtype))[:, :, :, None]  # (B, R, N, 1, 3)
    seen = F.grid_sample(voxels, grid, mode="bilinear", padding_mode="zeros", align_corners=align_corners)
    return seen.reshape(seen.shape[0], -1, seen.shape[3])


def single_lookup(voxels: Tensor, xyz: Tensor, *, align_corners: bool = True) -> Tensor:
    """Look up (B, C, D, H, W) at (B, 3, N) coordinates: (B, C, N)."""
    return multi_range_lookup(voxels, xyz, xyz.new_zeros(1, 3), align_corners=align_corners)


def published_single_lookup(voxels: Tensor, xyz: Tensor) -> Tensor:
    """The original's own look-up, whose weights along x and z are exchanged and which extrapolates outside the voxels.

    Right only where the fractions along x and z agree. For weights that were trained with it.
    """
    if voxels.ndim != 5 or voxels.shape[0] != xyz.shape[0]:
        raise ValueError(
            f"published_single_lookup: voxels are {tuple(voxels.shape)} for points {tuple(xyz.shape)}; they must be "
            "(B, C, D, H, W) with the same B."
        )
    depth, height, width = voxels.shape[2:]
    sizes = xyz.new_tensor([width, height, depth])[:, None]
    place = (xyz * stretch(voxels).to(xyz.dtype)[:, None] + 1) / 2 * (sizes - 1)
    low, high = (corner.clamp(min=0).minimum(sizes - 1) for corner in (place.floor(), place.floor() + 1))
    fraction = (place - low).flip(1)  # x and z exchanged, y in the middle stays
    flat = voxels.flatten(2)
    total = torch.zeros_like(flat[:, :, :1])
    for corner in range(8):
        upper = [bool(corner >> axis & 1) for axis in range(3)]
        x, y, z = ((high if up else low)[:, axis].long() for axis, up in enumerate(upper))
        weight = torch.stack([fraction[:, axis] if up else 1 - fraction[:, axis] for axis, up in enumerate(upper)]).prod(0)
        index = (z * height + y) * width + x
        total = total + flat.gather(2, index[:, None].expand(-1, flat.shape[1], -1)) * weight[:, None]
    return total
