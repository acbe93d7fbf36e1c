"""Layers over rows on CPUs whose inputs lie in several pieces, which are never put side by side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def product(a: Tensor, b: Tensor) -> Tensor:
    """``a @ b`` without gradient."""
    return torch.matmul(a.detach(), b.detach())


def affine(parts: tuple[Tensor, ...], weight: Tensor, bias: Tensor | None, *, slope: float | None = None) -> Tensor:
    """(M, C1), (M, C2) ... side by side, times (K, C1 + C2 + ...) weights, plus (K,) biases; then a leaky ReLU of ``slope``."""
    return Affine.apply(weight, bias, slope, *parts)


class Affine(torch.autograd.Function):
    """``affine``; the parts are never put side by side, and the ReLU works in place."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor | None, slope: float | None, *parts: Tensor) -> Tensor:
        y: Tensor | None = None
        for part, columns in _columns(weight, parts):
            y = product(part, columns.T) if y is None else y.add_(product(part, columns.T))
        assert y is not None
        if bias is not None:
            y.add_(bias.detach())
        if slope is not None:
            torch.nn.functional.leaky_relu_(y, slope)
        ctx.slope = slope
        ctx.save_for_backward(weight, *parts, *(() if slope is None else (y,)))
        ctx.num_parts = len(parts)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, *saved = ctx.saved_tensors
        parts = tuple(saved[: ctx.num_parts])
        slopes = gradients[0]
        if ctx.slope is not None:
            slopes = torch.ops.aten.leaky_relu_backward(slopes, saved[-1], ctx.slope, True)
        slopes = slopes.contiguous()
        there = list(_columns(weight, parts))
        back = [product(slopes, columns) if ctx.needs_input_grad[3 + k] else None for k, (_, columns) in enumerate(there)]
        dw = None
        if ctx.needs_input_grad[0]:
            dw = torch.cat([product(slopes.T, part) for part in parts], dim=1)
        db = slopes.sum(0) if ctx.needs_input_grad[1] else None
        return dw, db, None, *back


def _columns(weight: Tensor, parts: tuple[Tensor, ...]) -> list[tuple[Tensor, Tensor]]:
    """Each part with the columns of the weights that it meets."""
    widths = [part.shape[1] for part in parts]
    return list(zip(parts, weight.detach().split(widths, dim=1), strict=True))
