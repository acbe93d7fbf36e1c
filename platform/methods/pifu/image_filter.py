"""The stacked hourglass filter: a picture becomes feature maps at a quarter of its side."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from vitruvian.methods.pifu.blocks import Hourglass, ResidualBlock, normalisation, upsample_twice
from vitruvian.methods.pifu.options import NetworkOptions


class ImageFeatures(NamedTuple):
    """What the filter gives for pictures (B, 3, H, W)."""

    maps: list[Tensor]
    """One (B, hourglass_dim, H/4, W/4) map a stack; with ``recover_dim`` one more of (H, W)."""
    stem: Tensor
    """(B, 64 * width, H/2, W/2), cut from the gradient; points read it with ``skip_hourglass``."""
    down: Tensor
    """(B, 128 * width, H/4, W/4), the input of the first block at that size."""


class HourglassFilter(nn.Module):
    """Published layout (PIFu, section 3.3 and supplement; stacked hourglass of Newell et al. 2016)."""

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.options = options
        norm, groups = options.norm, options.num_groups
        low, middle, high = options.channels(64), options.channels(128), options.channels(256)
        self.conv1 = nn.Conv2d(3, low, 7, stride=2, padding=3)
        self.bn1 = normalisation(norm, low, groups)
        if options.hg_down == "conv64":
            self.conv2 = ResidualBlock(low, low, norm=norm, num_groups=groups)
            self.down_conv2 = nn.Conv2d(low, middle, 3, stride=2, padding=1)
        else:
            self.conv2 = ResidualBlock(low, middle, norm=norm, num_groups=groups)
            if options.hg_down == "conv128":
                self.down_conv2 = nn.Conv2d(middle, middle, 3, stride=2, padding=1)
        self.conv3 = ResidualBlock(middle, middle, norm=norm, num_groups=groups)
        self.conv4 = ResidualBlock(middle, high, norm=norm, num_groups=groups)
        for i in range(options.num_stack):
            hourglass = Hourglass(high, options.num_hourglass, norm=norm, upsampling=options.upsample_mode, num_groups=groups)
            self.add_module(f"m{i}", hourglass)
            self.add_module(f"top_m_{i}", ResidualBlock(high, high, norm=norm, num_groups=groups))
            self.add_module(f"conv_last{i}", nn.Conv2d(high, high, 1))
            self.add_module(f"bn_end{i}", normalisation(norm, high, groups))
            self.add_module(f"l{i}", nn.Conv2d(high, options.hourglass_dim, 1))
            if i < options.num_stack - 1 or options.recover_dim:
                self.add_module(f"bl{i}", nn.Conv2d(high, high, 1))
                self.add_module(f"al{i}", nn.Conv2d(options.hourglass_dim, high, 1))

        if options.recover_dim:
            for step, channels in ((1, low), (2, 3)):
                self.add_module(f"recover_dim_match_fea_{step}", nn.Conv2d(channels, high, 1))
                self.add_module(f"recover_dim_conv_{step}", ResidualBlock(high, high, norm=norm, num_groups=groups))

    def forward(self, images: Tensor) -> ImageFeatures:
        """(B, 3, H, W) in [-1, 1], background exactly 0, sides multiples of ``options.size_multiple_px``."""
        multiple = self.options.size_multiple_px
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % multiple or images.shape[3] % multiple:
            raise ValueError(
                f"HourglassFilter: images are {tuple(images.shape)}; they must be (B, 3, H, W), sides {multiple}k."
            )
        x = F.relu(self.bn1(self.conv1(images)))
        stem = x
        x = self.conv2(x)
        x = F.avg_pool2d(x, 2) if self.options.hg_down == "ave_pool" else self.down_conv2(x)
        down = x
        previous = self.conv4(self.conv3(x))
        maps = []
        for i in range(self.options.num_stack):
            x = self.get_submodule(f"top_m_{i}")(self.get_submodule(f"m{i}")(previous))
            x = F.relu(self.get_submodule(f"bn_end{i}")(self.get_submodule(f"conv_last{i}")(x)))
            out = self.get_submodule(f"l{i}")(x)
            maps.append(out)
            if i < self.options.num_stack - 1 or self.options.recover_dim:
                previous = previous + self.get_submodule(f"bl{i}")(x) + self.get_submodule(f"al{i}")(out)
        if self.options.recover_dim:
            for step, finer in ((1, stem), (2, images)):
                matched = self.get_submodule(f"recover_dim_match_fea_{step}")(finer)
                joined = upsample_twice(previous, self.options.upsample_mode) + matched
                previous = self.get_submodule(f"recover_dim_conv_{step}")(joined)
            maps.append(previous)
        return ImageFeatures(maps, stem.detach(), down)
