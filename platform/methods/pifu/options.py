"""What shapes PIFu's network: the published options, and a width for networks that train in minutes on a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitruvian.methods.pifu.blocks import PUBLISHED_GROUPS, Norm
from vitruvian.methods.pifu.upsampling import Upsampling


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkOptions:
    """Defaults are those of the published shape network. Names follow the published command line where it has one."""

    norm: Norm = "group"
    num_stack: int = 4
    """Hourglasses in a row; each gives a feature map, all are supervised, the last one is used."""
    num_hourglass: int = 2
    """Depth of each hourglass."""
    hg_down: Literal["ave_pool", "conv64", "conv128"] = "ave_pool"
    hourglass_dim: int = 256
    """Channels of the feature maps that points read."""
    mlp_dim: tuple[int, ...] = (257, 1024, 512, 256, 128, 1)
    """First: hourglass_dim + 1 for depth (+ the stem's channels with ``skip_hourglass``)."""
    skip_hourglass: bool = False
    no_residual: bool = False
    z_size: float = 200.0
    """Depth feature = z * floor(load_size_px / 2) / z_size, where the image half-extent is z = 1."""
    load_size_px: int = 512
    """The nominal image side. Enters the depth feature even when the actual image is smaller."""
    projection: Literal["orthogonal", "perspective"] = "orthogonal"
    upsample_mode: Upsampling = "bicubic"
    align_corners: bool = True
    """How points read the maps. True as published: the image's borders fall on the centres of the outer cells, so a point reads
    up to half a cell beside its pixel. On maps of 128 cells that is nothing, on 32 it is half a limb: then take False."""
    recover_dim: bool = False
    """One more map, as large as the picture, made from the last stack, the stem and the picture; it is the one that counts."""
    width: float = 1.0
    """Scales the filter's channels, published 64, 128 and 256, and the number of normalisation groups."""

    def __post_init__(self) -> None:
        if self.norm not in ("group", "batch"):
            raise ValueError(f"NetworkOptions: norm is {self.norm!r}; it must be 'group' or 'batch'.")
        if self.hg_down not in ("ave_pool", "conv64", "conv128"):
            raise ValueError(f"NetworkOptions: hg_down is {self.hg_down!r}; it must be 'ave_pool', 'conv64' or 'conv128'.")
        if self.projection not in ("orthogonal", "perspective"):
            raise ValueError(f"NetworkOptions: projection is {self.projection!r}; it must be 'orthogonal' or 'perspective'.")
        if self.upsample_mode not in ("bicubic", "nearest"):
            raise ValueError(f"NetworkOptions: upsample_mode is {self.upsample_mode!r}; it must be 'bicubic' or 'nearest'.")
        if self.num_stack < 1 or self.num_hourglass < 1 or self.z_size <= 0 or self.load_size_px < 2:
            raise ValueError(
                f"NetworkOptions: num_stack={self.num_stack}, num_hourglass={self.num_hourglass}, z_size={self.z_size}, "
                f"load_size_px={self.load_size_px}; stacks and depth must be at least 1, sizes positive."
            )
        if self.channels(64) % 4 or self.channels(64) < 4:
            raise ValueError(
                f"NetworkOptions: width {self.width} makes {self.channels(64)} of 64 channels; take a multiple of 1/16."
            )
        if self.recover_dim and self.hourglass_dim != self.channels(256):
            raise ValueError(
                f"NetworkOptions: hourglass_dim is {self.hourglass_dim}; with recover_dim it must be {self.channels(256)}, the "
                "channels of the map as large as the picture."
            )
        if len(self.mlp_dim) < 2:
            raise ValueError(f"NetworkOptions: mlp_dim is {self.mlp_dim}; it needs an input and an output width.")
        expected = self.hourglass_dim + 1 + (self.channels(64) if self.skip_hourglass else 0)
        if self.mlp_dim[0] != expected or self.mlp_dim[-1] != 1:
            raise ValueError(
                f"NetworkOptions: mlp_dim is {self.mlp_dim}; it must start with {expected} (features and depth) and end with 1."
            )

    def channels(self, published: int) -> int:
        """A published channel count at this width."""
        return round(published * self.width)

    @property
    def num_groups(self) -> int:
        return max(1, round(PUBLISHED_GROUPS * self.width))

    @property
    def num_maps(self) -> int:
        """Maps that the filter gives: one a stack, and the recovered one."""
        return self.num_stack + self.recover_dim

    @property
    def size_multiple_px(self) -> int:
        """Image sides must be multiples of this."""
        return 2 ** (self.num_hourglass + 2)
