"""The stacked hourglass filter: a picture becomes feature maps at a quarter of its side."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitruvian.methods.cpu.fits import laid_out
from vitruvian.methods.cpu.group_norm import normalised_relu
from vitruvian.methods.cpu.pointwise import pointwise
from vitruvian.methods.pifu.blocks import Hourglass, ResidualBlock, normalisation
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.project import sample_map
from vitruvian.methods.pifu.upsampling import upsample_twice


class ImageFeatures(NamedTuple):
    """What the filter gives for pictures (B, 3, H, W)."""

    maps: list[Tensor]
    """One (B, hourglass_dim, H/4, W/4) map a stack; with ``recover_dim`` one more of (H, W)."""
    stem: Tensor
    """(B, 64 * width, H/2, W/2), cut from the gradient; points read it with ``skip_hourglass``."""
    down: Tensor
    """(B, 128 * width, H/4, W/4), the input of the first block at that size."""
    heads: list[nn.Conv2d | None] | None = None
    """Given: the maps stop short of their last 1x1 convolution, which is this one a map; points go through it as they read."""

    def read(self, index: int, xy: Tensor, *, align_corners: bool) -> Tensor:
        """What (B, 2, N) points read from map ``index``: (B, C, N)."""
        head = None if self.heads is None else self.heads[index]
        if head is None:
            return sample_map(self.maps[index], xy, align_corners=align_corners)
        assert head.bias is not None
        below = self.maps[index]
        seen = sample_map(below, xy, align_corners=align_corners)
        everywhere = below.new_ones(1, 1, *below.shape[2:]).expand(len(below), -1, -1, -1)
        share = sample_map(everywhere, xy, align_corners=align_corners)  # 1, but less where a point reads beyond the border
        return torch.matmul(head.weight[:, :, 0, 0], seen) + head.bias[:, None] * share


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

    def forward(self, images: Tensor, *, heads_at_points: bool = False) -> ImageFeatures:
        """(B, 3, H, W) in [-1, 1], background exactly 0, sides multiples of ``options.size_multiple_px``.

        ``heads_at_points``: leave each stack's last 1x1 convolution to the points that read its map, and give the next stack
        the product of the three convolutions that follow one another. The same function with fewer operations as long as
        points are fewer than pixels, as in training.
        """
        multiple = self.options.size_multiple_px
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % multiple or images.shape[3] % multiple:
            raise ValueError(
                f"HourglassFilter: images are {tuple(images.shape)}; they must be (B, 3, H, W), sides {multiple}k."
            )
        x = normalised_relu(self.bn1, self.conv1(laid_out(images)))
        stem = x
        x = self.conv2(x)
        x = F.avg_pool2d(x, 2) if self.options.hg_down == "ave_pool" else self.down_conv2(x)
        down = x
        previous = self.conv4(self.conv3(x))
        maps: list[Tensor] = []
        heads: list[nn.Conv2d | None] = []
        for i in range(self.options.num_stack):
            x = self.get_submodule(f"top_m_{i}")(self.get_submodule(f"m{i}")(previous))
            x = normalised_relu(self.get_submodule(f"bn_end{i}"), self._pointwise(f"conv_last{i}", x))
            goes_on = i < self.options.num_stack - 1 or self.options.recover_dim
            if heads_at_points:
                maps.append(x)
                heads.append(self._convolution(f"l{i}"))
                if goes_on:
                    previous = previous + self._joined(i, x)
                continue
            out = self._pointwise(f"l{i}", x)
            maps.append(out)
            if goes_on:
                previous = previous + self._pointwise(f"bl{i}", x) + self._pointwise(f"al{i}", out)
        if self.options.recover_dim:
            for step, finer in ((1, stem), (2, images)):
                matched = self.get_submodule(f"recover_dim_match_fea_{step}")(finer)
                joined = upsample_twice(previous, self.options.upsample_mode) + matched
                previous = self.get_submodule(f"recover_dim_conv_{step}")(joined)
            maps.append(previous)
            heads.append(None)
        return ImageFeatures(maps, stem.detach(), down, heads if heads_at_points else None)

    def _convolution(self, name: str) -> nn.Conv2d:
        module = self.get_submodule(name)
        assert isinstance(module, nn.Conv2d) and module.bias is not None
        return module

    def _pointwise(self, name: str, x: Tensor) -> Tensor:
        convolution = self._convolution(name)
        return pointwise(x, convolution.weight, convolution.bias)

    def _joined(self, stack: int, x: Tensor) -> Tensor:
        """``bl(x) + al(l(x))`` as one 1x1 convolution."""
        own, back, last = (self._convolution(f"{name}{stack}") for name in ("bl", "al", "l"))
        assert own.bias is not None and back.bias is not None and last.bias is not None
        through = back.weight[:, :, 0, 0]
        weight = own.weight[:, :, 0, 0] + through @ last.weight[:, :, 0, 0]
        bias = own.bias + back.bias + through @ last.bias
        return pointwise(x, weight[:, :, None, None], bias)
