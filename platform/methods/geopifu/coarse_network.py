"""Geo-PIFu's coarse network: a picture becomes latent voxels, supervised by the occupancy volume they stand for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitruvian.methods.cpu.fits import laid_out
from vitruvian.methods.cpu.group_norm import normalised_relu
from vitruvian.methods.cpu.pointwise import pointwise
from vitruvian.methods.geopifu.coarse_heads import (
    NUM_DISCRIMINATOR_STAGES,
    ViewRendering,
    ViewUNet,
    depth_coordinates,
    discriminator_stages,
    turned,
    visibility_stages,
)
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.volume_blocks import SLOPE, SameConv3d, VolumeUNet, same_block
from vitruvian.methods.pifu.blocks import Hourglass, ResidualBlock, normalisation
from vitruvian.methods.pifu.network import initialise


class GeoPifuCoarseNetwork(nn.Module):
    """State-dict keys are those of the published ``netV`` files.

    Volumes are (B, C, D, H, W) in the camera's frame: x along W to the right, y along H down, z along D into the scene.
    """

    depth_coords: Tensor

    def __init__(self, options: CoarseNetworkOptions) -> None:
        super().__init__()
        self.options = options
        groups, dim, voxels = options.num_groups, options.hourglass_dim, options.voxel_channels
        low, middle, high = options.channels(64), options.channels(128), options.channels(256)

        def block(channels_in: int, channels_out: int) -> ResidualBlock:
            return ResidualBlock(channels_in, channels_out, norm="group", num_groups=groups)

        self.conv1 = nn.Sequential(nn.Conv2d(3, low, 7, stride=2, padding=3), normalisation("group", low, groups), nn.ReLU())
        self.conv2 = block(low, middle)
        self.conv3 = block(middle, middle)
        self.conv4 = block(middle, middle)
        self.conv5 = block(middle, high)
        for i in range(options.num_stack):
            depth, mode = options.num_hourglass, options.upsample_mode
            self.add_module(f"m{i}", Hourglass(high, depth, norm="group", upsampling=mode, num_groups=groups))
            self.add_module(f"top_m_{i}", block(high, high))
            self.add_module(f"conv_last{i}", nn.Conv2d(high, high, 1))
            self.add_module(f"bn_end{i}", normalisation("group", high, groups))
            self.add_module(f"l{i}", nn.Conv2d(high, dim, 1))
            self.add_module(f"branch_out_3d_unet{i}", VolumeUNet(voxels))
            if i < options.num_stack - 1:
                self.add_module(f"bl{i}", nn.Conv2d(high, high, 1))
                self.add_module(f"al{i}", nn.Conv2d(dim, high, 1))
        self.conv3d_cls_1 = same_block(voxels, voxels, nn.LeakyReLU(SLOPE))
        self.conv3d_cls_2 = nn.Sequential(SameConv3d(voxels, 1, 1, bias=True), nn.Sigmoid())
        heads: dict[str, nn.Module] = discriminator_stages(voxels) if options.use_3d_gan else {}
        if options.use_view_pred_loss:
            heads |= visibility_stages(voxels) | {"view_unet": ViewUNet(voxels)}
            self.register_buffer("depth_coords", depth_coordinates(options.occupancy_shape))
        for name, head in heads.items():
            self.add_module(name, head)
        initialise(self)

    def cropped(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, input_height_px, input_width_px): a square whatever the shape, then its middle columns."""
        side, columns = self.options.input_height_px, self.options.input_width_px
        square = F.interpolate(images, size=(side, side), mode="bilinear", align_corners=True)
        return square[..., (side - columns) // 2 : (side + columns) // 2]

    def features(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) masked pictures in [-1, 1], background 0 -> latent voxels (B, voxel_channels, D, H', W'), at least 0.

        In training mode one volume a stack, in evaluation mode only the last.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"GeoPifuCoarseNetwork: images are {tuple(images.shape)}; they must be (B, 3, H, W).")
        convolution, norm, _ = self.conv1
        x = normalised_relu(norm, convolution(laid_out(self.cropped(images))))
        x = F.avg_pool2d(self.conv2(x), 2)
        x = F.avg_pool2d(self.conv3(x), 2)
        previous = self.conv5(self.conv4(x))
        volumes = []
        for i in range(self.options.num_stack):
            x = self.get_submodule(f"top_m_{i}")(self.get_submodule(f"m{i}")(previous))
            x = normalised_relu(self.get_submodule(f"bn_end{i}"), self._pointwise(f"conv_last{i}", x))
            flat = self._pointwise(f"l{i}", x).contiguous()
            volume = flat.unflatten(1, (self.options.voxel_channels, -1))  # channel = feature * D + depth
            volume = self.get_submodule(f"branch_out_3d_unet{i}")(volume)
            volumes.append(volume)
            if i < self.options.num_stack - 1:
                joined = self._pointwise(f"al{i}", volume.flatten(1, 2))
                previous = previous + self._pointwise(f"bl{i}", x) + joined
        return volumes if self.training else volumes[-1:]

    def _pointwise(self, name: str, x: Tensor) -> Tensor:
        convolution = self.get_submodule(name)
        assert isinstance(convolution, nn.Conv2d)
        return pointwise(x, convolution.weight, convolution.bias)

    def upsampled(self, voxels: Tensor) -> Tensor:
        """Latent voxels, as fine as the occupancy volume (four times as published)."""
        options = self.options
        return F.interpolate(voxels, scale_factor=options.upsampling, mode="trilinear", align_corners=options.align_corners)

    def occupancy(self, voxels: Tensor) -> Tensor:
        """Latent voxels -> occupancy in [0, 1], (B, 1, 4D, 4H', 4W')."""
        return self.conv3d_cls_2(self.conv3d_cls_1(self.upsampled(voxels)))

    def forward(self, images: Tensor) -> list[Tensor]:
        """``occupancy`` of each of ``features``."""
        return [self.occupancy(voxels) for voxels in self.features(images)]

    def judge(self, occupancy: Tensor, *, frozen: bool = False) -> Tensor:
        """How real the discriminator (``use_3d_gan``) takes occupancy volumes to be: probabilities, one a patch.

        ``frozen``: with gradient into the volumes but none into the discriminator.
        """
        if not self.options.use_3d_gan:
            raise ValueError("GeoPifuCoarseNetwork: there is no discriminator; it needs use_3d_gan=True.")
        for stage in range(1, NUM_DISCRIMINATOR_STAGES + 1):
            module = self.get_submodule(f"gan_3d_dis_conv3d_{stage}")
            if frozen:
                fixed = {name: parameter.detach() for name, parameter in module.named_parameters()}
                occupancy = torch.func.functional_call(module, fixed, (occupancy,))
            else:
                occupancy = module(occupancy)
        return occupancy

    def render(self, voxels: Tensor, views: Sequence[int]) -> ViewRendering:
        """Latent voxels seen from a side each (``use_view_pred_loss``): 0 front, 1 right, 2 back, 3 left."""
        if not self.options.use_view_pred_loss:
            raise ValueError("GeoPifuCoarseNetwork: there is no view head; it needs use_view_pred_loss=True.")
        upsampled = self.upsampled(voxels)
        seen = turned(upsampled, views)
        coordinates = self.depth_coords.to(seen.dtype).expand(seen.shape[0], -1, -1, -1, -1)
        visible = self.get_submodule("vis_conv3d_1")(torch.cat([coordinates, seen], dim=1))
        weights = self.get_submodule("vis_conv3d_2")(visible)
        flat = (weights * (upsampled if self.options.unrotated_view_features else seen)).mean(2)
        return ViewRendering(self.get_submodule("view_unet")(flat), (coordinates * weights).sum(2))
