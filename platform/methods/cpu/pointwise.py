"""1x1 convolutions on CPUs as one matrix product over all pixels, where channels lie together."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from vitruvian.methods.cpu.affine import affine
from vitruvian.methods.cpu.fits import fits


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The 1x1 convolution of (B, C, H, W) maps with (K, C, 1, 1) weights and (K,) biases."""
    if not fits(x):
        return F.conv2d(x, weight, bias)
    batch, channels, height, width = x.shape
    y = affine((x.permute(0, 2, 3, 1).reshape(-1, channels),), weight[:, :, 0, 0], bias)
    return y.reshape(batch, height, width, -1).permute(0, 3, 1, 2)
