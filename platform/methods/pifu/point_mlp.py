"""The point MLP: every layer but the first sees the previous activation and the point's original features again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
        x0 = features.transpose(0, 1).reshape(self.dims[0], -1)  # (C, B*V*N): one matrix product a layer
        x = x0
        for layer in range(self.num_layers):
            convolution = self.get_submodule(f"conv{layer}")
            assert isinstance(convolution, nn.Conv1d) and convolution.bias is not None
            weight = convolution.weight[:, :, 0]
            own = weight[:, : x.shape[0]] if layer else weight
            y = torch.addmm(convolution.bias[:, None], own, x)
            if layer and not self.no_residual:
                y = torch.addmm(y, weight[:, x.shape[0] :], x0)
            x = y if layer == self.num_layers - 1 else F.leaky_relu(y, NEGATIVE_SLOPE)
            if num_views > 1 and layer == self.num_layers // 2:
                x = x.reshape(x.shape[0], -1, num_views, num_points).mean(2).reshape(x.shape[0], -1)
                x0 = x0.reshape(x0.shape[0], -1, num_views, num_points).mean(2).reshape(x0.shape[0], -1)
                items //= num_views
        return x.reshape(-1, items, num_points).transpose(0, 1)
