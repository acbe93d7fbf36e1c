"""The auxiliary head: which point of the body each pixel shows, as scores of DensePose's parts and their coordinates."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from vitruvian.datagen.spin.iuv_maps import NUM_MERGED, NUM_PARTS


class IuvScores(NamedTuple):
    """(B, channels, H, W) each; channel 0 is the background."""

    u: Tensor
    """25 channels."""
    v: Tensor
    """25 channels."""
    parts: Tensor
    """25 channels."""
    merged: Tensor
    """15 channels, of the coarser parts."""


class IuvHead(nn.Module):
    """3x3 convolutions of the last map; names as published."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name, outputs in (
            ("u", NUM_PARTS + 1),
            ("v", NUM_PARTS + 1),
            ("uv_index", NUM_PARTS + 1),
            ("ann_index", NUM_MERGED),
        ):
            self.add_module(f"predict_{name}", nn.Conv2d(channels, outputs, 3, padding=1))

    def forward(self, feature_map: Tensor) -> IuvScores:
        return IuvScores(*(self.get_submodule(f"predict_{name}")(feature_map) for name in ("u", "v", "uv_index", "ann_index")))
