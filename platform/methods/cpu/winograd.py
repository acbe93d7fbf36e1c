"""3x3 convolutions on CPUs with a quarter of the multiplications (Winograd's F(4x4, 3x3); Lavin and Gray 2016).

Squares of 6x6 inputs become 36 points by additions and small factors. At each of them input and weight channels are one matrix
product, and the points become 4x4 outputs. The backward pass uses the transforms' adjoints. Rounding is a few times that of a
direct convolution.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from vitruvian import _native
from vitruvian.methods.cpu.affine import product
from vitruvian.methods.cpu.fits import channels_second, fits, pixels_first

SMALLEST_SIDE = 16
SMALLEST_CHANNELS = 32
"""Below these the transforms cost more than they spare."""
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
        points = torch.from_numpy(_native.winograd_inputs(pixels_first(x), threads=torch.get_num_threads()))
        return _outputs(product(points, _at_points(weight).transpose(1, 2)), x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        threads = torch.get_num_threads()
        slopes = torch.from_numpy(_native.winograd_outputs_adjoint(pixels_first(gradients[0]), threads=threads))
        dx = dw = None
        if ctx.needs_input_grad[0]:
            back = product(slopes, _at_points(weight))
            batch, _, height, width = x.shape
            dx = channels_second(_native.winograd_inputs_adjoint(back.numpy(), batch, height, width, threads=threads))
        if ctx.needs_input_grad[1]:
            points = torch.from_numpy(_native.winograd_inputs(pixels_first(x), threads=threads))
            met = product(slopes.transpose(1, 2), points).reshape(36, -1)
            dw = (FROM_WEIGHTS.T @ met).T.reshape(weight.shape)
        return dx, dw


def _at_points(weight: Tensor) -> Tensor:
    """(K, C, 3, 3) -> (36, K, C)."""
    return (FROM_WEIGHTS @ weight.detach().reshape(-1, 9).T).reshape(36, *weight.shape[:2])


def _outputs(points: Tensor, x: Tensor) -> Tensor:
    batch, _, height, width = x.shape
    return channels_second(_native.winograd_outputs(points.numpy(), batch, height, width, threads=torch.get_num_threads()))
