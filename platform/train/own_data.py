"""The data set of a recipe, generated where the user has given none."""

from __future__ import annotations

from pathlib import Path

from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.errors import InputError
from vitruvian.methods.stage import Recipe
from vitruvian.storage.url import Url, absolute
from vitruvian.train.recipe_file import DATA_NAME

FOLDER = Path("runs/data")


def own_data(
    recipe: Recipe, *, num_actors: int | None, tracking_uri: str, progress: bool, folder: Path | Url = FOLDER
) -> Path | Url:
    """The folder ``METHOD-RECIPE`` in ``folder`` with the recipe's data: made now, finished if it was begun, or as it is.

    ``num_actors``: as in ``DatagenOptions``. Raises ``InputError`` if the recipe says nothing of its data.
    """
    protocol = recipe.protocols[0]
    if recipe.data is None:
        raise InputError(
            f"--data: {recipe.method}/{recipe.name} needs a data set. Make one (vitruvian datagen --protocol {protocol} --out "
            "FOLDER ...) and give its folder."
        )
    root = absolute(folder / f"{recipe.method}-{recipe.extra.get(DATA_NAME, recipe.name)}")
    options = DatagenOptions(out=root, protocol=protocol, num_actors=num_actors, **recipe.data)
    report = generate(options, progress=progress, track=True, tracking_uri=tracking_uri)
    if progress and report.new_samples:
        print(report)
    return root
