"""Geo-PIFu's second stage: learn occupancy at points that read both the picture's features and the coarse network's voxels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from vitruvian.methods.fields.network_image import cut_out, network_image
from vitruvian.methods.fields.placement import whole_picture
from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.framing import SIDE_PER_HEIGHT, SIDE_PER_WIDTH
from vitruvian.methods.geopifu.losses import mean_absolute_error, weighted_cross_entropy
from vitruvian.methods.geopifu.preview import query_preview
from vitruvian.methods.geopifu.query_network import GeoPifuQueryNetwork
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.occupancy import mean_squared_error, occupancy_accuracy, point_metrics
from vitruvian.methods.pifu.samples import SampleOptions, shape_sample
from vitruvian.methods.several_views import flat_views, for_each_view
from vitruvian.methods.stage import Batch, Stage

LOSSES = {"mse": mean_squared_error, "l1": mean_absolute_error, "ce": weighted_cross_entropy}
COARSE = "coarse"


@dataclass(frozen=True, kw_only=True)
class QueryStage(Stage):
    """A batch has ``image`` (B, 3, S, S), ``calibration`` (B, 4, 4), ``points`` (B, 3, N), ``labels`` (B, 1, N) and, but for
    fusion ``none``, ``voxels`` (B, C, D, H, W): the latent voxels of the frozen coarse network for the same picture.

    With ``samples.num_views`` V above 1 pictures, calibrations and voxels have an axis of views, (B, V, ...).
    """

    method: ClassVar[str] = "geopifu"
    name: ClassVar[str] = "query"
    options: QueryNetworkOptions = field(default_factory=QueryNetworkOptions)
    samples: SampleOptions = field(default_factory=SampleOptions)
    loss_type: Literal["mse", "l1", "ce"] = "mse"
    """``mse`` as published."""
    latents: Literal["once", "on_the_fly"] = "on_the_fly"
    """Where the voxels come from. ``on_the_fly``: from the coarse network in every step. ``once``: computed for each picture
    (and its mirror image, with ``samples.random_flip``) before training starts, then read from a file; for this the picture
    must not be scaled or shifted, and be the only one."""
    coarse_image_size_px: int | None = None
    """Side of the picture as the coarse network gets it. None: that of the query network's, as published."""
    side_per_height: float = SIDE_PER_HEIGHT
    """How large people are in the pictures of the data, see ``framing``."""
    side_per_width: float = SIDE_PER_WIDTH

    def __post_init__(self) -> None:
        if self.samples.image_size_px % self.options.image.size_multiple_px:
            raise ValueError(
                f"QueryStage: image_size_px is {self.samples.image_size_px}; it must be a multiple of "
                f"{self.options.image.size_multiple_px} for hourglasses of depth {self.options.image.num_hourglass}."
            )
        if self.loss_type not in LOSSES or self.latents not in ("once", "on_the_fly"):
            raise ValueError(
                f"QueryStage: loss_type is {self.loss_type!r}, latents {self.latents!r}; take one of {sorted(LOSSES)}, and "
                "'once' or 'on_the_fly'."
            )
        moved = self.samples.random_scale or self.samples.random_trans
        if self.reads_voxels and self.latents == "once" and (moved or self.num_views > 1):
            raise ValueError(
                "QueryStage: latents='once' cannot go with random_scale or random_trans, as voxels that were computed once do "
                "not move with the picture, nor with several views. Set latents='on_the_fly', or leave these off (random_flip "
                "may stay)."
            )
        if self.options.fusion == "multi_loss" and self.num_views > 1:
            raise ValueError(f"QueryStage: fusion 'multi_loss' takes a single view; samples.num_views is {self.num_views}.")
        if self.reads_voxels and self.latents == "on_the_fly" and self.coarse_size_px != self.samples.image_size_px:
            raise ValueError(
                f"QueryStage: coarse_image_size_px is {self.coarse_size_px}, image_size_px {self.samples.image_size_px}; with "
                "latents='on_the_fly' both networks get the same picture. Leave coarse_image_size_px out, or set "
                "latents='once'."
            )
        if min(self.side_per_height, self.side_per_width) <= 0 or (self.coarse_image_size_px or 16) < 16:
            raise ValueError(
                f"QueryStage: side_per_height={self.side_per_height}, side_per_width={self.side_per_width}, "
                f"coarse_image_size_px={self.coarse_image_size_px}; sides must be positive, pictures at least 16 pixels."
            )

    @property
    def reads_voxels(self) -> bool:
        return self.options.fusion != "none"

    @property
    def needs(self) -> tuple[str, ...]:
        return (COARSE,) if self.reads_voxels else ()

    @property
    def items(self) -> tuple[str, ...]:
        return self.samples.items

    @property
    def num_views(self) -> int:
        return self.samples.num_views

    @property
    def coarse_size_px(self) -> int:
        return self.coarse_image_size_px or self.samples.image_size_px

    def network(self) -> GeoPifuQueryNetwork:
        return GeoPifuQueryNetwork(self.options)

    def card_options(self) -> dict[str, Any]:
        return {
            "network": dataclasses.asdict(self.options),
            "image_size_px": self.samples.image_size_px,
            "coarse_image_size_px": self.coarse_size_px if self.reads_voxels else None,
            "num_views": self.num_views,
            "side_per_height": self.side_per_height,
            "side_per_width": self.side_per_width,
        }

    @property
    def derived(self) -> tuple[str, ...]:
        if not self.reads_voxels or self.latents == "on_the_fly":
            return ()
        return ("voxels", "voxels_mirrored") if self.samples.random_flip else ("voxels",)

    def derive(self, stored: Mapping[str, Any], parts: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        """``voxels`` (C, D, H, W) of the picture and, with ``random_flip``, ``voxels_mirrored`` of its mirror image."""
        height, width = stored["mask"].shape
        placement = whole_picture(width, height)
        image = network_image(*cut_out(stored["rgb"], stored["mask"], placement, self.coarse_size_px))
        images = np.stack([image, image[:, :, ::-1]] if self.samples.random_flip else [image])
        coarse = parts[COARSE]
        voxels = latent_voxels(coarse, torch.from_numpy(images).to(next(coarse.parameters()).device))
        return dict(zip(self.derived, voxels.float().cpu().numpy(), strict=True))

    def sample(self, stored: Mapping[str, Any], rng: np.random.Generator, *, training: bool) -> dict[str, np.ndarray]:
        sample = dict(shape_sample(stored, self.samples, rng, training=training))
        if self.derived:
            is_mirrored = np.linalg.det(sample["calibration"][:3, :3]) > 0  # rows run down, so it is negative otherwise
            sample["voxels"] = np.asarray(stored["voxels_mirrored" if is_mirrored else "voxels"], np.float32)
        return sample

    def prepare(self, batch: Batch, parts: Mapping[str, nn.Module], *, training: bool) -> Batch:
        """Adds ``voxels`` where they are not in the batch yet."""
        if not self.reads_voxels or "voxels" in batch:
            return batch
        voxels = latent_voxels(parts[COARSE], flat_views(batch["image"], self.num_views))
        return {**batch, "voxels": voxels if self.num_views == 1 else voxels.unflatten(0, (-1, self.num_views))}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The published loss, averaged over the supervised maps (and with fusion ``multi_loss`` over the three towers)."""
        predictions = self._predict(network, batch)
        value = LOSSES[self.loss_type]([prediction.float() for prediction in predictions], batch["labels"])
        published = self.samples.num_points
        with torch.no_grad():
            iou, _, _ = occupancy_accuracy(predictions[-1][..., :published], batch["labels"][..., :published])
        return value, {"iou": iou.mean()}

    def metrics(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """``point_metrics`` of the last map's prediction."""
        prediction = self._predict(network, batch)[-1].float()
        return point_metrics(prediction, batch["labels"], num_points=self.samples.num_points)

    def pictures(self, network: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """``preview``: each picture beside the recovered surface, seen from the front and from the side."""
        assert isinstance(network, GeoPifuQueryNetwork)
        first = {name: value[:4] for name, value in batch.items()}
        images, calibration, voxels = self._seen(first)
        return {"preview": query_preview(network, images, calibration, voxels, num_views=self.num_views)}

    def _seen(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Pictures, calibrations and voxels, (B * V, ...)."""
        views = self.num_views
        voxels = flat_views(batch["voxels"], views) if self.reads_voxels else None
        return flat_views(batch["image"], views), flat_views(batch["calibration"], views), voxels

    def _predict(self, network: nn.Module, batch: Batch) -> list[Tensor]:
        """Occupancies (B, 1, N), one a supervised map (or three)."""
        images, calibration, voxels = self._seen(batch)
        points = for_each_view(batch["points"], self.num_views)
        return network(images, points, calibration, voxels, num_views=self.num_views)


def latent_voxels(coarse: nn.Module, images: Tensor) -> Tensor:
    """(B, 3, S, S) pictures -> the latent voxels (B, C, D, H, W) of the coarse network's last stack."""
    assert isinstance(coarse, GeoPifuCoarseNetwork)
    return coarse.features(images)[-1]
