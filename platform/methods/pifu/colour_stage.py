"""PIFu's colour stage: learn the surface's colours, seen or not, from a masked picture and the shape network's map of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from vitruvian.methods.pifu.colour_network import PifuColourNetwork
from vitruvian.methods.pifu.colour_options import ColourNetworkOptions
from vitruvian.methods.pifu.colour_preview import colour_preview
from vitruvian.methods.pifu.colour_samples import color_sample
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.samples import SampleOptions
from vitruvian.methods.several_views import flat_views, for_each_view
from vitruvian.methods.stage import Batch, Stage


@dataclass(frozen=True, kw_only=True)
class ColorStage(Stage):
    """A batch has ``image`` (B, 3, S, S), ``calibration`` (B, 4, 4), ``points`` (B, 3, N) and ``colors`` (B, 3, N) in [-1, 1];
    of several views pictures and calibrations have an axis of views. ``prepare`` adds ``shape_map``."""

    method: ClassVar[str] = "pifu"
    name: ClassVar[str] = "color"
    needs: ClassVar[tuple[str, ...]] = ("shape",)
    items: ClassVar[tuple[str, ...]] = ("rgb", "mask", "color_points")
    options: ColourNetworkOptions = field(default_factory=ColourNetworkOptions)
    samples: SampleOptions = field(default_factory=SampleOptions)
    """``num_points`` (``num_sample_color``) are drawn from the pool of ``color_points``."""
    loss_type: Literal["l1", "mse"] = "l1"
    """``l1`` as published; between colours in [-1, 1]."""

    def __post_init__(self) -> None:
        if self.loss_type not in ("l1", "mse"):
            raise ValueError(f"ColorStage: loss_type is {self.loss_type!r}; it must be 'l1' or 'mse'.")
        if self.samples.image_size_px % 16:
            raise ValueError(f"ColorStage: image_size_px is {self.samples.image_size_px}; it must be a multiple of 16.")
        if self.samples.num_ray_points:
            raise ValueError("ColorStage: num_ray_points is for shapes; colours are learned on the surface. Leave it at 0.")

    @property
    def num_views(self) -> int:
        return self.samples.num_views

    def network(self) -> PifuColourNetwork:
        return PifuColourNetwork(self.options)

    def card_options(self) -> dict[str, Any]:
        return {
            "network": dataclasses.asdict(self.options),
            "image_size_px": self.samples.image_size_px,
            "num_views": self.num_views,
        }

    def sample(self, stored: Mapping[str, Any], rng: np.random.Generator, *, training: bool) -> dict[str, np.ndarray]:
        return dict(color_sample(stored, self.samples, rng, training=training))

    def prepare(self, batch: Batch, parts: Mapping[str, nn.Module], *, training: bool) -> Batch:
        """``shape_map`` (B, shape_channels, S / 4, S / 4), or (B, V, ...) of several views: the shape network's last map."""
        shape = parts["shape"]
        assert isinstance(shape, PifuShapeNetwork)
        views = self.num_views
        shape_map = shape.features(flat_views(batch["image"], views)).maps[-1]
        return {**batch, "shape_map": shape_map if views == 1 else shape_map.unflatten(0, (-1, views))}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        error = self._predict(network, batch) - batch["colors"]
        value = error.abs().mean() if self.loss_type == "l1" else error.square().mean()
        return value, {"l1": error.detach().abs().mean() / 2}

    def metrics(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Mean absolute error of colours in [0, 1], and the signal-to-noise ratio in dB: of all points, and of those that the
        picture shows and does not show. ``l1_hidden_in_front``: the error on hidden points of the pixel in front of them."""
        error = (self._predict(network, batch) - batch["colors"]) / 2
        visible = batch["visible"]
        measured = {}
        for name, chosen in (("", torch.ones_like(visible)), ("_visible", visible), ("_hidden", 1 - visible)):
            measured[f"l1{name}"] = _mean_over(error.abs(), chosen)
            measured[f"psnr{name}"] = -10 * torch.log10(_mean_over(error.square(), chosen).clamp(min=1e-10))
        in_front = (batch["in_front"] - batch["colors"]) / 2
        return {**measured, "l1_hidden_in_front": _mean_over(in_front.abs(), 1 - visible)}

    def pictures(self, network: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """``preview``: each picture, and the surface's points from the front and from behind, true and as the network says."""
        first = {name: value[:4] for name, value in batch.items()}
        images, calibration = (flat_views(first[name], self.num_views)[:: self.num_views] for name in ("image", "calibration"))
        return {"preview": colour_preview(images, calibration, first["points"], first["colors"], self._predict(network, first))}

    def _predict(self, network: nn.Module, batch: Batch) -> Tensor:
        """(B, 3, N) in (-1, 1)."""
        views = self.num_views
        points, calibration = for_each_view(batch["points"], views), flat_views(batch["calibration"], views)
        images, shape_map = flat_views(batch["image"], views), flat_views(batch["shape_map"], views)
        return network(images, shape_map, points, calibration, num_views=views).float()


def _mean_over(values: Tensor, chosen: Tensor) -> Tensor:
    """(B,): the mean over channels and chosen points of (B, 3, N) values; ``chosen`` (B, 1, N) is 0 or 1."""
    return (values * chosen).sum((1, 2)) / (3 * chosen.sum((1, 2))).clamp(min=1)
