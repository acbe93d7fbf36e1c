"""From points in space to feature look-ups: projection, bilinear sampling, the depth feature."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vitruvian.methods.cpu.fits import fits
from vitruvian.methods.cpu.point_samples import PointSamples


def orthogonal(points: Tensor, calibration: Tensor) -> Tensor:
    """(B, 3, N) points by (B, 3 or 4, 4) calibrations -> (B, 3, N): R p + t, x and y in [-1, 1] over the image."""
    return calibration[:, :3, :3] @ points + calibration[:, :3, 3:4]


def perspective(points: Tensor, calibration: Tensor) -> Tensor:
    """As ``orthogonal``, then x and y divided by z; z stays."""
    projected = orthogonal(points, calibration)
    return torch.cat([projected[:, :2] / projected[:, 2:3], projected[:, 2:3]], dim=1)


def sample_map(feature_map: Tensor, xy: Tensor, *, align_corners: bool = True) -> Tensor:
    """Bilinear look-up of a (B, C, H, W) map at (B, 2, N) coordinates -> (B, C, N).

    -1 and +1 are the centres of the first and last pixels as published, or, without ``align_corners``, the outer edges of the
    map. Outside the map contributes zeros.
    """
    if fits(feature_map) and not xy.requires_grad:
        return PointSamples.apply(feature_map, xy, align_corners)
    grid = xy.transpose(1, 2).unsqueeze(2)
    return F.grid_sample(feature_map, grid, mode="bilinear", padding_mode="zeros", align_corners=align_corners)[..., 0]


def depth_feature(z: Tensor, *, load_size_px: int, z_size: float) -> Tensor:
    """Projected depth, in units of the image's half side, as the MLP gets it: times floor(load_size / 2) / z_size."""
    return z * (load_size_px // 2) / z_size


def inside_image(xy: Tensor) -> Tensor:
    """(B, 2, N) -> (B, 1, N) bool: both coordinates in [-1, 1], borders included."""
    return (xy.abs() <= 1).all(dim=1, keepdim=True)
