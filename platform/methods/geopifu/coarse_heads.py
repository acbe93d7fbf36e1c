"""The coarse network's optional heads: a discriminator of volumes, and a renderer of the voxels from other sides.

Both are off in the published weights. Names are the published ones, but for those inside the renderer's 2D U-Net, which
are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vitruvian.methods.geopifu.frames import voxels_to_view
from vitruvian.methods.geopifu.volume_blocks import SLOPE, SameConv3d, halving_block, same_block

NUM_DISCRIMINATOR_STAGES = 7
DROPOUT = 0.1


def discriminator_stages(channels: int) -> dict[str, nn.Module]:
    """The stages by name: six halvings and a last convolution that ends in a probability a place."""
    widths = [1, channels, channels, 2 * channels, 4 * channels, 8 * channels, 16 * channels]
    stages: list[nn.Module] = [halving_block(widths[k], widths[k + 1]) for k in range(NUM_DISCRIMINATOR_STAGES - 1)]
    stages.append(nn.Sequential(SameConv3d(widths[-1], 1, 3, bias=True), nn.Sigmoid()))
    return {f"gan_3d_dis_conv3d_{k}": stage for k, stage in enumerate(stages, start=1)}


class ViewRendering(NamedTuple):
    """What voxels look like from a side."""

    image: Tensor
    """(B, 3, 2H, 2W) in (-1, 1), for occupancy volumes of H and W cells."""
    inverse_depth: Tensor
    """(B, 1, H, W): 1/2 at the volume's near side, -1/2 at its far one."""


def depth_coordinates(shape: tuple[int, int, int]) -> Tensor:
    """(1, 1, D, H, W) inverse depth of each layer k of cells: (D / 2 - 1 - k) / D."""
    depth = shape[0]
    return ((depth / 2 - 1 - torch.arange(depth)) / depth).reshape(1, 1, -1, 1, 1).expand(1, 1, *shape).contiguous()


def visibility_stages(channels: int) -> dict[str, nn.Module]:
    """The layers by name that weigh the cells along each ray; weights over depth add up to 1."""
    return {
        "vis_conv3d_1": same_block(channels + 1, channels, nn.LeakyReLU(SLOPE)),
        "vis_conv3d_2": nn.Sequential(SameConv3d(channels, 1, 3, bias=True), nn.Softmax(dim=2)),
    }


def turned(volume: Tensor, views: Sequence[int]) -> Tensor:
    """(B, C, D, H, W), each item turned from the front view's frame to its own of ``views``."""
    return torch.stack([voxels_to_view(item, view) for item, view in zip(volume, views, strict=True)])


class ViewUNet(nn.Module):
    """Rendered features become a picture of twice their size. Reflected borders; whole channels are dropped in training."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        c = channels
        leaky, relu = nn.LeakyReLU(SLOPE), nn.ReLU()
        self.enc1 = _flat(c, c, norm=True, activation=leaky)
        self.enc2 = _halving(c, 2 * c, norm=True, activation=leaky)
        self.enc3 = _flat(2 * c, 2 * c, norm=False, activation=leaky)
        self.enc4 = _halving(2 * c, 4 * c, norm=False, activation=leaky)
        self.dec1 = _doubling(4 * c, 2 * c, norm=False, activation=relu)
        self.dec2 = _flat(2 * c, 2 * c, norm=False, activation=relu)
        self.dec3 = _doubling(4 * c, c, norm=True, activation=relu)
        self.dec4 = _flat(c, c, norm=True, activation=relu)
        self.dec5 = _doubling(2 * c, 3, norm=True, activation=relu)
        self.dec6 = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(3, 3, 3), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W), sides multiples of 4 -> (B, 3, 2H, 2W) in (-1, 1)."""
        whole = self.enc1(x)
        half = self.enc2(whole)
        x = self.dec2(self.dec1(self.enc4(self.enc3(half))))
        x = self.dec4(self.dec3(torch.cat([half, x], dim=1)))
        return self.dec6(self.dec5(torch.cat([whole, x], dim=1)))


def _finish(convolution: list[nn.Module], channels: int, norm: bool, activation: nn.Module) -> nn.Sequential:
    normalisation = [nn.BatchNorm2d(channels)] if norm else []
    return nn.Sequential(*convolution, *normalisation, activation, nn.Dropout2d(DROPOUT))


def _flat(channels_in: int, channels_out: int, *, norm: bool, activation: nn.Module) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 3, bias=not norm)
    return _finish([nn.ReflectionPad2d(1), convolution], channels_out, norm, activation)


def _halving(channels_in: int, channels_out: int, *, norm: bool, activation: nn.Module) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 4, stride=2, bias=not norm)
    return _finish([nn.ReflectionPad2d(1), convolution], channels_out, norm, activation)


def _doubling(channels_in: int, channels_out: int, *, norm: bool, activation: nn.Module) -> nn.Sequential:
    convolution = nn.ConvTranspose2d(channels_in, channels_out, 4, stride=2, padding=1, bias=not norm)
    return _finish([convolution], channels_out, norm, activation)
