"""Geo-PIFu's first stage: learn the occupancy volume, and with it latent voxels, from one masked picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.framing import SIDE_PER_HEIGHT, SIDE_PER_WIDTH
from vitruvian.methods.geopifu.losses import OCCUPANCY_WEIGHT, weighted_cross_entropy
from vitruvian.methods.geopifu.preview import volume_preview
from vitruvian.methods.geopifu.volume_target import share_of_cells, solid_in_box
from vitruvian.methods.occupancy import occupancy_accuracy
from vitruvian.methods.pifu.samples import SampleOptions, see
from vitruvian.methods.stage import Batch, Stage


@dataclass(frozen=True, kw_only=True)
class CoarseStage(Stage):
    """A batch has ``image`` (B, 3, S, S) and ``occupancy`` (B, 1, D, H, W): how much of each cell is solid."""

    method: ClassVar[str] = "geopifu"
    name: ClassVar[str] = "coarse"
    items: ClassVar[tuple[str, ...]] = ("rgb", "mask", "solid_voxels")
    options: CoarseNetworkOptions = field(default_factory=CoarseNetworkOptions)
    samples: SampleOptions = field(default_factory=SampleOptions)
    """Only pictures are drawn, no points."""
    weight: float = OCCUPANCY_WEIGHT
    """Times the cross entropy (``weight_occu``)."""
    cell_samples: int = 1
    """Places along each side of a cell where it is asked whether they are solid; the target is their mean. As published a cell
    is solid or not."""
    side_per_height: float = SIDE_PER_HEIGHT
    """How large people are in the pictures of the data, see ``framing``."""
    side_per_width: float = SIDE_PER_WIDTH

    def __post_init__(self) -> None:
        if self.samples.num_ray_points or self.samples.num_views > 1:
            raise ValueError(
                f"CoarseStage: samples.num_ray_points is {self.samples.num_ray_points}, num_views {self.samples.num_views}; "
                "this stage learns from one picture, and from no points. Leave both out."
            )
        if min(self.weight, self.side_per_height, self.side_per_width) <= 0 or self.cell_samples < 1:
            raise ValueError(
                f"CoarseStage: weight={self.weight}, side_per_height={self.side_per_height}, side_per_width="
                f"{self.side_per_width}, cell_samples={self.cell_samples}; all must be positive."
            )

    def network(self) -> GeoPifuCoarseNetwork:
        return GeoPifuCoarseNetwork(self.options)

    def card_options(self) -> dict[str, Any]:
        return {
            "network": dataclasses.asdict(self.options),
            "image_size_px": self.samples.image_size_px,
            "side_per_height": self.side_per_height,
            "side_per_width": self.side_per_width,
        }

    def sample(self, stored: Mapping[str, Any], rng: np.random.Generator, *, training: bool) -> dict[str, np.ndarray]:
        sight = see(stored, self.samples, rng, training=training)
        depth, height, width = (cells * self.cell_samples for cells in self.options.occupancy_shape)
        solid = solid_in_box(
            stored["solid_voxels"],
            stored["voxel_origin_m"],
            stored["voxel_size_m"],
            stored["voxel_axes"],
            calibration_44=sight.calibration,
            shape=(depth, height, width),
        )
        return {"image": sight.image, "occupancy": share_of_cells(solid, self.cell_samples)[None]}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The published cross entropy, averaged over the stacks."""
        predictions, labels = network(batch["image"]), batch["occupancy"].float()
        value = weighted_cross_entropy(predictions, labels, weight=self.weight)
        with torch.no_grad():
            iou, _, _ = occupancy_accuracy(predictions[-1], labels)
        return value, {"iou": iou.mean()}

    def metrics(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The published accuracy figures and the loss of each sample, of the last stack's volume."""
        prediction, labels = network(batch["image"])[-1].float(), batch["occupancy"].float()
        iou, precision, recall = occupancy_accuracy(prediction, labels)
        pairs = zip(prediction, labels, strict=True)
        losses = torch.stack([weighted_cross_entropy([one], label, weight=self.weight) for one, label in pairs])
        return {"iou": iou, "precision": precision, "recall": recall, "cross_entropy": losses}

    def pictures(self, network: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """``preview``: each picture, the volume that the network gives for it and the true one, from the front and the side."""
        images = batch["image"][:4]
        with torch.no_grad():
            volumes = network(images)[-1].float()
        return {"preview": volume_preview(images, [volumes[:, 0], batch["occupancy"][:4, 0].float()])}
