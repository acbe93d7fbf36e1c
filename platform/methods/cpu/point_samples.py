"""What points read from channels-last maps on CPUs: a pixel's channels are read, and added to, in one go."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from vitruvian import _native
from vitruvian.methods.cpu.fits import channels_second, pixels_first


class PointSamples(torch.autograd.Function):
    """Bilinear look-up of (B, C, H, W) channels-last maps at (B, 2, N) coordinates -> (B, C, N), zeros outside.

    As ``torch.nn.functional.grid_sample``; there is no gradient for the coordinates.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, xy: Tensor, align_corners: bool) -> Tensor:
        points = xy.detach().to(torch.float32).transpose(1, 2).contiguous().numpy()
        ctx.points, ctx.shape, ctx.align_corners = points, maps.shape, align_corners
        read = _native.sample_maps(pixels_first(maps), points, align_corners, threads=torch.get_num_threads())
        return torch.from_numpy(read).transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        batch, channels, height, width = ctx.shape
        into = np.zeros((batch, height, width, channels), np.float32)
        slopes = gradients[0].transpose(1, 2).contiguous().numpy()
        _native.sample_maps_adjoint(slopes, ctx.points, ctx.align_corners, into, threads=torch.get_num_threads())
        return channels_second(into), None, None
