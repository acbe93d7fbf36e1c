"""PIFu's shape network: hourglass filter, projection, point MLP."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitruvian.methods.pifu.image_filter import HourglassFilter, ImageFeatures
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.point_mlp import PointMLP
from vitruvian.methods.pifu.project import depth_feature, inside_image, orthogonal, perspective, sample_map


class PifuShapeNetwork(nn.Module):
    """State-dict keys are those of the published ``net_G`` files (prefixes ``image_filter.`` and ``surface_classifier.``)."""

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.options = options
        self.image_filter = HourglassFilter(options)
        self.surface_classifier = PointMLP(options.mlp_dim, no_residual=options.no_residual)
        initialise(self)

    def features(self, images: Tensor) -> ImageFeatures:
        """(B * V, 3, H, W) masked pictures in [-1, 1] -> feature maps; the costly half, once per picture."""
        return self.image_filter(images)

    def query(self, features: ImageFeatures, points: Tensor, calibration: Tensor, *, num_views: int = 1) -> list[Tensor]:
        """Occupancy in [0, 1] of (B * V, 3, N) points by (B * V, 3 or 4, 4) calibrations: a list of (B, 1, N).

        In training mode one entry a stack, in evaluation mode only the last stack's. Points that project outside the image
        are exactly 0 (with several views: outside every one of them).
        """
        project = orthogonal if self.options.projection == "orthogonal" else perspective
        projected = project(points, calibration)
        xy = projected[:, :2]
        inside = inside_image(xy).to(points.dtype)
        if num_views > 1:
            inside = inside.reshape(-1, num_views, *inside.shape[1:]).amax(1)
        tail = [depth_feature(projected[:, 2:3], load_size_px=self.options.load_size_px, z_size=self.options.z_size)]
        if self.options.skip_hourglass:
            tail.append(sample_map(features.stem, xy, align_corners=self.options.align_corners))
        predictions = []
        for index in range(len(features.maps) if self.training else 1):
            seen = features.read(index if self.training else -1, xy, align_corners=self.options.align_corners)
            point_features = torch.cat([seen, *tail], dim=1)
            predictions.append(inside * torch.sigmoid(self.surface_classifier(point_features, num_views=num_views)))
        return predictions

    def forward(self, images: Tensor, points: Tensor, calibration: Tensor, *, num_views: int = 1) -> list[Tensor]:
        """``query`` of ``features``."""
        return self.query(self.image_filter(images, heads_at_points=True), points, calibration, num_views=num_views)


def initialise(network: nn.Module, gain: float = 0.02) -> None:
    """The published initialisation: convolution weights ~ N(0, gain^2), biases 0; batch-norm scales ~ N(1, gain^2)."""
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, gain)
            nn.init.zeros_(module.bias)
