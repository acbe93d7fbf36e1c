"""Doubling the side of feature maps: nearest, or bicubic with aligned corners as two small matrix products."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Upsampling = Literal["bicubic", "nearest"]
CUBIC = -0.75
"""The slope at 1 of the usual cubic convolution kernel (Keys 1981)."""


def upsample_twice(x: Tensor, upsampling: Upsampling) -> Tensor:
    """(B, C, H, W) -> (B, C, 2H, 2W); bicubic with aligned corners, as published, or nearest (cheaper).

    On a CPU the bicubic one is a product along each axis, forwards and backwards: the same numbers up to rounding as torch's
    own, whose loops over taps take several times as long.
    """
    if upsampling == "nearest":
        return F.interpolate(x, scale_factor=2, mode="nearest")
    if x.device.type != "cpu":
        return F.interpolate(x, scale_factor=2, mode="bicubic", align_corners=True)
    batch, channels, height, width = x.shape
    right, down = bicubic_matrix(width).to(x.dtype), bicubic_matrix(height).to(x.dtype)
    if channels > 1 and x.is_contiguous(memory_format=torch.channels_last):
        tall = torch.bmm(down.expand(batch, -1, -1), x.permute(0, 2, 3, 1).reshape(batch, height, -1))
        rows = tall.reshape(2 * height * batch, width, channels)
        whole = torch.bmm(right.expand(len(rows), -1, -1), rows)
        return whole.reshape(batch, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)
    across = x.reshape(-1, width) @ right.T
    wide = across.reshape(batch * channels, height, 2 * width)
    return torch.bmm(down.expand(batch * channels, -1, -1), wide).reshape(batch, channels, 2 * height, 2 * width)


@lru_cache(maxsize=64)
def bicubic_matrix(size: int) -> Tensor:
    """(2 size, size) float32: what each of the finer samples takes of the coarser ones; beyond the ends the end is repeated."""
    place = torch.arange(2 * size, dtype=torch.float64) * ((size - 1) / (2 * size - 1))
    first = place.floor().clamp(max=size - 1)
    matrix = torch.zeros(2 * size, size, dtype=torch.float64)
    for tap in range(-1, 3):
        distance = (place - first - tap).abs()
        near = ((CUBIC + 2) * distance - (CUBIC + 3)) * distance.square() + 1
        far = CUBIC * (((distance - 5) * distance + 8) * distance - 4)
        weight = torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))
        column = (first + tap).clamp(0, size - 1).long()
        matrix.scatter_add_(1, column[:, None], weight[:, None])
    return matrix.float()
