"""Two of the ways in which voxel features meet pixel features: late, after layers of their own, and in three towers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitruvian.methods.pifu.point_mlp import NEGATIVE_SLOPE


class LateFusion(nn.Module):
    """Three 1x1 convolutions, c -> 2c -> 4c -> c_out, a leaky ReLU after each, also the last."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.fusion_fc_1 = nn.Conv1d(channels_in, 2 * channels_in, 1)
        self.fusion_fc_2 = nn.Conv1d(2 * channels_in, 4 * channels_in, 1)
        self.fusion_fc_3 = nn.Conv1d(4 * channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, N) -> (B, channels_out, N)."""
        for layer in (self.fusion_fc_1, self.fusion_fc_2, self.fusion_fc_3):
            x = F.leaky_relu(layer(x), NEGATIVE_SLOPE)
        return x


class TowerMLP(nn.Module):
    """A tower on the pixels' features, one on the voxels', and one that joins the last hidden layers of both.

    Every layer but a tower's first sees the tower's input again; the joining tower's first sees both inputs too. Leaky ReLU
    after every hidden layer, nothing after the last.
    """

    def __init__(self, dims_2d: Sequence[int], dims_3d: Sequence[int], dims_joint: Sequence[int]) -> None:
        """``dims_joint``: what each layer of the joining tower gives."""
        super().__init__()
        self.num_layers = {"2d": len(dims_2d) - 1, "3d": len(dims_3d) - 1, "joint": len(dims_joint)}
        for name, dims in (("2d", dims_2d), ("3d", dims_3d)):
            for layer in range(len(dims) - 1):
                width = dims[layer] + (dims[0] if layer else 0)
                self.add_module(f"features_{name}_conv{layer}", nn.Conv1d(width, dims[layer + 1], 1))
        widths = [dims_2d[-2] + dims_3d[-2], *dims_joint]
        for layer in range(len(dims_joint)):
            convolution = nn.Conv1d(widths[layer] + dims_2d[0] + dims_3d[0], widths[layer + 1], 1)
            self.add_module(f"features_joint_conv{layer}", convolution)

    def _tower(self, name: str, features: Tensor, x: Tensor | None = None) -> Tensor:
        """The last hidden layer of a tower, with ``features`` again: what its last layer sees."""
        for layer in range(self.num_layers[name] - 1):
            seen = features if x is None else torch.cat([x, features], dim=1)
            x = F.leaky_relu(self.get_submodule(f"features_{name}_conv{layer}")(seen), NEGATIVE_SLOPE)
        assert x is not None
        return x

    def _last(self, name: str, hidden: Tensor, features: Tensor) -> Tensor:
        last = self.get_submodule(f"features_{name}_conv{self.num_layers[name] - 1}")
        return last(torch.cat([hidden, features], dim=1))

    def forward(self, pixels: Tensor, voxels: Tensor, *, joint_only: bool) -> list[Tensor]:
        """(B, C2, N) and (B, C3, N) -> logits (B, 1, N): of the pixels' tower, the voxels' and the joint."""
        hidden_2d, hidden_3d = self._tower("2d", pixels), self._tower("3d", voxels)
        both = torch.cat([pixels, voxels], dim=1)
        hidden = self._tower("joint", both, torch.cat([hidden_2d, hidden_3d], dim=1))
        joint = self._last("joint", hidden, both)
        if joint_only:
            return [joint]
        return [self._last("2d", hidden_2d, pixels), self._last("3d", hidden_3d, voxels), joint]
