"""The picture's encoder: a residual network of bottlenecks (He et al., CVPR 2016), its stride on the 3x3 convolutions.

Names are those of the published ImageNet weights (``conv1``, ``layer1.0.bn2``, ``layer3.0.downsample.0``, ...).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

EXPANSION = 4
"""Channels that leave a bottleneck over those of its 3x3 convolution."""


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside the input, or beside its projection where sizes change."""

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        channels_out = EXPANSION * width
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels_in != channels_out:
            projection = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        beside = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + beside, inplace=True)


class ResNet(nn.Module):
    """(B, 3, S, S) normalised pictures -> (B, 32 width, S / 32, S / 32) maps."""

    def __init__(self, blocks: tuple[int, int, int, int], width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for group, count in enumerate(blocks):
            inner = width << group
            layers = []
            for block in range(count):
                layers.append(Bottleneck(channels, inner, 2 if group and block == 0 else 1))
                channels = EXPANSION * inner
            self.add_module(f"layer{group + 1}", nn.Sequential(*layers))
        self.channels = channels
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(images)), inplace=True), 3, 2, 1)
        for group in range(1, 5):
            x = self.get_submodule(f"layer{group}")(x)
        return x


def initialise(network: nn.Module) -> None:
    """The customary draw: convolutions normal by their fan-out, normalisations the identity."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
