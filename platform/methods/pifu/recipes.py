"""PIFu's configurations: the published one, our faster one, and one that learns in minutes on two CPU cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.pifu.colour_options import ColourNetworkOptions
from vitruvian.methods.pifu.colour_stage import ColorStage
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.samples import SampleOptions
from vitruvian.methods.pifu.stage import ShapeStage
from vitruvian.methods.schedules import fast_schedule, tiny_schedule
from vitruvian.methods.stage import Recipe, Training
from vitruvian.methods.training_data import UPRIGHT_PEOPLE

TINY_NETWORK = NetworkOptions(
    num_stack=1,
    num_hourglass=4,
    hourglass_dim=64,
    mlp_dim=(81, 128, 64, 32, 1),
    skip_hourglass=True,
    upsample_mode="nearest",
    z_size=20.0,
    align_corners=False,
    width=0.25,
)
FAST_NETWORK = NetworkOptions(
    num_stack=2,
    num_hourglass=4,
    mlp_dim=(321, 1024, 512, 256, 128, 1),
    skip_hourglass=True,
    upsample_mode="nearest",
    z_size=20.0,
    align_corners=False,
)


def paper() -> Recipe:
    """The published commands: README of the original code, defaults of its options; the colour network's normalisation is that
    of the published weights (``group``), where the option's default is ``instance``."""
    samples = SampleOptions(image_size_px=512, num_points=5000, random_flip=True, random_scale=True, random_trans=True)
    shape = ShapeStage(
        options=NetworkOptions(),
        samples=samples,
        training=Training(
            epochs=100,
            batch_size=2,
            learning_rate=1e-3,
            optimizer="rmsprop",
            drop_after_epochs=(60, 80),
            drop_factor=0.1,
            validation_samples=100,
            channels_last=True,
        ),
    )
    color = ColorStage(
        options=ColourNetworkOptions(norm="group"),
        samples=samples,
        training=Training(epochs=100, batch_size=2, learning_rate=1e-3, optimizer="adam", validation_samples=100),
    )
    return Recipe(
        method="pifu",
        name="paper",
        protocols=("pifu",),
        stages=(shape, color),
        data={
            "num_subjects": 491,
            "held_out": 49,
            "views_per_subject": 360,
            "items": ("mesh", "rgb", "mask", "query_points", "color_points"),
        },
        reconstruct=FieldOptions(resolution=256, evaluation="octree", min_part=0.0, erode_photograph=True),
        notes="512 px, 15.6 M parameters, 360 views a subject: days on a GPU.",
    )


def tiny() -> Recipe:
    """For two CPU cores and a few minutes: filters a quarter as wide, pictures a quarter as large.

    Deeper hourglasses cost little and see the whole person; the stem's finer map sharpens the outline; a ten times larger depth
    feature is heard from the first step on; half of the points are spread along the rays, so that thin parts do not grow deep.
    """
    shape = ShapeStage(
        options=TINY_NETWORK,
        samples=SampleOptions(
            image_size_px=128,
            num_points=500,
            num_ray_points=500,
            random_flip=True,
        ),
        training=tiny_schedule(14),
    )
    color = ColorStage(
        options=ColourNetworkOptions(
            shape_channels=64,
            mlp_dim=(129, 128, 64, 32, 3),
            z_size=20.0,
            align_corners=False,
            width=0.25,
        ),
        samples=SampleOptions(image_size_px=128, num_points=1000, random_flip=True),
        training=tiny_schedule(5, learning_rate=2e-3, validation_samples=36),
    )
    return Recipe(
        method="pifu",
        name="tiny",
        protocols=("pifu",),
        stages=(shape, color),
        optional_stages=("color",),
        data={**UPRIGHT_PEOPLE, "items": (*UPRIGHT_PEOPLE["items"], "color_points"), "color_points": 10_000},
        reconstruct=FieldOptions(resolution=128, start_stride=4, min_part=0.05, carve=True),
        notes="128 px, 0.36 M parameters; for two CPU cores and a few minutes.",
    )


def fast() -> Recipe:
    """The published size with our settings, for a GPU; ``docs/speed.md`` has what they bring after the same time, scaled down.

    Two stacks instead of four and nearest upsampling pay for batches twice as large; deeper hourglasses see the whole person;
    the stem's finer map, aligned pixels and a ten times larger depth feature say more about each point; half of the points are
    spread along the rays; AdamW with a cosine replaces RMSprop with drops.
    """
    stage = ShapeStage(
        options=FAST_NETWORK,
        samples=SampleOptions(
            image_size_px=512,
            num_points=2500,
            num_ray_points=2500,
            random_flip=True,
            random_scale=True,
            random_trans=True,
        ),
        training=fast_schedule(20, batch_size=4),
    )
    return Recipe(
        method="pifu",
        name="fast",
        protocols=("pifu",),
        stages=(stage,),
        data={
            "num_subjects": 491,
            "held_out": 49,
            "views_per_subject": 360,
            "items": ("mesh", "rgb", "mask", "query_points", "solid_voxels"),
        },
        reconstruct=FieldOptions(resolution=256, min_part=0.05, carve=True),
        notes="512 px, our settings, for a GPU; measured scaled down only.",
    )


RECIPES: Mapping[str, Callable[[], Recipe]] = {"tiny": tiny, "paper": paper, "fast": fast}
