"""Geo-PIFu's first stage: learn the occupancy volume, and with it latent voxels, from one masked picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vitruvian.methods.geopifu.coarse_extras import RIVAL, criticise, rendering_loss
from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.framing import SIDE_PER_HEIGHT, SIDE_PER_WIDTH
from vitruvian.methods.geopifu.losses import GENERATOR_WEIGHT, OCCUPANCY_WEIGHT, VIEW_WEIGHT, weighted_cross_entropy
from vitruvian.methods.geopifu.preview import volume_preview
from vitruvian.methods.geopifu.view_target import VIEW_PROBABILITIES, view_target
from vitruvian.methods.geopifu.volume_target import share_of_cells, solid_in_box
from vitruvian.methods.occupancy import occupancy_accuracy
from vitruvian.methods.pifu.samples import SampleOptions, see
from vitruvian.methods.stage import Batch, Rival, Stage


@dataclass(frozen=True, kw_only=True)
class CoarseStage(Stage):
    """A batch has ``image`` (B, 3, S, S) and ``occupancy`` (B, 1, D, H, W): how much of each cell is solid.

    With ``options.use_view_pred_loss`` also ``target_view`` (B,) and ``target`` (B, 3, S, S), see ``view_target``.
    """

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

    view_weight: float = VIEW_WEIGHT
    """Times the loss of rendered views (``weight_rgb_recon``), with ``options.use_view_pred_loss``."""
    view_probabilities: tuple[float, float, float, float] = VIEW_PROBABILITIES
    """How often the picture's front, right, back and left are rendered."""
    generator_weight: float = GENERATOR_WEIGHT
    """Times the loss of passing for a real volume (``weight_3d_gan_gen``), with ``options.use_3d_gan``."""

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

        if self.options.use_view_pred_loss and (self.samples.random_scale or self.samples.random_trans):
            raise ValueError(
                "CoarseStage: options.use_view_pred_loss cannot go with samples.random_scale or random_trans, which move the "
                "picture but not what is seen from the side. Leave them off (random_flip may stay)."
            )
        if min(self.view_probabilities) < 0 or abs(sum(self.view_probabilities) - 1) > 1e-6:
            raise ValueError(f"CoarseStage: view_probabilities are {self.view_probabilities}; they must add up to 1.")

    @property
    def reads_siblings(self) -> bool:
        return self.options.use_view_pred_loss

    @property
    def rival(self) -> Rival | None:
        return RIVAL if self.options.use_3d_gan else None

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
        sample = {"image": sight.image, "occupancy": share_of_cells(solid, self.cell_samples)[None]}
        if self.options.use_view_pred_loss and training:
            mirrored = bool(np.linalg.det(sight.calibration[:3, :3]) > 0)  # rows run down, so it is negative otherwise
            sample |= view_target(stored, self.samples, rng, mirrored=mirrored, probabilities=self.view_probabilities)
        return sample

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The published cross entropy, averaged over the stacks, and the losses of the optional heads."""
        labels = batch["occupancy"].float()
        if not (self.options.use_view_pred_loss or self.options.use_3d_gan):
            predictions = network(batch["image"])
            value = weighted_cross_entropy(predictions, labels, weight=self.weight)
            shown: dict[str, Tensor] = {}
        else:
            predictions, value, shown = self._loss_of_heads(network, batch, labels)
        with torch.no_grad():
            iou, _, _ = occupancy_accuracy(predictions[-1], labels)
        return value, {"iou": iou.mean(), **shown}

    def _loss_of_heads(
        self, network: nn.Module, batch: Batch, labels: Tensor
    ) -> tuple[list[Tensor], Tensor, dict[str, Tensor]]:
        assert isinstance(network, GeoPifuCoarseNetwork)
        voxels = network.features(batch["image"])
        predictions = [network.occupancy(volume) for volume in voxels]
        value = weighted_cross_entropy(predictions, labels, weight=self.weight)
        shown = {"cross_entropy": value.detach()}
        if self.options.use_view_pred_loss:
            rendering = rendering_loss(network, voxels, batch["target"], batch["target_view"].tolist())
            value = value + self.view_weight * rendering
            shown["rendering"] = rendering.detach()
        if self.options.use_3d_gan:
            said = criticise(network, predictions[-1], labels)
            value = value + self.generator_weight * said.generator
            if said.critic is not None:
                value = value + said.critic
            shown |= {
                "generator": said.generator.detach(),
                "critic_fake": said.accuracy_fake,
                "critic_real": said.accuracy_real,
            }
        return predictions, value, shown

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
