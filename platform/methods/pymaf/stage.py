"""PyMAF's stage: learn pose, shape and camera from pictures of people whose bodies are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from vitruvian.bodies.body_layer import BodySizes
from vitruvian.bodies.joint_sets import H36M17_TO_J14
from vitruvian.bodies.regression_body import RegressionBody, builtin_regression_body, read_regression_body
from vitruvian.datagen.spin.augment import CropDraw
from vitruvian.errors import InputError
from vitruvian.methods.body_errors import aligned_distance, mean_distance
from vitruvian.methods.checkpoints import read_state_dict
from vitruvian.methods.cpu.fits import laid_out
from vitruvian.methods.pymaf.losses import LossWeights, estimate_losses, iuv_losses
from vitruvian.methods.pymaf.network import Estimate, PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.preview import overlays
from vitruvian.methods.pymaf.rotations import axis_angle_to_matrix
from vitruvian.methods.pymaf.samples import PymafSampleOptions, drawn, fits_a_camera, iuv_labels, training_sample
from vitruvian.methods.stage import Batch, Stage
from vitruvian.methods.weights import load_into


@dataclass(frozen=True, kw_only=True)
class BodyStage(Stage):
    """A batch has ``image`` (B, 3, S, S), ``keypoints`` (B, 49, 3), ``joints`` (B, 24, 4), ``pose`` (B, 72), ``betas`` (B,
    10), ``has_smpl`` and ``has_joints`` (B,) 1 where these are labels, and in training ``iuv`` (B, 3, S / 4, S / 4) and
    ``has_iuv``."""

    method: ClassVar[str] = "pymaf"
    name: ClassVar[str] = "body"
    items: ClassVar[tuple[str, ...]] = ("rgb", "joints_2d", "joints_3d", "body")
    options: PymafNetworkOptions = field(default_factory=PymafNetworkOptions)
    samples: PymafSampleOptions = field(default_factory=PymafSampleOptions)
    weights: LossWeights = field(default_factory=LossWeights)
    body_model: str = ""
    """An SMPL model file, or a folder of them; the data must be of SMPL bodies, too. Empty: the built-in body."""
    body_data: str = ""
    """With ``body_model``: the folder of SMPL's additional files."""
    encoder_weights: str = ""
    """A checkpoint of a ResNet, such as torchvision's ImageNet ResNet-50, to start the encoder from (its classifier is left
    out). Empty: a new encoder."""

    def __post_init__(self) -> None:
        if bool(self.body_model) != bool(self.body_data):
            raise ValueError("BodyStage: body_model and body_data go together: give both or neither.")
        if self.options.body != BodySizes():
            raise ValueError("BodyStage: options.body follows from body_model; leave it as it is.")

    def body(self) -> RegressionBody:
        """The body to learn; ``InputError`` where its files are not there, or lack what the auxiliary head learns from."""
        if not self.body_model:
            return builtin_regression_body()
        body = _read_body(self.body_model, self.body_data)
        if self.options.auxiliary and body.charts is None:
            raise InputError(
                f"body_data {self.body_data}: has no UV_Processed.mat, from which the auxiliary head learns. Add it, or leave "
                "the head out (--set options.auxiliary=false)."
            )
        return body

    @property
    def picture_px(self) -> int | None:
        """Pixels that a person's crop must have in a stored picture, so that it may be read reduced; None: read it whole."""
        exact = self.samples.crops == "direct" and not self.samples.whole_pixels
        return self.options.image_size_px if exact else None

    @property
    def network_options(self) -> PymafNetworkOptions:
        return dataclasses.replace(self.options, body=BodySizes.of(self.body()))

    def network(self) -> PymafNetwork:
        network = PymafNetwork(self.network_options, self.body())
        if self.encoder_weights:
            state = read_state_dict(Path(self.encoder_weights))
            state = {name: value for name, value in state.items() if not name.startswith("fc.")}
            own = network.feature_extractor.state_dict()
            counters = {name: value for name, value in own.items() if name.endswith("num_batches_tracked")}
            load_into(network.feature_extractor, counters | state, origin=f"encoder_weights {self.encoder_weights}")
        return network

    def card_options(self) -> dict[str, Any]:
        return {"network": dataclasses.asdict(self.network_options)}

    def sample(self, stored: Mapping[str, Any], rng: np.random.Generator, *, training: bool) -> dict[str, np.ndarray]:
        body = self.body()
        has_smpl = bool(stored.get("has_smpl", True))  # rows of lists may lack it; drawn people have everything
        if has_smpl and (model := stored.get("body_model")) != body.name:
            raise InputError(
                f"data: its bodies are of the model {model or 'unknown'!r}, the stage learns {body.name!r}. Make the data with "
                "--protocol pymaf from people of that body, or give --set body_model=FILE body_data=FOLDER."
            )
        size = self.options.image_size_px
        draw = drawn(self.samples, rng, training=training)
        sample = training_sample(stored, self.samples, draw, image_size_px=size)
        sample["has_smpl"] = np.float32(has_smpl)
        sample["has_joints"] = np.float32(stored.get("has_joints", True))
        if training and self.options.auxiliary:
            has_iuv = has_smpl and fits_a_camera(sample)
            pixels = self.options.map_size_px
            sample["iuv"] = np.zeros((3, pixels, pixels), np.float32)
            if has_iuv:
                sample["iuv"] = iuv_labels(sample, body, pixels=pixels, kind=self.samples.iuv)
            sample["has_iuv"] = np.float32(has_iuv and sample["iuv"].any())
        return sample | self.points(stored, draw)

    def points(self, stored: Mapping[str, Any], draw: CropDraw) -> dict[str, np.ndarray]:
        """``points`` where the first correction reads its map; none: where the network's options say."""
        return {}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The published objective: the terms of every correction, and those of the IUV maps once."""
        assert isinstance(network, PymafNetwork)
        surfaces = "all" if self.weights.vertices else "none"
        output = network(laid_out(batch["image"]), surfaces=surfaces, points=batch.get("points"))
        vertices = self._truth(network, batch).vertices if self.weights.vertices else None
        total, shown = batch["image"].new_zeros(()), {}
        for number, estimate in enumerate(output.estimates[1:], start=1):
            terms = estimate_losses(
                estimate,
                keypoints=batch["keypoints"],
                joints=batch["joints"],
                pose=batch["pose"],
                betas=batch["betas"],
                has_joints=batch["has_joints"],
                has_smpl=batch["has_smpl"],
                weights=self.weights,
                vertices=vertices,
            )
            total = total + torch.stack(list(terms.values())).sum()
            if number == len(output.estimates) - 1:
                shown = {name: value.detach() for name, value in terms.items()}
        if output.iuv is not None:
            maps = iuv_losses(output.iuv, batch["iuv"], batch["has_iuv"], self.weights)
            total = total + torch.stack(list(maps.values())).sum()
            shown |= {f"iuv_{name}": value.detach() for name, value in maps.items()}
        return total, shown

    def metrics(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Millimetres: joints from their pelvis (``mpjpe``), after alignment (``pa_mpjpe``), vertices (``pve``); and of the
        mean body, from which the network starts (``pa_mpjpe_mean_body``)."""
        assert isinstance(network, PymafNetwork)
        estimates = network(laid_out(batch["image"]), surfaces="all", iuv=False, points=batch.get("points")).estimates
        truth = self._truth(network, batch)
        wanted = joints_14(network, truth)
        first, last = (joints_14(network, estimate) for estimate in (estimates[0], estimates[-1]))
        assert truth.vertices is not None and estimates[-1].vertices is not None
        errors = {
            "mpjpe_mm": mean_distance(last, wanted),
            "pa_mpjpe_mm": aligned_distance(last, wanted),
            "pve_mm": mean_distance(estimates[-1].vertices, truth.vertices),
            "pa_mpjpe_mean_body_mm": aligned_distance(first, wanted),
        }
        return {name: 1000 * value for name, value in errors.items()}

    def pictures(self, network: nn.Module, batch: Batch) -> dict[str, np.ndarray]:
        """``preview``: crops, the body over each, and from its side."""
        assert isinstance(network, PymafNetwork)
        few = {name: value[:6] for name, value in batch.items()}
        images = few["image"]
        with torch.no_grad():
            estimate = network(laid_out(images), surfaces="last", iuv=False, points=few.get("points")).estimates[-1]
        return {"preview": overlays(images, estimate, network.body.faces.cpu().numpy())}

    def _truth(self, network: PymafNetwork, batch: Batch) -> Estimate:
        """The labelled body, as an estimate without camera."""
        with torch.no_grad():
            rotations = axis_angle_to_matrix(batch["pose"].reshape(-1, 24, 3))
            found = network.body(batch["betas"], rotations, surface=True)
        nothing = batch["betas"].new_zeros(len(rotations), 0)
        return Estimate(None, rotations, found.smpl_joints, found.joints, nothing, found.mesh_points, found.vertices)  # type: ignore[arg-type]


def joints_14(network: PymafNetwork, estimate: Estimate) -> Tensor:
    """(B, 14, 3) the points at which pose is measured, from the pelvis of Human3.6M's joints."""
    assert estimate.vertices is not None
    joints = network.body.h36m_joints(estimate.smpl_joints, estimate.vertices)
    return (joints - joints[:, :1])[:, list(H36M17_TO_J14)]


@lru_cache(maxsize=2)
def _read_body(model: str, data: str) -> RegressionBody:
    return read_regression_body(Path(model).expanduser(), Path(data).expanduser())
