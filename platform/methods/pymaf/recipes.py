"""PyMAF's configurations: the published settings of two generations, and one that learns in minutes on two CPU cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vitruvian.methods.pymaf.losses import LossWeights
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.reconstruct_options import PymafReconstructOptions
from vitruvian.methods.pymaf.samples import PymafSampleOptions
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.stage import Recipe, Training

PEOPLE: Mapping[str, Any] = {
    "num_subjects": 500,
    "held_out": 24,
    "views_per_subject": 4,
    "arc_deg": 120,
    "supersample": 1,
    "items": ("rgb", "joints_2d", "joints_3d", "body"),
}
"""Built-in people in everyday poses, seen from the front and up to 60 degrees from either side."""
PUBLISHED_DATA: Mapping[str, Any] = {
    "num_subjects": 20_000,
    "held_out": 500,
    "items": ("rgb", "joints_2d", "joints_3d", "body"),
}


def _published(epochs: int) -> Training:
    return Training(
        epochs=epochs, batch_size=64, learning_rate=5e-5, optimizer="adam", validation_samples=500, channels_last=True
    )


def paper() -> Recipe:
    """The settings of the paper's code: labels rounded to whole pixels, one value of u and v for each face."""
    stage = BodyStage(
        samples=PymafSampleOptions(whole_pixels=True, crops="published", iuv="faces"),
        training=_published(60),
    )
    return Recipe(
        method="pymaf",
        name="paper",
        protocols=("pymaf",),
        stages=(stage,),
        data=PUBLISHED_DATA,
        reconstruct=PymafReconstructOptions(),
        notes="45 M parameters, batches of 64. Published: an ImageNet encoder (encoder_weights), one data set, then a mixture "
        "(--init).",
    )


def eft() -> Recipe:
    """The settings of the later code, which learns from EFT's labels: u and v interpolated within faces."""
    stage = BodyStage(samples=PymafSampleOptions(whole_pixels=True, crops="published"), training=_published(60))
    return Recipe(
        method="pymaf",
        name="eft",
        protocols=("pymaf",),
        stages=(stage,),
        data=PUBLISHED_DATA,
        reconstruct=PymafReconstructOptions(),
        notes="As paper, but for IUV labels. Published: an encoder of ImageNet or of COCO's keypoints (encoder_weights).",
    )


def tiny() -> Recipe:
    """Meant for two CPU cores and half an hour: crops of 96 pixels, a small encoder.

    Its losses weigh rotations and joints more, and IUV coordinates by their mean: a new encoder learns little from few
    pictures.
    """
    stage = BodyStage(
        options=PymafNetworkOptions(
            image_size_px=96,
            blocks=(2, 2, 2, 2),
            width=0.375,
            map_channels=(64, 64, 64),
            mlp_layers=(32, 16, 5),
            hidden=512,
            dropout=0.2,
        ),
        samples=PymafSampleOptions(augment="mirror"),
        weights=LossWeights(coordinates=0.05, openpose=1.0),
        training=Training(
            epochs=24,
            batch_size=16,
            learning_rate=6e-4,
            optimizer="adamw",
            schedule="cosine",
            warmup_steps=100,
            validation_samples=96,
            clip_gradient_norm=30.0,
            channels_last=True,
        ),
    )
    return Recipe(
        method="pymaf",
        name="tiny",
        protocols=("pymaf",),
        stages=(stage,),
        data=PEOPLE,
        reconstruct=PymafReconstructOptions(),
        notes="96 px crops; for two CPU cores and half an hour.",
    )


RECIPES: Mapping[str, Callable[[], Recipe]] = {"tiny": tiny, "paper": paper, "eft": eft}
