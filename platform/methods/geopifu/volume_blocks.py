"""3D convolutions with repeated borders, nested as in the published state dicts, and the U-Net made of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SLOPE = 0.2


class SameConv3d(nn.Module):
    """A convolution of odd kernel whose output is as large as its input; borders are repeated."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, *, bias: bool) -> None:
        super().__init__()
        pad = nn.ReplicationPad3d(kernel // 2)
        self.net = nn.Sequential(pad, nn.Conv3d(channels_in, channels_out, kernel, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, D, H, W) -> (B, channels_out, D, H, W)."""
        return self.net(x)


def same_block(channels_in: int, channels_out: int, activation: nn.Module) -> nn.Sequential:
    """3x3x3 convolution without bias, batch normalisation, activation."""
    return nn.Sequential(SameConv3d(channels_in, channels_out, 3, bias=False), nn.BatchNorm3d(channels_out), activation)


def halving_block(channels_in: int, channels_out: int, *, norm: bool = True) -> nn.Sequential:
    """4x4x4 convolution of stride 2 over repeated borders, batch normalisation or else a bias, leaky ReLU."""
    convolution = nn.Conv3d(channels_in, channels_out, 4, stride=2, bias=not norm)
    normalisation = [nn.BatchNorm3d(channels_out)] if norm else []
    return nn.Sequential(nn.ReplicationPad3d(1), convolution, *normalisation, nn.LeakyReLU(SLOPE))


def doubling_block(channels_in: int, channels_out: int, *, norm: bool = True) -> nn.Sequential:
    """4x4x4 transposed convolution of stride 2, batch normalisation or else a bias, ReLU."""
    convolution = nn.ConvTranspose3d(channels_in, channels_out, 4, stride=2, padding=1, bias=not norm)
    normalisation = [nn.BatchNorm3d(channels_out)] if norm else []
    return nn.Sequential(convolution, *normalisation, nn.ReLU())


class VolumeUNet(nn.Module):
    """Two halvings and back, with skips; sides must be multiples of 4. Its values are at least 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv3d_pre_process = same_block(channels, channels, nn.LeakyReLU(SLOPE))
        self.conv3d_enc_1 = halving_block(channels, 2 * channels)
        self.conv3d_enc_2 = halving_block(2 * channels, 4 * channels, norm=False)
        self.deconv3d_dec_2 = doubling_block(4 * channels, 2 * channels, norm=False)
        self.deconv3d_dec_1 = doubling_block(4 * channels, channels)
        self.conv3d_final_process = same_block(2 * channels, channels, nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, D, H, W) -> the same shape."""
        whole = self.conv3d_pre_process(x)
        half = self.conv3d_enc_1(whole)
        x = self.deconv3d_dec_2(self.conv3d_enc_2(half))
        x = self.deconv3d_dec_1(torch.cat([half, x], dim=1))
        return self.conv3d_final_process(torch.cat([whole, x], dim=1))
