"""Two simpler relatives of PIFu's shape network: one on a pyramid of convolutions, and the visual hull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vitruvian.methods.pifu.network import initialise
from vitruvian.methods.pifu.point_mlp import PointMLP
from vitruvian.methods.pifu.project import depth_feature, orthogonal, perspective, sample_map
from vitruvian.methods.pifu.trunks import TRUNK_CHANNELS, Trunk, make_pyramid


@dataclass(frozen=True, kw_only=True, slots=True)
class ConvNetworkOptions:
    """What shapes the pyramid network; no weights of it were published."""

    trunk: Trunk = "multiconv"
    """Where the pyramid comes from."""
    channels: tuple[int, ...] = (3, 16, 32, 64, 128)
    """``multiconv``: of the picture, then of each convolution's output. Points read all of them."""
    mlp_dim: tuple[int, ...] = (244, 1024, 512, 256, 128, 1)
    """First: the channels of all levels + 1 for depth."""
    no_residual: bool = False
    z_size: float = 200.0
    load_size_px: int = 512
    projection: Literal["orthogonal", "perspective"] = "orthogonal"

    def __post_init__(self) -> None:
        if self.trunk != "multiconv" and self.trunk not in TRUNK_CHANNELS:
            raise ValueError(
                f"ConvNetworkOptions: trunk is {self.trunk!r}; it must be 'multiconv' or one of {', '.join(TRUNK_CHANNELS)}."
            )
        if len(self.channels) < 2 or min(self.channels) < 1:
            raise ValueError(f"ConvNetworkOptions: channels is {self.channels}; it needs the picture's and a convolution's.")
        if self.projection not in ("orthogonal", "perspective"):
            raise ValueError(
                f"ConvNetworkOptions: projection is {self.projection!r}; it must be 'orthogonal' or 'perspective'."
            )
        if self.z_size <= 0 or self.load_size_px < 2:
            raise ValueError(
                f"ConvNetworkOptions: z_size={self.z_size}, load_size_px={self.load_size_px}; sizes must be positive."
            )
        expected = sum(TRUNK_CHANNELS.get(self.trunk, self.channels)) + 1
        if len(self.mlp_dim) < 2 or self.mlp_dim[0] != expected or self.mlp_dim[-1] != 1:
            raise ValueError(
                f"ConvNetworkOptions: mlp_dim is {self.mlp_dim}; it must start with {expected} (all maps and depth) and end "
                "with 1."
            )


class ConvPifuNetwork(nn.Module):
    """Occupancy from every level of the pyramid at a point's projection, and its depth; prefixes as in ``PifuShapeNetwork``."""

    def __init__(self, options: ConvNetworkOptions) -> None:
        super().__init__()
        self.options = options
        self.image_filter = make_pyramid(options.trunk, options.channels)
        self.surface_classifier = PointMLP(options.mlp_dim, no_residual=options.no_residual)
        initialise(self)

    def features(self, images: Tensor) -> list[Tensor]:
        """(B * V, C0, H, W) masked pictures in [-1, 1] -> the pyramid."""
        return self.image_filter(images)

    def query(self, features: list[Tensor], points: Tensor, calibration: Tensor, *, num_views: int = 1) -> Tensor:
        """Occupancy in [0, 1] of (B * V, 3, N) points by (B * V, 3 or 4, 4) calibrations: (B, 1, N).

        As published, points outside the image are not set to 0.
        """
        options = self.options
        projected = (orthogonal if options.projection == "orthogonal" else perspective)(points, calibration)
        seen = [sample_map(level, projected[:, :2]) for level in features]
        depth = depth_feature(projected[:, 2:3], load_size_px=options.load_size_px, z_size=options.z_size)
        return torch.sigmoid(self.surface_classifier(torch.cat([*seen, depth], dim=1), num_views=num_views))

    def forward(self, images: Tensor, points: Tensor, calibration: Tensor, *, num_views: int = 1) -> Tensor:
        """``query`` of ``features``."""
        return self.query(self.features(images), points, calibration, num_views=num_views)


def visual_hull(images: Tensor, points: Tensor, calibration: Tensor, *, num_views: int = 1) -> Tensor:
    """The product over the views of what their masks show at each point's projection: (B, 1, N) in [0, 1].

    ``images`` (B * V, C, H, W): channel 3 is the mask if there are more than 3 channels, otherwise channel 0. ``points``
    (B * V, 3, N), ``calibration`` (B * V, 3 or 4, 4), orthographic. Nothing outside a view's image is in the hull.
    """
    mask = images[:, 3:4] if images.shape[1] > 3 else images[:, :1]
    seen = sample_map(mask, orthogonal(points, calibration)[:, :2])
    return seen.reshape(-1, num_views, 1, seen.shape[2]).prod(1)
