"""The sizes of PyMAF's network; the defaults are the published ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vitruvian.bodies.body_layer import BodySizes

IMAGE_STRIDE = 32
"""Pixels of the picture to one of the encoder's last map."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PymafNetworkOptions:
    """What the network is built from."""

    image_size_px: int = 224
    """Of the crop; a smaller one is the same crop with fewer pixels."""
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    """Bottlenecks in each group of the encoder; as published ResNet-50."""
    width: float = 1.0
    """Times the encoder's channels."""
    map_channels: tuple[int, ...] = (256, 256, 256)
    """Of the maps after each step of upsampling."""
    kernels: tuple[int, ...] = (4, 4, 4)
    """Sides of the transposed convolutions."""
    deconv_bias: bool = False
    iterations: int = 3
    """How often parameters are corrected."""
    grid_size: int = 21
    """Points along each side of the first grid."""
    first_points: Literal["grid", "mask", "table"] = "grid"
    """Where the first correction reads its map: on the ``grid``; or, for PyMAF-SAM, at points of each picture's ``mask``, or at
    rows of a ``table`` that is kept among the weights, as published."""
    num_foreground: int = 400
    """Of a mask: points on the person."""
    num_background: int = 41
    """And beside the person."""
    table_rows: int = 0
    """Of the table; published 960."""
    mlp_layers: tuple[int, ...] = (128, 64, 5)
    """Of the point MLPs, which read a map's channels: what each layer gives."""
    hidden: int = 1024
    """Of the regressors."""
    dropout: float = 0.5
    auxiliary: bool = True
    """Whether there is a head for IUV maps."""
    body: BodySizes = field(default_factory=BodySizes)

    def __post_init__(self) -> None:
        if self.image_size_px < IMAGE_STRIDE or self.image_size_px % IMAGE_STRIDE:
            raise ValueError(
                f"PymafNetworkOptions: image_size_px is {self.image_size_px}; it must be a multiple of {IMAGE_STRIDE}."
            )
        if not 1 <= self.iterations <= 3 or len(self.map_channels) != 3 or len(self.kernels) != 3:
            raise ValueError(
                f"PymafNetworkOptions: iterations={self.iterations}, map_channels={self.map_channels}, kernels={self.kernels}; "
                "there must be 1 to 3 iterations, and three maps."
            )
        if any(kernel not in (2, 3, 4) for kernel in self.kernels):
            raise ValueError(f"PymafNetworkOptions: kernels are {self.kernels}; each must be 2, 3 or 4.")
        if len(self.blocks) != 4 or min(self.blocks) < 1 or not self.mlp_layers or min(self.mlp_layers) < 1:
            raise ValueError(
                f"PymafNetworkOptions: blocks={self.blocks}, mlp_layers={self.mlp_layers}; four groups and at least one layer "
                "are needed, all with something in them."
            )
        if len(set(self.map_channels[-self.iterations :])) != 1 or min(self.map_channels) < 1:
            raise ValueError(
                f"PymafNetworkOptions: map_channels are {self.map_channels}; the maps that points are read from need as many "
                "channels each."
            )
        if (self.first_points == "table") != (self.table_rows > 0) or min(self.num_foreground, self.num_background) < 1:
            raise ValueError(
                f"PymafNetworkOptions: first_points={self.first_points!r}, table_rows={self.table_rows}, num_foreground="
                f"{self.num_foreground}, num_background={self.num_background}; a table has rows, others none."
            )
        if min(self.grid_size, self.hidden) < 1 or not 0 <= self.dropout < 1 or self.channels(64) < 1:
            raise ValueError(
                f"PymafNetworkOptions: grid_size={self.grid_size}, hidden={self.hidden}, dropout={self.dropout}, "
                f"width={self.width}; sizes must be positive and dropout in [0, 1)."
            )

    @property
    def num_first_points(self) -> int:
        """Which the first correction reads."""
        return self.grid_size**2 if self.first_points == "grid" else self.num_foreground + self.num_background

    def channels(self, published: int) -> int:
        """How many channels the encoder has where the published one has so many."""
        return round(published * self.width)

    @property
    def mlp_dim(self) -> tuple[int, ...]:
        """Of the point MLPs: what they read, and what each layer gives (``MLP_DIM``)."""
        return (self.map_channels[-1], *self.mlp_layers)

    @property
    def map_size_px(self) -> int:
        """Of the last map, and of IUV labels."""
        return self.image_size_px // 4
