"""3x3 convolutions on CPUs with a quarter of the multiplications (Winograd's F(4x4, 3x3); Lavin and Gray 2016).

Squares of 6x6 inputs become 36 points by additions and small factors. At each of them input and weight channels are one matrix
product, and the points become 4x4 outputs. The backward pass uses the transforms' adjoints. Rounding is a few times that of a
direct convolution.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from vitruvian import _native
from vitruvian.methods.cpu.fits import channels_second, fits, pixels_first

SMALLEST_SIDE = 16
SMALLEST_CHANNELS = 32
"""Below these the transforms cost more than they spare."""
PIECE_BYTES = 3 * 2**20
"""What a piece has at its points, in the wider of both maps: it should fit into a core's share of the last cache."""
NEAR, FAR = 2 / 3, 3 / 2
"""Polynomials are multiplied at 0, +-2/3, +-3/2 and infinity, with less than half the rounding of 0, +-1, +-2 and infinity."""
ALONG_AN_AXIS = torch.tensor(
    [
        [1, 0, 0],
        *([[1 / d, p / d, p * p / d] for p in (NEAR, -NEAR) for d in [2 * NEAR**2 * (NEAR**2 - FAR**2)]]),
        *([[1 / d, p / d, p * p / d] for p in (FAR, -FAR) for d in [2 * FAR**2 * (FAR**2 - NEAR**2)]]),
        [0, 0, 1],
    ]
)
"""(6, 3): a row of weights at the six points."""
FROM_WEIGHTS = torch.kron(ALONG_AN_AXIS, ALONG_AN_AXIS)
"""(36, 9): a 3x3 square of weights at all of them."""


def convolve(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    """``convolution(x)``, by Winograd's way for a plain 3x3 one over large channels-last float32 maps on a CPU."""
    if suits(convolution, x):
        return Winograd.apply(x, convolution.weight)
    return convolution(x)


def suits(convolution: nn.Conv2d, x: Tensor) -> bool:
    """Whether ``convolve`` goes Winograd's way."""
    outputs, inputs = convolution.out_channels, convolution.in_channels
    return (
        fits(x)
        and convolution.kernel_size == (3, 3)
        and convolution.stride == (1, 1)
        and convolution.padding == (1, 1)
        and convolution.dilation == (1, 1)
        and convolution.groups == 1
        and convolution.padding_mode == "zeros"
        and convolution.bias is None
        and x.shape[2] % 4 == 0
        and x.shape[3] % 4 == 0
        and min(x.shape[2:]) >= SMALLEST_SIDE
        and outputs % 8 == 0
        and min(inputs, outputs) >= SMALLEST_CHANNELS
    )


class Winograd(torch.autograd.Function):
    """(B, C, H, W) channels-last maps and (K, C, 3, 3) weights -> (B, K, H, W), stride 1, zeros around."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        maps, threads = pixels_first(x), torch.get_num_threads()
        outputs = np.empty((*maps.shape[:3], len(weight)), np.float32)
        at_points = _at_points(weight).transpose(1, 2).contiguous()
        for first, points, made in _pieces(maps.shape, maps.shape[3], len(weight)):
            _native.winograd_inputs(maps, first, points.numpy(), threads=threads)
            torch.bmm(points, at_points, out=made)
            _native.winograd_outputs(made.numpy(), first, outputs, threads=threads)
        return channels_second(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        maps, slopes, threads = pixels_first(x), pixels_first(gradients[0]), torch.get_num_threads()
        dx = np.zeros(maps.shape, np.float32) if ctx.needs_input_grad[0] else None
        met = torch.zeros(36, *weight.shape[:2]) if ctx.needs_input_grad[1] else None
        at_points = _at_points(weight)
        for first, slope_points, points in _pieces(maps.shape, len(weight), maps.shape[3]):
            _native.winograd_outputs_adjoint(slopes, first, slope_points.numpy(), threads=threads)
            if dx is not None:
                torch.bmm(slope_points, at_points, out=points)
                _native.winograd_inputs_adjoint(points.numpy(), first, dx, threads=threads)
            if met is not None:
                _native.winograd_inputs(maps, first, points.numpy(), threads=threads)
                met.baddbmm_(slope_points.transpose(1, 2), points)
        dw = None if met is None else (FROM_WEIGHTS.T @ met.reshape(36, -1)).T.reshape(weight.shape)
        return None if dx is None else channels_second(dx), dw


def _pieces(shape: tuple[int, ...], *channels: int) -> Iterator[tuple[Any, ...]]:
    """The first tile row of each piece of (B, H, W, C) maps, and for each number of channels a (36, tiles, channels) buffer.

    Pieces are so small that what one step writes is still in the cache when the next one reads it.
    """
    columns, rows = shape[2] // 4, shape[0] * shape[1] // 4
    each = max(1, min(rows, PIECE_BYTES // (36 * 4 * columns * max(channels))))
    buffers = [torch.empty(36 * each * columns * number) for number in channels]
    for first in range(0, rows, each):
        tiles = min(each, rows - first) * columns
        yield first, *(b[: 36 * tiles * n].view(36, tiles, n) for b, n in zip(buffers, channels, strict=True))


def _at_points(weight: Tensor) -> Tensor:
    """(K, C, 3, 3) -> (36, K, C)."""
    return (FROM_WEIGHTS @ weight.detach().reshape(-1, 9).T).reshape(36, *weight.shape[:2])
