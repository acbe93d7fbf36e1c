"""A small network that marks the person in a small picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True, slots=True)
class CutoutOptions:
    """What shapes the network."""

    image_size_px: int = 128
    """Side of the square picture that it sees; a multiple of 32."""
    widths: tuple[int, ...] = (16, 24, 40, 64, 96)
    """Channels at a half, a quarter, ... of the picture's resolution."""

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(f"CutoutOptions: widths is {self.widths}; give at least two positive ones.")
        if self.image_size_px < 32 or self.image_size_px % 2 ** len(self.widths):
            raise ValueError(
                f"CutoutOptions: image_size_px is {self.image_size_px}; it must be a multiple of {2 ** len(self.widths)}."
            )


class CutoutNetwork(nn.Module):
    """(B, 3, S, S) sRGB in [0, 1] -> (B, 1, S, S) logits: above 0 where the person is.

    Halvings with residual blocks, what the whole picture shows on average added at the coarsest level, doublings that read the
    finer level's features (a U-Net).
    """

    def __init__(self, options: CutoutOptions) -> None:
        super().__init__()
        self.options = options
        widths = options.widths
        self.down = nn.ModuleList(_Down(first, second) for first, second in zip((3, *widths[:-1]), widths, strict=True))
        self.whole = nn.Linear(widths[-1], widths[-1])
        self.up = nn.ModuleList(_Up(widths[k], widths[k - 1]) for k in range(len(widths) - 1, 0, -1))
        self.last = nn.Conv2d(widths[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        levels = []
        x = images * 4 - 2
        for down in self.down:
            x = down(x)
            levels.append(x)
        x = x + self.whole(x.mean((2, 3)))[..., None, None]
        for up, finer in zip(self.up, levels[-2::-1], strict=True):
            x = up(x, finer)
        return F.interpolate(self.last(x), size=images.shape[2:], mode="bilinear", align_corners=False)


class _Down(nn.Module):
    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.halve = _convolution(first, second, stride=2)
        self.refine = _convolution(second, second)

    def forward(self, x: Tensor) -> Tensor:
        x = self.halve(x)
        return x + self.refine(x)


class _Up(nn.Module):
    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(coarse, fine, 1)
        self.refine = _convolution(fine, fine)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        x = fine + F.interpolate(self.narrow(coarse), scale_factor=2.0, mode="nearest")
        return x + self.refine(x)


def _convolution(first: int, second: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(first, second, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(second), nn.ReLU(inplace=True)
    )


def num_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross entropy of the pixels and one minus the soft overlap of each picture, both on average."""
    probability = logits.sigmoid()
    both, either = (probability * masks).sum((1, 2, 3)), (probability + masks).sum((1, 2, 3))
    overlap = (2 * both + 50) / (either + 50)  # 50 pixels: a picture without anybody is right when almost nothing is marked
    return F.binary_cross_entropy_with_logits(logits, masks) + (1 - overlap).mean()


def overlap(logits: Tensor, masks: Tensor) -> Tensor:
    """(B,) intersection over union; 1 where neither marks anything."""
    marked, truth = logits > 0, masks > 0.5
    union = (marked | truth).sum((1, 2, 3))
    return torch.where(union > 0, (marked & truth).sum((1, 2, 3)) / union.clamp(min=1), 1.0)
