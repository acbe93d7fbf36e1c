"""``train``: from options to registered weights. This is the driver: it checks, starts, follows and files; workers compute."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace

from vitruvian.code_version import code_version
from vitruvian.datagen.spin.list_file import find_list_file
from vitruvian.errors import InputError
from vitruvian.methods.networks import load_network
from vitruvian.methods.stage import Recipe
from vitruvian.methods.weights import Card, weights_sha256
from vitruvian.mlflow_store import RUNS, is_store_failure, note_runs, store_error, store_uri
from vitruvian.ray_local import start_ray
from vitruvian.shards.cache_build import ensure_cache
from vitruvian.shards.dataset import ShardDataset
from vitruvian.storage.folders import origin_of, publish
from vitruvian.storage.url import Url, absolute
from vitruvian.train.data import Data, ShardData
from vitruvian.train.home import LOCK_WAIT_S
from vitruvian.train.identity import claim_folder, describe_recipe, describe_run
from vitruvian.train.launch import choose_num_workers
from vitruvian.train.list_data import ListData
from vitruvian.train.lock import hold
from vitruvian.train.options import TrainOptions
from vitruvian.train.overrides import apply_overrides
from vitruvian.train.own_data import FOLDER, own_data
from vitruvian.train.parts import LoadNetwork
from vitruvian.train.plan import StagePlan, parse_parts, plan_stages
from vitruvian.train.receipt import is_finished
from vitruvian.train.recipe_file import load_recipe
from vitruvian.train.results import TrainResult
from vitruvian.train.run_copy import local_run
from vitruvian.train.run_tracking import RunTracking, log_result
from vitruvian.train.split_guard import check_split, check_weights
from vitruvian.train.stage_run import StageRun, train_stage
from vitruvian.train.tracking import Tracker
from vitruvian.train.trial import Trial


def train(options: TrainOptions, *, progress: bool = True) -> TrainResult:
    """Train a recipe on a data set, or continue where an earlier start of the same command was interrupted.

    Losses are those of an undisturbed run. Raises ``InputError`` for what a user can mend; Ray is started if it is not running.
    Of an out folder at a URL the results' paths are of a local copy.
    """
    began = time.time()
    with local_run(options) as here:
        return _train(here, began=began, progress=progress)


def _train(options: TrainOptions, *, began: float, progress: bool) -> TrainResult:
    recipe = apply_overrides(load_recipe(options.method, options.recipe), options.all_overrides, stages=options.stages)
    plans = plans_of(recipe, options)  # so that what cannot be trained is refused before data is generated
    if options.data is None:
        uri = store_uri(options.tracking_uri, options.folder)
        url = origin_of(options.folder)
        root = own_data(
            recipe,
            num_actors=0 if options.num_workers == 0 else None,
            tracking_uri=uri,
            progress=progress,
            folder=FOLDER if url is None else url.parent / FOLDER.name,  # workers on other machines read it, too
        )
    else:
        root = absolute(options.data)
    cache = None if options.cache is None else options.cache.expanduser().absolute()
    if (lists := find_list_file(root)) is not None:
        data = ListData(lists, cache)
        if cache is not None:
            for plan in plans:
                data.fill(plan.stage, threads=os.cpu_count() or 1)
        return train_recipe(recipe, data, options, began=began, progress=progress)
    if cache is not None:
        items = [item for plan in plans for item in plan.stage.items]
        ensure_cache(root, cache, items, threads=os.cpu_count() or 1)
    elif isinstance(root, Url):
        ShardDataset(root, items=(), verify="size")  # a shard that is missing is told now, not after hours
    return train_recipe(recipe, ShardData(root, cache), options, began=began, progress=progress)


def train_recipe(
    recipe: Recipe,
    data: Data,
    options: TrainOptions,
    *,
    load_network: LoadNetwork = load_network,
    began: float | None = None,
    progress: bool = True,
    trial: Trial | None = None,
) -> TrainResult:
    """``train`` for a recipe and data that are at hand; of ``options`` neither recipe nor data are used.

    ``load_network``: how a part comes from its weights folder. ``began``: when (``time.time()``) the allowed time began.
    ``trial``: this run's place in a sweep; its weights are then not registered.
    """
    with local_run(options) as here:
        return _train_recipe(
            recipe, data, here, load_network=load_network, began=began or time.time(), progress=progress, trial=trial
        )


def _train_recipe(
    recipe: Recipe,
    data: Data,
    options: TrainOptions,
    *,
    load_network: LoadNetwork,
    began: float,
    progress: bool,
    trial: Trial | None,
) -> TrainResult:
    out = options.folder
    plans = plans_of(recipe, options)
    check_data(recipe, plans, data)
    num_workers = choose_num_workers(options, [plan.stage for plan in plans])
    deadline = None if options.max_minutes is None else began + 60 * options.max_minutes
    with ExitStack() as stack:
        stack.enter_context(hold(out / ".lock", wait_s=2.0 if trial is None else LOCK_WAIT_S))
        identity = describe_run(recipe, plans, fingerprint=data.fingerprint, seed=options.seed)
        key = claim_folder(out, identity, recipe, resume=options.resume)
        tracking = RunTracking(
            recipe=recipe,
            data=data,
            out=out,
            uri=store_uri(options.tracking_uri, out),
            experiment=options.experiment or recipe.method,
            key=key if trial is None else trial.key,
            seed=options.seed,
            code_version=code_version(),
            num_workers=num_workers,
            trial=trial,
        )
        pool = stack.enter_context(ThreadPoolExecutor(1))
        whole = pool.submit(tracking.whole, plans)  # MLflow and Ray start at the same time
        try:
            if num_workers and any(not is_finished(out / plan.stage.name) for plan in plans):
                stack.enter_context(start_ray())
            results: list[TrainResult] = []
            for plan in plans:
                run = StageRun(
                    plan=plan,
                    data=data,
                    folder=out / plan.stage.name,
                    card=_card(tracking, plan),
                    options=options,
                    num_workers=num_workers,
                    load_network=load_network,
                    deadline=deadline,
                    model=model_name(recipe, plan.stage.name),
                    progress=progress,
                    trial=trial,
                )
                parent = whole.result()
                tracker = tracking.stage(plan, parent, patient=bool(results))
                above = "" if parent is None else parent.run_id
                note_runs(out, tracking.uri, {"": above, plan.stage.name: tracker.run_id})
                publish(out / RUNS)
                results.append(train_stage(run, tracker))
                if parent is not None:
                    results[-1] = replace(results[-1], parent_run_id=parent.run_id)
                    results[-1] = _logged(parent, results[-1])
                if not results[-1].finished:
                    break
        except BaseException as error:
            _end(whole, "FAILED" if isinstance(error, Exception) else "KILLED")
            raise
        _end(whole, "FINISHED" if results[-1].finished else "KILLED")
        return replace(results[-1], earlier=tuple(results[:-1]))


def _logged(whole: Tracker, result: TrainResult) -> TrainResult:
    """The result, which the run above the stages has now, or why it has not."""
    try:
        log_result(whole, result)
    except Exception as error:
        if not is_store_failure(error):
            raise
        return replace(result, unsent=result.unsent or str(store_error(whole.uri, error)))
    return result


def _end(whole: Future[Tracker | None], status: str) -> None:
    """End the run above the stages, if there is one; an error at hand is the one to report."""
    with suppress(Exception):
        if (tracker := whole.result()) is not None:
            tracker.end(status)


def plans_of(recipe: Recipe, options: TrainOptions) -> tuple[StagePlan, ...]:
    """What the options ask to be trained; ``InputError`` if it cannot be."""
    return plan_stages(recipe, options.folder, names=options.stages, given=parse_parts(options.parts), init=options.init)


def check_data(recipe: Recipe, plans: tuple[StagePlan, ...], data: Data) -> None:
    """``InputError`` if the stages cannot be trained on the data."""
    if data.protocol not in recipe.protocols:
        raise InputError(
            f"{data.name}: was made for the protocol {data.protocol!r}, but the recipe {recipe.method}/{recipe.name} reads "
            f"{' or '.join(map(repr, recipe.protocols))}. Make a data set for it: vitruvian datagen --protocol "
            f"{recipe.protocols[0]} ..."
        )
    check_split(data)
    check_weights(plans, data)
    for plan in plans:
        data.open(plan.stage, "train")
        if plan.stage.training.validation_samples:
            data.open(plan.stage, "test")


def _card(tracking: RunTracking, plan: StagePlan) -> Card:
    recipe, data = tracking.recipe, tracking.data
    return Card(
        method=recipe.method,
        stage=plan.stage.name,
        recipe=recipe.name,
        options=plan.stage.card_options(),
        reconstruct=describe_recipe(recipe)["reconstruct"],
        protocol=data.protocol,
        data_fingerprint=data.fingerprint,
        data_licence=data.licence,
        code_version=tracking.code_version,
        extra={"seed": tracking.seed} | ({} if plan.init is None else {"started_from": weights_sha256(plan.init)}),
    )


def model_name(recipe: Recipe, stage: str) -> str:
    """A method's name stands for the last stage that is always trained; the others' weights have their stage's name with it."""
    always = [other.name for other in recipe.stages if other.name not in recipe.optional_stages]
    return recipe.method if always and stage == always[-1] else f"{recipe.method}-{stage}"
