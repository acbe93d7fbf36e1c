"""PIFu's colour network: a residual filter whose map joins the shape network's, and a point MLP that ends in RGB."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vitruvian.methods.pifu.colour_options import ColourNetworkOptions
from vitruvian.methods.pifu.network import initialise
from vitruvian.methods.pifu.point_mlp import PointMLP
from vitruvian.methods.pifu.project import depth_feature, orthogonal, perspective, sample_map

NUM_BLOCKS = 6


def colour_normalisation(options: ColourNetworkOptions, channels: int) -> nn.Module:
    """The filter's normalisation; ``instance`` without parameters and without running statistics."""
    if options.norm == "group":
        return nn.GroupNorm(math.gcd(options.num_groups, channels), channels)
    return nn.InstanceNorm2d(channels) if options.norm == "instance" else nn.BatchNorm2d(channels)


class ColourBlock(nn.Module):
    """Two 3x3 convolutions over reflected borders beside a skip; the last block of a filter lacks its last normalisation."""

    def __init__(self, channels: int, options: ColourNetworkOptions, *, last: bool) -> None:
        super().__init__()
        bias = options.norm == "instance"
        layers = [
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            colour_normalisation(options, channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
        ]
        self.conv_block = nn.Sequential(*layers, *([] if last else [colour_normalisation(options, channels)]))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same shape."""
        return x + self.conv_block(x)


class ColourFilter(nn.Module):
    """A residual generator cut off at a quarter of the picture's side, one flat sequence as in the published state dict."""

    def __init__(self, options: ColourNetworkOptions) -> None:
        super().__init__()
        bias = options.norm == "instance"
        low, middle, high = options.channels(64), options.channels(128), options.channels(256)
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, low, 7, bias=bias)]
        layers += [colour_normalisation(options, low), nn.ReLU()]
        for narrow, wide in ((low, middle), (middle, high)):
            layers += [
                nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=bias),
                colour_normalisation(options, wide),
                nn.ReLU(),
            ]
        layers += [ColourBlock(high, options, last=block == NUM_BLOCKS - 1) for block in range(NUM_BLOCKS)]
        if options.use_tanh:
            layers.append(nn.Tanh())
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W), sides multiples of 4 -> (B, 256 * width, H/4, W/4)."""
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % 4 or images.shape[3] % 4:
            raise ValueError(f"ColourFilter: images are {tuple(images.shape)}; they must be (B, 3, H, W), sides 4k.")
        return self.model(images)


class PifuColourNetwork(nn.Module):
    """State-dict keys are those of the published ``net_C`` files (prefixes ``image_filter.`` and ``surface_classifier.``).

    The shape network, frozen and in evaluation mode, is not part of it: its last map is an input.
    """

    def __init__(self, options: ColourNetworkOptions) -> None:
        super().__init__()
        self.options = options
        self.image_filter = ColourFilter(options)
        self.surface_classifier = PointMLP(options.mlp_dim, no_residual=options.no_residual)
        initialise(self)

    def features(self, images: Tensor, shape_map: Tensor) -> Tensor:
        """(B * V, 3, H, W) masked pictures in [-1, 1] and the shape network's last map (B * V, shape_channels, H/4, W/4)
        -> (B * V, shape_channels + 256 * width, H/4, W/4), the shape's first."""
        return torch.cat([shape_map, self.image_filter(images)], dim=1)

    def query(self, features: Tensor, points: Tensor, calibration: Tensor, *, num_views: int = 1) -> Tensor:
        """RGB in (-1, 1) of (B * V, 3, N) points by (B * V, 3 or 4, 4) calibrations: (B, 3, N).

        ``0.5 * rgb + 0.5`` is the colour in [0, 1]. Points outside the image get a colour too.
        """
        options = self.options
        project = orthogonal if options.projection == "orthogonal" else perspective
        projected = project(points, calibration)
        depth = depth_feature(projected[:, 2:3], load_size_px=options.load_size_px, z_size=options.z_size)
        seen = sample_map(features, projected[:, :2], align_corners=options.align_corners)
        return torch.tanh(self.surface_classifier(torch.cat([seen, depth], dim=1), num_views=num_views))

    def forward(self, images: Tensor, shape_map: Tensor, points: Tensor, calibration: Tensor, *, num_views: int = 1) -> Tensor:
        """``query`` of ``features``."""
        return self.query(self.features(images, shape_map), points, calibration, num_views=num_views)
