"""The residual block and the hourglass that PIFu's and Geo-PIFu's image filters are built from.

Attribute names are those of the published state dicts, so that published weights load without a mapping.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitruvian.methods.cpu.group_norm import normalised_relu
from vitruvian.methods.cpu.pointwise import pointwise
from vitruvian.methods.cpu.winograd import convolve
from vitruvian.methods.pifu.upsampling import Upsampling, upsample_twice

Norm = Literal["group", "batch"]

PUBLISHED_GROUPS = 32


def normalisation(norm: Norm, channels: int, num_groups: int = PUBLISHED_GROUPS) -> nn.Module:
    """Group normalisation in ``gcd(num_groups, channels)`` groups, or batch normalisation; both with their defaults."""
    if norm == "group":
        return nn.GroupNorm(math.gcd(num_groups, channels), channels)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    raise ValueError(f"normalisation: norm is {norm!r}; it must be 'group' or 'batch'.")


class ResidualBlock(nn.Module):
    """Three pre-activated 3x3 convolutions in a row whose raw outputs are concatenated (1/2 + 1/4 + 1/4), plus a skip.

    ``bn4`` is part of every published state dict. Where the widths differ it is the skip's own normalisation under a second
    name (it is registered first, so ``downsample.0`` wins when a file holds different values); where they are equal it is
    never used and gets no gradient.
    """

    def __init__(self, channels_in: int, channels_out: int, *, norm: Norm, num_groups: int = PUBLISHED_GROUPS) -> None:
        super().__init__()
        half, quarter = channels_out // 2, channels_out // 4
        if 2 * half != channels_out or 4 * quarter != channels_out:
            raise ValueError(f"ResidualBlock: channels_out is {channels_out}; it must be a multiple of 4.")
        self.conv1 = nn.Conv2d(channels_in, half, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(half, quarter, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(quarter, quarter, 3, padding=1, bias=False)
        self.bn1 = normalisation(norm, channels_in, num_groups)
        self.bn2 = normalisation(norm, half, num_groups)
        self.bn3 = normalisation(norm, quarter, num_groups)
        self.bn4 = normalisation(norm, channels_in, num_groups)
        self.downsample: nn.Sequential | None = None
        if channels_in != channels_out:
            self.downsample = nn.Sequential(self.bn4, nn.ReLU(), nn.Conv2d(channels_in, channels_out, 1, bias=False))
        else:
            self.bn4.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H, W)."""
        a = convolve(self.conv1, normalised_relu(self.bn1, x))
        b = convolve(self.conv2, normalised_relu(self.bn2, a))
        c = convolve(self.conv3, normalised_relu(self.bn3, b))
        skip = x
        if self.downsample is not None:
            norm, _, convolution = self.downsample
            assert isinstance(convolution, nn.Conv2d)
            skip = pointwise(normalised_relu(norm, x), convolution.weight)
        return torch.cat([a, b, c], dim=1) + skip


class Hourglass(nn.Module):
    """``depth`` levels of pooling and upsampling with a skip at each; sides must be divisible by 2**depth."""

    def __init__(
        self, channels: int, depth: int, *, norm: Norm, upsampling: Upsampling, num_groups: int = PUBLISHED_GROUPS
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ValueError(f"Hourglass: depth is {depth}; it must be at least 1.")
        self.depth = depth
        self.upsampling = upsampling
        for level in range(depth, 0, -1):
            self.add_module(f"b1_{level}", ResidualBlock(channels, channels, norm=norm, num_groups=num_groups))
            self.add_module(f"b2_{level}", ResidualBlock(channels, channels, norm=norm, num_groups=num_groups))
        self.add_module("b2_plus_1", ResidualBlock(channels, channels, norm=norm, num_groups=num_groups))
        for level in range(1, depth + 1):
            self.add_module(f"b3_{level}", ResidualBlock(channels, channels, norm=norm, num_groups=num_groups))

    def _level(self, level: int, x: Tensor) -> Tensor:
        upper = self.get_submodule(f"b1_{level}")(x)
        lower = self.get_submodule(f"b2_{level}")(F.avg_pool2d(x, 2))
        lower = self._level(level - 1, lower) if level > 1 else self.get_submodule("b2_plus_1")(lower)
        lower = self.get_submodule(f"b3_{level}")(lower)
        return upper + upsample_twice(lower, self.upsampling)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same shape."""
        return self._level(self.depth, x)
