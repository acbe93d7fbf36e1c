"""What shapes Geo-PIFu's query network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vitruvian.methods.geopifu.voxel_lookup import NUM_OFFSETS, PUBLISHED_DISPLACEMENT
from vitruvian.methods.pifu.options import NetworkOptions

Fusion = Literal["none", "early", "late", "multi_loss"]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryNetworkOptions:
    """Defaults are those of the published query weights."""

    image: NetworkOptions = field(default_factory=NetworkOptions)
    """The half that is PIFu's: filter, depth feature, and the widths of the point MLP without voxels (257, ...)."""
    fusion: Fusion = "early"
    """``none``: PIFu's shape network, the published baseline. ``early``: voxel features come first among a point's features.
    ``late``: likewise, after three layers of their own. ``multi_loss``: a tower for pixels, one for voxels and one that joins
    them, all three supervised."""
    voxel_channels: int = 8
    """Channels of the latent voxels."""
    multi_range: bool = True
    """A point reads the voxels at its place and a step to each of six sides, as published; otherwise at its place only."""
    displacement: float = PUBLISHED_DISPLACEMENT
    """That step, where the outer voxels are at -1 and 1."""
    align_corners: bool = True
    """How points read the voxels, as of the coarse network that they are from: the box ends at the centres of its outer voxels
    as published, or, if False, at their outer faces."""
    exchanged_fractions: bool = False
    """Without ``multi_range``: look up as the original does, with the weights of x and z exchanged and extrapolation outside.
    Only for weights that were trained so."""
    late_channels: int | None = None
    """``late``: what the voxel features' own layers give. Default: as much as they get."""
    mlp_dim_3d: tuple[int, ...] = (56, 256, 128, 1)
    """``multi_loss``: the voxels' tower."""
    mlp_dim_joint: tuple[int, ...] = (256, 128, 1)
    """``multi_loss``: what the layers of the joining tower give. The published command line has a 0 before them."""

    def __post_init__(self) -> None:
        if self.fusion not in ("none", "early", "late", "multi_loss"):
            raise ValueError(
                f"QueryNetworkOptions: fusion is {self.fusion!r}; it must be 'none', 'early', 'late' or 'multi_loss'."
            )
        if self.voxel_channels < 1 or self.displacement < 0 or (self.late_channels or 1) < 1:
            raise ValueError(
                f"QueryNetworkOptions: voxel_channels={self.voxel_channels}, displacement={self.displacement}, "
                f"late_channels={self.late_channels}; channels must be at least 1, the displacement not negative."
            )
        if self.exchanged_fractions and self.multi_range:
            raise ValueError("QueryNetworkOptions: exchanged_fractions belongs to the single look-up; set multi_range=False.")
        if self.exchanged_fractions and not self.align_corners:
            raise ValueError("QueryNetworkOptions: exchanged_fractions, the original's look-up, needs align_corners=True.")
        if self.fusion == "multi_loss":
            if len(self.mlp_dim_3d) < 3 or self.mlp_dim_3d[0] != self.read_channels or self.mlp_dim_3d[-1] != 1:
                raise ValueError(
                    f"QueryNetworkOptions: mlp_dim_3d is {self.mlp_dim_3d}; it must start with {self.read_channels} (what a "
                    "point reads from the voxels), have a hidden layer and end with 1."
                )
            if len(self.image.mlp_dim) < 3 or not self.mlp_dim_joint or self.mlp_dim_joint[-1] != 1:
                raise ValueError(
                    f"QueryNetworkOptions: image.mlp_dim is {self.image.mlp_dim}, mlp_dim_joint {self.mlp_dim_joint}; the "
                    "first needs a hidden layer, the second must end with 1."
                )

    @property
    def read_channels(self) -> int:
        """Channels that a point reads from the voxels."""
        return self.voxel_channels * (NUM_OFFSETS if self.multi_range else 1)

    @property
    def fused_channels(self) -> int:
        """Channels that voxels add to the features of the point MLP."""
        if self.fusion in ("none", "multi_loss"):
            return 0
        return self.late_channels or self.read_channels if self.fusion == "late" else self.read_channels

    @property
    def mlp_dim(self) -> tuple[int, ...]:
        """Widths of the point MLP with the voxels' features."""
        first, *rest = self.image.mlp_dim
        return (first + self.fused_channels, *rest)
