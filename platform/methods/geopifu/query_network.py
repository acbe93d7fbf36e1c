"""Geo-PIFu's query network: PIFu's shape network whose points also read latent voxels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vitruvian.methods.geopifu.fusion import LateFusion, TowerMLP
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.geopifu.voxel_lookup import (
    multi_range_lookup,
    published_single_lookup,
    range_offsets,
    single_lookup,
    voxel_coordinates,
)
from vitruvian.methods.pifu.image_filter import HourglassFilter, ImageFeatures
from vitruvian.methods.pifu.network import initialise
from vitruvian.methods.pifu.point_mlp import PointMLP
from vitruvian.methods.pifu.project import depth_feature, inside_image, orthogonal, perspective, sample_map


class GeoPifuQueryNetwork(nn.Module):
    """State-dict keys are those of the published ``netG`` files, misspelt buffer ``displacments`` included."""

    displacments: Tensor

    def __init__(self, options: QueryNetworkOptions) -> None:
        super().__init__()
        self.options = options
        self.image_filter = HourglassFilter(options.image)
        self.surface_classifier: PointMLP | TowerMLP
        if options.fusion == "multi_loss":
            self.surface_classifier = TowerMLP(options.image.mlp_dim, options.mlp_dim_3d, options.mlp_dim_joint)
        else:
            self.surface_classifier = PointMLP(options.mlp_dim, no_residual=options.image.no_residual)
        if options.fusion == "late":
            self.deepVoxels_fusion_network = LateFusion(options.read_channels, options.fused_channels)
        if options.fusion != "none" and options.multi_range:
            self.register_buffer("displacments", range_offsets(options.displacement))
        initialise(self)

    def features(self, images: Tensor) -> ImageFeatures:
        """(B * V, 3, H, W) masked pictures in [-1, 1] -> feature maps; the costly half, once per picture."""
        return self.image_filter(images)

    def read_voxels(self, voxels: Tensor, projected: Tensor) -> Tensor:
        """(B, C, D, H, W) latent voxels at (B, 3, N) projected points -> (B, read_channels, N)."""
        if voxels.shape[1] != self.options.voxel_channels:
            raise ValueError(
                f"GeoPifuQueryNetwork: voxels are {tuple(voxels.shape)}; they must have {self.options.voxel_channels} channels."
            )
        xyz = voxel_coordinates(projected)
        if self.options.multi_range:
            return multi_range_lookup(voxels, xyz, self.displacments, align_corners=self.options.align_corners)
        if self.options.exchanged_fractions:
            return published_single_lookup(voxels, xyz)
        return single_lookup(voxels, xyz, align_corners=self.options.align_corners)

    def query(
        self,
        features: ImageFeatures,
        points: Tensor,
        calibration: Tensor,
        voxels: Tensor | None = None,
        *,
        num_views: int = 1,
    ) -> list[Tensor]:
        """Occupancy in [0, 1] of (B * V, 3, N) points by (B * V, 3 or 4, 4) calibrations: a list of (B, 1, N).

        ``voxels`` (B * V, C, D, H, W): each view's, in its camera's frame; none with fusion ``none``. In training mode one
        entry a map, with fusion ``multi_loss`` three (pixels, voxels, joint; single view only); in evaluation mode only the
        last map's last. Points that project outside the image are exactly 0 (with several views: outside all of them).
        """
        options = self.options
        if (voxels is None) != (options.fusion == "none"):
            raise ValueError(
                f"GeoPifuQueryNetwork: fusion is {options.fusion!r}, voxels were {'not ' if voxels is None else ''}given."
            )
        if num_views > 1 and options.fusion == "multi_loss":
            raise ValueError("GeoPifuQueryNetwork: fusion 'multi_loss' takes a single view.")
        project = orthogonal if options.image.projection == "orthogonal" else perspective
        projected = project(points, calibration)
        xy = projected[:, :2]
        inside = inside_image(xy).to(points.dtype)
        if num_views > 1:
            inside = inside.reshape(-1, num_views, *inside.shape[1:]).amax(1)
        tail = [depth_feature(projected[:, 2:3], load_size_px=options.image.load_size_px, z_size=options.image.z_size)]
        if options.image.skip_hourglass:
            tail.append(sample_map(features.stem, xy, align_corners=options.image.align_corners))
        read = None if voxels is None else self.read_voxels(voxels, projected)
        if options.fusion == "late":
            read = self.deepVoxels_fusion_network(read)
        predictions = []
        for index in range(len(features.maps) if self.training else 1):
            seen = features.read(index if self.training else -1, xy, align_corners=options.image.align_corners)
            pixels = [seen, *tail]
            predictions += [inside * torch.sigmoid(logits) for logits in self._classify(pixels, read, num_views)]
        return predictions

    def _classify(self, pixels: list[Tensor], read: Tensor | None, num_views: int) -> list[Tensor]:
        if isinstance(self.surface_classifier, TowerMLP):
            assert read is not None
            return self.surface_classifier(torch.cat(pixels, dim=1), read, joint_only=not self.training)
        together = torch.cat(pixels if read is None else [read, *pixels], dim=1)
        return [self.surface_classifier(together, num_views=num_views)]

    def forward(
        self, images: Tensor, points: Tensor, calibration: Tensor, voxels: Tensor | None = None, *, num_views: int = 1
    ) -> list[Tensor]:
        """``query`` of ``features``."""
        return self.query(self.image_filter(images, heads_at_points=True), points, calibration, voxels, num_views=num_views)
