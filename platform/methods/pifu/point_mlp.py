"""The point MLP: every layer but the first sees the previous activation and the point's original features again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitruvian.methods.cpu.affine import affine
from vitruvian.methods.cpu.fits import plain_float

NEGATIVE_SLOPE = 0.01


class PointMLP(nn.Module):
    """1x1 convolutions with the published names ``conv0..``; leaky ReLU between them, nothing after the last.

    A layer over [activation, features] is computed as the sum of two products, which spares the concatenation.
    """

    def __init__(self, dims: Sequence[int], *, no_residual: bool = False) -> None:
        super().__init__()
        self.dims = tuple(dims)
        self.num_layers = len(dims) - 1
        self.no_residual = no_residual
        for layer in range(self.num_layers):
            extra = 0 if layer == 0 or no_residual else dims[0]
            self.add_module(f"conv{layer}", nn.Conv1d(dims[layer] + extra, dims[layer + 1], 1))

    def forward(self, features: Tensor, *, num_views: int = 1) -> Tensor:
        """(B * V, C0, N) point features, views adjacent -> (B, C_last, N).

        With several views the activations and the features are averaged over them after layer ``num_layers // 2``.
        """
        if features.ndim != 3 or features.shape[1] != self.dims[0] or features.shape[0] % num_views:
            raise ValueError(
                f"PointMLP: features are {tuple(features.shape)} with {num_views} views; they must be (B*V, {self.dims[0]}, N)."
            )
        items, _, num_points = features.shape
        x0 = features.transpose(1, 2).reshape(-1, self.dims[0])  # (B*V*N, C): one matrix product a layer
        padding = -self.dims[0] % 8 if plain_float(x0) else 0  # products of 257 columns take half as long again as of 264
        x0 = F.pad(x0, (0, padding))
        x = x0
        for layer in range(self.num_layers):
            convolution = self.get_submodule(f"conv{layer}")
            assert isinstance(convolution, nn.Conv1d) and convolution.bias is not None
            parts = (x, x0) if layer and not self.no_residual else (x,)
            weight = convolution.weight[:, :, 0]
            weight = F.pad(weight, (0, padding)) if parts[-1] is x0 else weight
            x = _layer(parts, weight, convolution.bias, last=layer == self.num_layers - 1)
            if num_views > 1 and layer == self.num_layers // 2:
                x = x.reshape(-1, num_views, num_points, x.shape[1]).mean(1).reshape(-1, x.shape[1])
                x0 = x0.reshape(-1, num_views, num_points, x0.shape[1]).mean(1).reshape(-1, x0.shape[1])
                items //= num_views
        return x.reshape(items, num_points, -1).transpose(1, 2)


def _layer(parts: tuple[Tensor, ...], weight: Tensor, bias: Tensor, *, last: bool) -> Tensor:
    if plain_float(parts[0]):
        return affine(parts, weight, bias, slope=None if last else NEGATIVE_SLOPE)
    y = torch.addmm(bias, parts[0], weight[:, : parts[0].shape[1]].T)
    if len(parts) > 1:
        y = torch.addmm(y, parts[1], weight[:, parts[0].shape[1] :].T)
    return y if last else F.leaky_relu(y, NEGATIVE_SLOPE)
