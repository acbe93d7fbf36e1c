"""What shapes PIFu's colour network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitruvian.methods.pifu.blocks import PUBLISHED_GROUPS

ColourNorm = Literal["group", "instance", "batch"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourNetworkOptions:
    """Defaults are those of the published colour weights; the published command line's own default is ``instance``."""

    norm: ColourNorm = "group"
    """``instance`` has no parameters of its own, and the convolutions then have biases; the others the other way round."""
    use_tanh: bool = False
    """Squash the filter's own map."""
    shape_channels: int = 256
    """Channels of the shape network's map, which points read together with the filter's own."""
    mlp_dim: tuple[int, ...] = (513, 1024, 512, 256, 128, 3)
    """First: shape_channels + channels(256) + 1 for depth."""
    no_residual: bool = False
    z_size: float = 200.0
    load_size_px: int = 512
    """As in ``NetworkOptions``, of which depth feature, projection and sampling must equal the shape network's."""
    projection: Literal["orthogonal", "perspective"] = "orthogonal"
    align_corners: bool = True
    width: float = 1.0
    """Scales the filter's channels, published 64, 128 and 256, and the number of normalisation groups."""

    def __post_init__(self) -> None:
        if self.norm not in ("group", "instance", "batch"):
            raise ValueError(f"ColourNetworkOptions: norm is {self.norm!r}; it must be 'group', 'instance' or 'batch'.")
        if self.projection not in ("orthogonal", "perspective"):
            raise ValueError(
                f"ColourNetworkOptions: projection is {self.projection!r}; it must be 'orthogonal' or 'perspective'."
            )
        if self.z_size <= 0 or self.load_size_px < 2 or self.shape_channels < 0 or self.channels(64) < 1:
            raise ValueError(
                f"ColourNetworkOptions: z_size={self.z_size}, load_size_px={self.load_size_px}, "
                f"shape_channels={self.shape_channels}, width={self.width}; sizes must be positive."
            )
        expected = self.shape_channels + self.channels(256) + 1
        if len(self.mlp_dim) < 2 or self.mlp_dim[0] != expected or self.mlp_dim[-1] != 3:
            raise ValueError(
                f"ColourNetworkOptions: mlp_dim is {self.mlp_dim}; it must start with {expected} (both maps and depth) and "
                "end with 3."
            )

    def channels(self, published: int) -> int:
        """A published channel count at this width."""
        return round(published * self.width)

    @property
    def num_groups(self) -> int:
        return max(1, round(PUBLISHED_GROUPS * self.width))
