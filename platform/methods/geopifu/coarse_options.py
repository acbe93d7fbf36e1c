"""What shapes Geo-PIFu's coarse network."""

from __future__ import annotations

from dataclasses import dataclass

from vitruvian.methods.pifu.blocks import PUBLISHED_GROUPS
from vitruvian.methods.pifu.upsampling import Upsampling

MAP_STRIDE = 8
"""Pixels of the cropped picture along a latent voxel."""
SMALLEST_JUDGED = 64
"""Cells below which the discriminator would run out of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CoarseNetworkOptions:
    """Defaults are those of the published coarse weights."""

    input_height_px: int = 384
    """The picture is resized to a square of this side, whatever its shape."""
    input_width_px: int = 256
    """Columns kept around the middle of that square. With the height it fixes the sizes of everything that follows."""
    num_stack: int = 4
    num_hourglass: int = 2
    """Depth of each hourglass."""
    upsample_mode: Upsampling = "bicubic"
    voxel_channels: int = 8
    """Channels of the latent voxels. The 2D filter gives this times the number of voxels in depth."""
    upsampling: int = 4
    """Occupancy cells along a latent voxel."""
    align_corners: bool = True
    """How the latent voxels are made finer for the occupancy volume. True as published: the centres of the outer voxels fall on
    the centres of the outer cells, so inner voxels lie up to half a voxel beside their pixels. Of 48 voxels that is little, of
    16 it is half a limb: then take False."""
    use_3d_gan: bool = False
    """A discriminator on occupancy volumes; off in the published weights."""
    use_view_pred_loss: bool = False
    """A head that renders the voxels from other sides; off in the published weights."""
    unrotated_view_features: bool = False
    """Render the voxels' features as the original does, with the other view's weights but without turning the features to that
    view. Only for weights that were trained so."""
    width: float = 1.0
    """Scales the 2D filter's channels, published 64, 128 and 256, and the number of normalisation groups."""

    def __post_init__(self) -> None:
        multiple = MAP_STRIDE * max(4, 2**self.num_hourglass)
        if self.input_height_px < 1 or self.input_height_px % multiple or self.input_width_px % multiple:
            raise ValueError(
                f"CoarseNetworkOptions: input_height_px={self.input_height_px}, input_width_px={self.input_width_px}; both "
                f"must be multiples of {multiple}."
            )
        if not 0 < self.input_width_px <= self.input_height_px:
            raise ValueError(
                f"CoarseNetworkOptions: input_width_px is {self.input_width_px}; it must be at most input_height_px, "
                f"{self.input_height_px}."
            )
        if min(self.num_stack, self.num_hourglass, self.voxel_channels, self.upsampling) < 1:
            raise ValueError(
                f"CoarseNetworkOptions: num_stack={self.num_stack}, num_hourglass={self.num_hourglass}, "
                f"voxel_channels={self.voxel_channels}, upsampling={self.upsampling}; all must be at least 1."
            )
        if self.upsample_mode not in ("bicubic", "nearest"):
            raise ValueError(f"CoarseNetworkOptions: upsample_mode is {self.upsample_mode!r}; take 'bicubic' or 'nearest'.")
        if self.use_3d_gan and self.occupancy_shape[2] < SMALLEST_JUDGED:
            raise ValueError(
                f"CoarseNetworkOptions: input_width_px is {self.input_width_px}, upsampling {self.upsampling}, and the volume "
                f"{self.occupancy_shape[2]} cells wide; the discriminator halves it six times and needs {SMALLEST_JUDGED}."
            )
        if self.unrotated_view_features and not self.use_view_pred_loss:
            raise ValueError("CoarseNetworkOptions: unrotated_view_features belongs to use_view_pred_loss=True.")
        if self.channels(64) % 4 or self.channels(64) < 4:
            raise ValueError(
                f"CoarseNetworkOptions: width {self.width} makes {self.channels(64)} of 64 channels; take a multiple of 1/16."
            )

    def channels(self, published: int) -> int:
        """A published channel count at this width."""
        return round(published * self.width)

    @property
    def num_groups(self) -> int:
        return max(1, round(PUBLISHED_GROUPS * self.width))

    @property
    def voxel_shape(self) -> tuple[int, int, int]:
        """Latent voxels along depth, height and width; there are as many in depth as in width."""
        across = self.input_width_px // MAP_STRIDE
        return across, self.input_height_px // MAP_STRIDE, across

    @property
    def occupancy_shape(self) -> tuple[int, int, int]:
        """Cells of the occupancy volume along depth, height and width; published (128, 192, 128)."""
        depth, height, width = self.voxel_shape
        return self.upsampling * depth, self.upsampling * height, self.upsampling * width

    @property
    def hourglass_dim(self) -> int:
        """Channels of the 2D maps that become voxels."""
        return self.voxel_channels * self.voxel_shape[0]
