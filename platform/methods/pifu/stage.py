"""PIFu's shape stage: learn occupancy at points around the surface from one masked picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from vitruvian.methods.occupancy import binary_cross_entropy, mean_squared_error, occupancy_accuracy, point_metrics
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.preview import preview
from vitruvian.methods.pifu.samples import SampleOptions, shape_sample
from vitruvian.methods.several_views import flat_views, for_each_view
from vitruvian.methods.stage import Batch, Stage

LOSSES = {"mse": mean_squared_error, "bce": binary_cross_entropy}


@dataclass(frozen=True, kw_only=True)
class ShapeStage(Stage):
    """A batch has ``image`` (B, 3, S, S), ``calibration`` (B, 4, 4), ``points`` (B, 3, N) and ``labels`` (B, 1, N).

    With ``samples.num_views`` V above 1 pictures and calibrations have an axis of views, (B, V, 3, S, S) and (B, V, 4, 4).
    """

    method: ClassVar[str] = "pifu"
    name: ClassVar[str] = "shape"
    options: NetworkOptions = field(default_factory=NetworkOptions)
    samples: SampleOptions = field(default_factory=SampleOptions)
    loss_type: Literal["mse", "bce"] = "mse"
    """``mse`` as published."""

    def __post_init__(self) -> None:
        if self.samples.image_size_px % self.options.size_multiple_px:
            raise ValueError(
                f"ShapeStage: image_size_px is {self.samples.image_size_px}; it must be a multiple of "
                f"{self.options.size_multiple_px} for hourglasses of depth {self.options.num_hourglass}."
            )
        if self.loss_type not in LOSSES:
            raise ValueError(f"ShapeStage: loss_type is {self.loss_type!r}; it must be one of {sorted(LOSSES)}.")

    @property
    def items(self) -> tuple[str, ...]:
        return self.samples.items

    @property
    def num_views(self) -> int:
        return self.samples.num_views

    def network(self) -> PifuShapeNetwork:
        return PifuShapeNetwork(self.options)

    def card_options(self) -> dict[str, Any]:
        return {
            "network": dataclasses.asdict(self.options),
            "image_size_px": self.samples.image_size_px,
            "num_views": self.num_views,
        }

    def sample(self, stored: Mapping[str, Any], rng: np.random.Generator, *, training: bool) -> dict[str, np.ndarray]:
        return dict(shape_sample(stored, self.samples, rng, training=training))

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
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
        assert isinstance(network, PifuShapeNetwork)
        images, calibration = (flat_views(batch[name][:4], self.num_views) for name in ("image", "calibration"))
        return {"preview": preview(network, images, calibration, num_views=self.num_views)}

    def _predict(self, network: nn.Module, batch: Batch) -> list[Tensor]:
        """Occupancies (B, 1, N), one a supervised map."""
        views = self.num_views
        images, calibration = flat_views(batch["image"], views), flat_views(batch["calibration"], views)
        return network(images, for_each_view(batch["points"], views), calibration, num_views=views)
