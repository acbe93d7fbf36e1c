"""``train``: from options to registered weights. This is the driver: it checks, starts, follows and files; workers compute."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from vitruvian.code_version import code_version
from vitruvian.errors import InputError
from vitruvian.methods.networks import load_network
from vitruvian.methods.registry import find_recipe
from vitruvian.methods.stage import Recipe
from vitruvian.methods.weights import Card
from vitruvian.mlflow_store import store_uri
from vitruvian.ray_local import start_ray
from vitruvian.shards.cache_build import ensure_cache
from vitruvian.train.data import Data, ShardData
from vitruvian.train.identity import claim_folder, describe_recipe, describe_run, flatten
from vitruvian.train.lock import hold
from vitruvian.train.options import TrainOptions
from vitruvian.train.overrides import apply_overrides
from vitruvian.train.own_data import own_data
from vitruvian.train.parts import LoadNetwork
from vitruvian.train.plan import StagePlan, parse_parts, plan_stages
from vitruvian.train.results import TrainResult
from vitruvian.train.stage_run import StageRun, train_stage
from vitruvian.train.tracking import Tracker
from vitruvian.train.worker import is_finished


def train(options: TrainOptions, *, progress: bool = True) -> TrainResult:
    """Train a recipe on a data set, or continue where an earlier start of the same command was interrupted.

    Losses are those of an undisturbed run. Raises ``InputError`` for what a user can mend; Ray is started if it is not running.
    """
    began = time.time()
    recipe = apply_overrides(find_recipe(options.method, options.recipe), options.all_overrides)
    plans = _plans(recipe, options)  # so that what cannot be trained is refused before data is generated
    with ExitStack() as stack:
        if options.data is None:
            if options.num_workers:
                stack.enter_context(start_ray())
            actors = None if options.num_workers else 0
            uri = store_uri(options.tracking_uri, options.folder)
            root = own_data(recipe, num_actors=actors, tracking_uri=uri, progress=progress)
        else:
            root = options.data.expanduser().absolute()
        cache = None if options.cache is None else options.cache.expanduser().absolute()
        if cache is not None:
            items = [item for plan in plans for item in plan.stage.items]
            ensure_cache(root, cache, items, threads=os.cpu_count() or 1)
        return train_recipe(recipe, ShardData(root, cache), options, began=began, progress=progress)


def train_recipe(
    recipe: Recipe,
    data: Data,
    options: TrainOptions,
    *,
    load_network: LoadNetwork = load_network,
    began: float | None = None,
    progress: bool = True,
) -> TrainResult:
    """``train`` for a recipe and data that are at hand; of ``options`` neither recipe nor data are used.

    ``load_network``: how a part comes from its weights folder. ``began``: when (``time.time()``) the allowed time began.
    """
    out = options.folder
    plans = _plans(recipe, options)
    _check_data(recipe, plans, data)
    deadline = None if options.max_minutes is None else (began or time.time()) + 60 * options.max_minutes
    description = describe_recipe(recipe)
    with ExitStack() as stack:
        stack.enter_context(hold(out / ".lock", wait_s=2.0))
        identity = describe_run(recipe, plans, fingerprint=data.fingerprint, seed=options.seed)
        key = claim_folder(out, identity, recipe, resume=options.resume)
        pool = stack.enter_context(ThreadPoolExecutor(1))
        version = code_version()
        tags = _tags(recipe, data, options, version)

        def tracker_for(plan: StagePlan) -> Tracker:
            name = plan.stage.name
            tracker = Tracker(
                store_uri(options.tracking_uri, out),
                experiment=options.experiment or recipe.method,
                key=f"{key}/{name}",
                name=f"{recipe.name}/{name}",
                tags={**tags, "vitruvian.stage": name},
                params={"recipe": recipe.name, "seed": options.seed, **flatten(description["stages"][name])},
            )
            tracker.add_json(description, "recipe.json")
            return tracker

        tracker = pool.submit(tracker_for, plans[0])  # MLflow and Ray start at the same time
        if options.num_workers and any(not is_finished(out / plan.stage.name) for plan in plans):
            try:
                stack.enter_context(start_ray())
            except BaseException:
                tracker.result().end("FAILED")
                raise
        results: list[TrainResult] = []
        for plan in plans:
            if results:
                tracker = pool.submit(tracker_for, plan)
            run = StageRun(
                plan=plan,
                data=data,
                folder=out / plan.stage.name,
                card=_card(recipe, plan, data, description, version, options.seed),
                options=options,
                load_network=load_network,
                deadline=deadline,
                model=_model_name(recipe, plan.stage.name),
                progress=progress,
            )
            results.append(train_stage(run, tracker.result()))
            if not results[-1].finished:
                break
        return replace(results[-1], earlier=tuple(results[:-1]))


def _plans(recipe: Recipe, options: TrainOptions) -> tuple[StagePlan, ...]:
    return plan_stages(recipe, options.folder, names=options.stages, given=parse_parts(options.parts), init=options.init)


def _check_data(recipe: Recipe, plans: tuple[StagePlan, ...], data: Data) -> None:
    """``InputError`` if the stages cannot be trained on the data."""
    if data.protocol not in recipe.protocols:
        raise InputError(
            f"{data.name}: was made for the protocol {data.protocol!r}, but the recipe {recipe.method}/{recipe.name} reads "
            f"{' or '.join(map(repr, recipe.protocols))}. Make a data set for it: vitruvian datagen --protocol "
            f"{recipe.protocols[0]} ..."
        )
    for plan in plans:
        data.open(plan.stage, "train")
        if plan.stage.training.validation_samples:
            data.open(plan.stage, "test")


def _tags(recipe: Recipe, data: Data, options: TrainOptions, version: str) -> dict[str, str]:
    return {
        "vitruvian.method": recipe.method,
        "vitruvian.recipe": recipe.name,
        "vitruvian.protocol": data.protocol,
        "vitruvian.data": data.name,
        "vitruvian.data_fingerprint": data.fingerprint,
        "vitruvian.code_version": version,
        "vitruvian.num_workers": str(options.num_workers),
    }


def _card(recipe: Recipe, plan: StagePlan, data: Data, description: Mapping[str, Any], version: str, seed: int) -> Card:
    return Card(
        method=recipe.method,
        stage=plan.stage.name,
        recipe=recipe.name,
        options=plan.stage.card_options(),
        reconstruct=description["reconstruct"],
        protocol=data.protocol,
        data_fingerprint=data.fingerprint,
        data_licence=data.licence,
        code_version=version,
        extra={"seed": seed},
    )


def _model_name(recipe: Recipe, stage: str) -> str:
    """A method's name stands for the last stage that is always trained; the others' weights have their stage's name with it."""
    always = [other.name for other in recipe.stages if other.name not in recipe.optional_stages]
    return recipe.method if always and stage == always[-1] else f"{recipe.method}-{stage}"
