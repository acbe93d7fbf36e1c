"""Geo-PIFu's configurations: the published ones, our faster one, and one that learns in minutes on two CPU cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.coarse_stage import CoarseStage
from vitruvian.methods.geopifu.framing import PIFU_SIDE_PER_HEIGHT
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.geopifu.query_stage import QueryStage
from vitruvian.methods.pifu.recipes import FAST_NETWORK, TINY_NETWORK
from vitruvian.methods.pifu.samples import SampleOptions
from vitruvian.methods.schedules import fast_schedule, tiny_schedule
from vitruvian.methods.stage import Recipe, Training
from vitruvian.methods.training_data import UPRIGHT_PEOPLE

PASSES = 6
"""The published batches were shared by six GPUs; so many passes give one device the same gradient, and the coarse network's
batch normalisation the same five pictures at a time."""
PAPER_DATA: Mapping[str, Any] = {"num_subjects": 6795, "held_out": 1359}
PAPER_FIELD = FieldOptions(resolution=(171, 256, 171), evaluation="near_surface", min_part=0.0)
"""The published grid. The original evaluates all of it; this gives the same surface."""
PAPER_NOTES = "512 px pictures of DeepHuman (16 a mesh). Published times on six GPUs: coarse 2 days, query 1 day."


def _published(epochs: int, batch_size: int, drops: tuple[int, ...], *, validation_samples: int) -> Training:
    return Training(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=1e-3,
        optimizer="rmsprop",
        drop_after_epochs=drops,
        drop_factor=0.1,
        validation_samples=validation_samples,
        accumulate=PASSES,
        channels_last=True,
    )


def paper() -> Recipe:
    """The published commands: README of the original code, defaults of its options."""
    coarse = CoarseStage(
        options=CoarseNetworkOptions(),
        samples=SampleOptions(image_size_px=512),
        training=_published(30, 30, (8, 23), validation_samples=100),
    )
    query = QueryStage(
        options=QueryNetworkOptions(),
        samples=SampleOptions(image_size_px=512, num_points=5000),
        training=_published(45, 36, (8, 23, 40), validation_samples=50),
    )
    return Recipe(
        method="geopifu",
        name="paper",
        protocols=("geopifu", "pifu"),
        stages=(coarse, query),
        data=PAPER_DATA,
        reconstruct=PAPER_FIELD,
        notes=f"{PAPER_NOTES} 14.9 M and 15.7 M parameters.",
    )


def paper_baseline() -> Recipe:
    """The PIFu that the paper compares with: the query network without voxels, trained alike."""
    query = QueryStage(
        options=QueryNetworkOptions(fusion="none"),
        samples=SampleOptions(image_size_px=512, num_points=5000),
        training=_published(45, 36, (8, 23, 40), validation_samples=50),
    )
    return Recipe(
        method="geopifu",
        name="paper-baseline",
        protocols=("geopifu", "pifu"),
        stages=(query,),
        data=PAPER_DATA,
        reconstruct=PAPER_FIELD,
        notes=f"{PAPER_NOTES} PIFu on Geo-PIFu's data: 15.6 M parameters.",
    )


def tiny() -> Recipe:
    """For two CPU cores and twenty minutes, on the people and pictures of PIFu's ``tiny``.

    The coarse network gives 16 x 16 x 16 voxels in a box as wide as the picture, so that stretched arms are not cut off. Its
    hourglass reaches down to a single cell, so every voxel knows of the whole person. The query network is that of PIFu's
    ``tiny``, but that it reads them too.
    """
    coarse = CoarseStage(
        options=CoarseNetworkOptions(
            input_height_px=128,
            input_width_px=128,
            num_stack=1,
            num_hourglass=4,
            upsample_mode="nearest",
            upsampling=2,
            align_corners=False,
            width=0.5,
        ),
        samples=SampleOptions(image_size_px=128, random_flip=True),
        cell_samples=2,
        training=tiny_schedule(16),
        side_per_height=PIFU_SIDE_PER_HEIGHT,
        side_per_width=1.0,
    )
    query = QueryStage(
        options=QueryNetworkOptions(image=TINY_NETWORK, displacement=0.1, align_corners=False),
        samples=SampleOptions(image_size_px=128, num_points=500, num_ray_points=500, random_flip=True),
        latents="once",
        training=tiny_schedule(12),
        side_per_height=PIFU_SIDE_PER_HEIGHT,
        side_per_width=1.0,
    )
    return Recipe(
        method="geopifu",
        name="tiny",
        protocols=("pifu", "geopifu"),
        stages=(coarse, query),
        data=UPRIGHT_PEOPLE,
        reconstruct=FieldOptions(resolution=128, start_stride=4, min_part=0.05, carve=True),
        notes="128 px, 1.7 M and 0.4 M parameters; for two CPU cores and twenty minutes.",
    )


def fast() -> Recipe:
    """The published sizes with our settings, for a GPU; ``docs/speed.md`` has what they bring after the same time, scaled down.

    Both networks have two stacks instead of four, nearest upsampling, deeper hourglasses and mirrored pictures; voxels and
    pixels are aligned; AdamW with a cosine replaces RMSprop with drops. The query network is that of PIFu's ``fast``, and reads
    the voxels too.
    """
    coarse = CoarseStage(
        options=CoarseNetworkOptions(num_stack=2, num_hourglass=4, upsample_mode="nearest", align_corners=False),
        samples=SampleOptions(image_size_px=512, random_flip=True),
        cell_samples=2,
        training=fast_schedule(10, batch_size=5),
    )
    query = QueryStage(
        options=QueryNetworkOptions(image=FAST_NETWORK, align_corners=False),
        samples=SampleOptions(image_size_px=512, num_points=2500, num_ray_points=2500, random_flip=True),
        training=fast_schedule(10, batch_size=4),
    )
    return Recipe(
        method="geopifu",
        name="fast",
        protocols=("geopifu", "pifu"),
        stages=(coarse, query),
        data={**PAPER_DATA, "items": ("mesh", "rgb", "mask", "query_points", "solid_voxels")},
        reconstruct=FieldOptions(resolution=(171, 256, 171), evaluation="near_surface", min_part=0.05, carve=True),
        notes="512 px, our settings, for a GPU; measured scaled down only.",
    )


RECIPES: Mapping[str, Callable[[], Recipe]] = {
    "tiny": tiny,
    "paper": paper,
    "paper-baseline": paper_baseline,
    "fast": fast,
}
