"""Group normalisation and ReLU in two passes over channels-last maps on CPUs, forwards and backwards."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from vitruvian import _native
from vitruvian.methods.cpu.fits import channels_second, fits, pixels_first


def normalised_relu(norm: nn.Module, x: Tensor) -> Tensor:
    """``relu(norm(x))``."""
    if isinstance(norm, nn.GroupNorm) and norm.affine and fits(x):
        return GroupNormReLU.apply(x, norm.weight, norm.bias, norm.num_groups, norm.eps)
    return F.relu(norm(x))


class GroupNormReLU(torch.autograd.Function):
    """(B, C, H, W) channels-last maps, (C,) weight and bias -> the same shape; sums in double, so closer than torch's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, epsilon: float) -> Tensor:
        array = pixels_first(x)
        flat = array.reshape(len(array), -1, array.shape[3])
        y, statistics = _native.group_norm_relu(
            flat, weight.detach().numpy(), bias.detach().numpy(), groups, epsilon, threads=torch.get_num_threads()
        )
        ctx.save_for_backward(x, weight, bias)
        ctx.statistics = statistics
        return channels_second(y.reshape(array.shape))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        array, slopes = pixels_first(x), pixels_first(gradients[0])
        flat = (len(array), -1, array.shape[3])
        dx, parameters = _native.group_norm_relu_backward(
            slopes.reshape(flat),
            array.reshape(flat),
            ctx.statistics,
            weight.detach().numpy(),
            bias.detach().numpy(),
            threads=torch.get_num_threads(),
        )
        dw, db = torch.from_numpy(parameters).sum(0)
        return channels_second(dx.reshape(array.shape)), dw, db, None, None
