"""Before the trials: the networks that they share are trained once, and it is seen whether the data will do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vitruvian.errors import InputError
from vitruvian.methods.run_folders import WEIGHTS_FOLDER
from vitruvian.methods.space import Space
from vitruvian.methods.stage import Recipe
from vitruvian.train.data import Data
from vitruvian.train.options import TrainOptions
from vitruvian.train.parts import LoadNetwork
from vitruvian.train.plan import given_part, parse_parts
from vitruvian.train.run import check_data, plans_of, train_recipe
from vitruvian.train.tracking import Tracker
from vitruvian.train.trial import Trial
from vitruvian.tune.claim import PARTS
from vitruvian.tune.job import TrialJob
from vitruvian.tune.options import TuneOptions
from vitruvian.tune.settle import parts_needed


def train_parts(
    recipe: Recipe,
    space: Space,
    data: Data,
    options: TuneOptions,
    *,
    given: Mapping[str, Path],
    key: str,
    tracker: Tracker,
    load: LoadNetwork,
    progress: bool,
) -> dict[str, Path]:
    """The weights folder of each stage that trials need and do not train: as given, else trained below ``out`` now."""
    parts = dict(given)
    for name in parts_needed(recipe, space):
        if name in parts:
            continue
        training = TrainOptions(
            method=options.method,
            recipe=recipe.name,
            out=options.folder / PARTS,
            stages=(name,),
            parts=tuple(f"{other}={parts[other]}" for other in recipe.stage(name).needs if other in given),
            num_workers=options.num_workers,
            loader_threads=options.loader_threads,
            device=options.device,
            seed=options.seed,
            checkpoint_seconds=options.checkpoint_seconds,
            pictures_every=options.pictures_every,
            tracking_uri=tracker.uri,
            experiment=options.experiment,
        )
        shared = Trial(name="shared parts", key=f"{key}-parts", parent_run_id=tracker.run_id, after_epoch=lambda *unused: None)
        parts[name] = train_recipe(recipe, data, training, load_network=load, progress=progress, trial=shared).weights
        assert parts[name].name == WEIGHTS_FOLDER
    return parts


def given_parts(recipe: Recipe, space: Space, options: TuneOptions) -> dict[str, Path]:
    """The weights folders that ``--part`` names."""
    given, needed = parse_parts(options.parts), parts_needed(recipe, space)
    if unused := [name for name in given if name not in needed]:
        uses = f"they use {', '.join(needed)}" if needed else "they use none"
        raise InputError(f"--part {unused[0]}: no trial over {options.space} uses it; {uses}. Leave it out.")
    return {name: given_part(recipe, name, folder) for name, folder in given.items()}


def check_trials(job: TrialJob) -> None:
    """``InputError`` if the data is not what the trials can be trained on, or a weights folder does not fit."""
    options = job.train_options(0, job.recipe)
    check_data(job.recipe, plans_of(job.recipe, options), job.data)
