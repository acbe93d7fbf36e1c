"""Built-in people whom no recipe learns from, to measure body networks on where nothing else is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path("runs/data/held-out-bodies")
NUM_PEOPLE = 24
SEED = 24_000_000
"""Far from the seeds that people give their data."""


def held_out_people(folder: Path = FOLDER) -> Path:
    """A data set of protocol ``pymaf`` with ``NUM_PEOPLE`` held-out people, four views of each, as recipes ``tiny`` draw them.

    Made now, finished if it was begun, or as it is.
    """
    from vitruvian.datagen.options import DatagenOptions
    from vitruvian.datagen.run import generate
    from vitruvian.methods.pymaf.recipes import PEOPLE

    drawn: dict[str, Any] = {**PEOPLE, "num_subjects": NUM_PEOPLE + 1, "held_out": NUM_PEOPLE}
    drawn["items"] = (*PEOPLE["items"], "mask")
    report = generate(DatagenOptions(out=folder, protocol="pymaf", seed=SEED, num_actors=0, **drawn), progress=True)
    if report.new_samples:
        print(f"{folder}: {NUM_PEOPLE} people to measure on, whom no recipe learns from")
    return folder
