"""The feature pyramids that the simpler relative of PIFu's shape network can read: plain convolutions, ResNets, VGG-16.

The ResNets' layers are named as in torchvision; the levels of VGG have names of ours. The original starts from ImageNet weights
and then overwrites them with its own initialisation, so none are needed here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from vitruvian.methods.pifu.point_mlp import NEGATIVE_SLOPE

Trunk = Literal["multiconv", "resnet18", "resnet34", "resnet50", "vgg16"]

TRUNK_CHANNELS = {
    "resnet18": (64, 64, 128, 256, 512),
    "resnet34": (64, 64, 128, 256, 512),
    "resnet50": (64, 256, 512, 1024, 2048),
    "vgg16": (64, 128, 256, 512, 512),
}
"""Of each level of the pyramid, finest first."""
RESNET_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}
VGG_CONVOLUTIONS = (2, 2, 3, 3, 3)
"""Of VGG-16, between its poolings."""


class ConvPyramid(nn.Module):
    """4x4 convolutions of stride 2 without padding, named ``conv0..``; leaky ReLU between them, nothing after the last."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.num_layers = len(channels) - 1
        for layer in range(self.num_layers):
            self.add_module(f"conv{layer}", nn.Conv2d(channels[layer], channels[layer + 1], 4, stride=2))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, C0, H, W) -> the images themselves and every layer's output."""
        maps = [images]
        for layer in range(self.num_layers):
            x = self.get_submodule(f"conv{layer}")(maps[-1])
            maps.append(x if layer == self.num_layers - 1 else F.leaky_relu(x, NEGATIVE_SLOPE))
        return maps


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Sequential | None:
    if channels_in == channels_out and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a skip (He et al. 2016, figure 5 left)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.downsample = _shortcut(channels_in, channels_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H / stride, W / stride)."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 1x1, a 3x3 that strides, and a 1x1 convolution beside a skip (the same, right)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        inner = channels_out // 4
        self.conv1 = nn.Conv2d(channels_in, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, channels_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.downsample = _shortcut(channels_in, channels_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H / stride, W / stride)."""
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNetPyramid(nn.Module):
    """A ResNet's stem and four stages. The stem's convolution has two names, ``conv1`` and ``layer0.0``; the second wins."""

    def __init__(self, trunk: str) -> None:
        super().__init__()
        widths, block = TRUNK_CHANNELS[trunk], Bottleneck if trunk == "resnet50" else BasicBlock
        self.conv1 = nn.Conv2d(3, widths[0], 7, stride=2, padding=3, bias=False)
        self.layer0 = nn.Sequential(self.conv1, nn.BatchNorm2d(widths[0]), nn.ReLU())
        for stage, number in enumerate(RESNET_BLOCKS[trunk], start=1):
            first = block(widths[stage - 1], widths[stage], 1 if stage == 1 else 2)
            rest = [block(widths[stage], widths[stage], 1) for _ in range(number - 1)]
            self.add_module(f"layer{stage}", nn.Sequential(first, *rest))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> maps of 1/2, 1/4, 1/8, 1/16 and 1/32 of its sides."""
        maps = [self.layer0(images)]
        x = F.max_pool2d(maps[0], 3, stride=2, padding=1)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
            maps.append(x)
        return maps


class VggPyramid(nn.Module):
    """VGG-16 up to its last convolution, cut before every pooling; ``layer0..`` hold the pieces."""

    def __init__(self) -> None:
        super().__init__()
        channels_in = 3
        for level, (channels, number) in enumerate(zip(TRUNK_CHANNELS["vgg16"], VGG_CONVOLUTIONS, strict=True)):
            layers: list[nn.Module] = [nn.MaxPool2d(2)] if level else []
            for _ in range(number):
                layers += [nn.Conv2d(channels_in, channels, 3, padding=1), nn.ReLU()]
                channels_in = channels
            self.add_module(f"layer{level}", nn.Sequential(*layers))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> maps of 1, 1/2, 1/4, 1/8 and 1/16 of its sides."""
        maps: list[Tensor] = []
        for level in range(len(VGG_CONVOLUTIONS)):
            maps.append(self.get_submodule(f"layer{level}")(maps[-1] if maps else images))
        return maps


def make_pyramid(trunk: Trunk, channels: tuple[int, ...]) -> nn.Module:
    """The pyramid of a name; ``channels`` are those of ``multiconv``."""
    makers: dict[str, Callable[[], nn.Module]] = {"multiconv": lambda: ConvPyramid(channels), "vgg16": VggPyramid}
    return makers[trunk]() if trunk in makers else ResNetPyramid(trunk)
