"""PyMAF-SAM's configurations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from vitruvian.methods.pymaf import recipes as pymaf
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.reconstruct_options import PymafReconstructOptions
from vitruvian.methods.pymaf.samples import PymafSampleOptions
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.pymaf_sam.stage import MaskBodyStage
from vitruvian.methods.stage import Recipe, Training

ITEMS = ("rgb", "mask", "joints_2d", "joints_3d", "body")


def tiny() -> Recipe:
    """PyMAF's ``tiny``, but that its first look is at points of the mask."""
    recipe = pymaf.tiny()
    (stage,) = recipe.stages
    assert isinstance(stage, BodyStage) and recipe.data is not None
    options = dataclasses.replace(stage.options, first_points="mask")
    masked = MaskBodyStage(options=options, samples=stage.samples, weights=stage.weights, training=stage.training)
    return dataclasses.replace(recipe, method="pymaf_sam", stages=(masked,), data={**recipe.data, "items": ITEMS})


def paper() -> Recipe:
    """The published settings (batches of 32, as the later PyMAF otherwise), but that points are those of the picture's own
    mask."""
    stage = MaskBodyStage(
        options=PymafNetworkOptions(first_points="mask"),
        samples=PymafSampleOptions(whole_pixels=True, crops="published"),
        training=Training(
            epochs=60, batch_size=32, learning_rate=5e-5, optimizer="adam", validation_samples=500, channels_last=True
        ),
    )
    return Recipe(
        method="pymaf_sam",
        name="paper",
        protocols=("pymaf",),
        stages=(stage,),
        data={**pymaf.PUBLISHED_DATA, "items": ITEMS},
        reconstruct=PymafReconstructOptions(),
        notes="Points of each picture's own mask; the recipe published has the table of points that belong to no picture.",
    )


def published() -> Recipe:
    """What the published code runs: ``paper`` with a stored table of 960 rows (``--set table=FILE``), meant for 960 pictures of
    LSP-Extended (``--data lists.json``)."""
    recipe = paper()
    (stage,) = recipe.stages
    assert isinstance(stage, MaskBodyStage)
    options = dataclasses.replace(stage.options, first_points="table", table_rows=960)
    return dataclasses.replace(
        recipe,
        name="published",
        stages=(dataclasses.replace(stage, options=options, frame="stretched"),),
        notes="Needs a table of points (--set table=FILE; vitruvian masks points makes one). Published with 960 pictures of "
        "LSP-Extended alone; the encoder began from ImageNet (--set encoder_weights=FILE).",
    )


RECIPES: Mapping[str, Callable[[], Recipe]] = {"tiny": tiny, "paper": paper, "published": published}
