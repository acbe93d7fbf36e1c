"""``train``: from options to registered weights. This is the driver: it checks, starts, follows and files; workers compute."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from vitruvian.code_version import code_version
from vitruvian.errors import InputError
from vitruvian.methods.registry import find_recipe
from vitruvian.methods.stage import Recipe, Stage
from vitruvian.methods.weights import Card
from vitruvian.mlflow_store import store_uri
from vitruvian.ray_local import start_ray
from vitruvian.shards.cache_build import ensure_cache
from vitruvian.train.data import Data, ShardData
from vitruvian.train.follow import Relay, follow
from vitruvian.train.history import HISTORY
from vitruvian.train.identity import claim_folder, describe_recipe, flatten
from vitruvian.train.launch import launch_here, launch_on_ray, share_of_cpus
from vitruvian.train.lock import hold
from vitruvian.train.loop import PICTURES, Settings
from vitruvian.train.options import TrainOptions
from vitruvian.train.overrides import apply_overrides
from vitruvian.train.progress import ProgressPrinter
from vitruvian.train.tracking import Tracker
from vitruvian.train.worker import WEIGHTS, Task, raise_failure, read_receipt


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """What training leaves. With several stages, these are the last one's."""

    weights: Path
    """Folder of ``weights.safetensors`` and ``card.json``."""
    history: Path
    """Every step and epoch, one JSON line each (see ``history``)."""
    pictures: Path
    """Folder of the stage's pictures, ``epoch-NNNN-NAME.png``; may not exist."""
    metrics: Mapping[str, float]
    """Held-out metrics after the last epoch."""
    seconds: float
    """Time spent training, over all attempts."""
    finished: bool
    """False if ``max_minutes`` ended it early."""
    run_id: str
    tracking_uri: str
    model: str | None
    """The weights in MLflow's registry, as ``models:/NAME/VERSION``; None if not finished."""


def train(options: TrainOptions, *, progress: bool = True) -> TrainResult:
    """Train a recipe on a data set, or continue where an earlier start of the same command was interrupted.

    Losses are those of an undisturbed run. Raises ``InputError`` for what a user can mend; Ray is started if it is not running.
    """
    recipe = apply_overrides(find_recipe(options.method, options.recipe), options.all_overrides)
    root = options.data.expanduser().absolute()
    if options.cache is None:
        return train_recipe(recipe, ShardData(root), options, progress=progress)
    cache = options.cache.expanduser().absolute()
    ensure_cache(root, cache, [item for stage in recipe.stages for item in stage.items], threads=os.cpu_count() or 1)
    return train_recipe(recipe, ShardData(root, cache), options, progress=progress)


def train_recipe(recipe: Recipe, data: Data, options: TrainOptions, *, progress: bool = True) -> TrainResult:
    """``train`` for a recipe and data that are at hand; of ``options`` neither recipe nor data are used."""
    fingerprint = _check_data(recipe, data)
    out = options.out.expanduser().absolute()
    description = describe_recipe(recipe)
    identity = {"recipe": description, "data": fingerprint, "seed": options.seed}
    with ExitStack() as stack:
        stack.enter_context(hold(out / ".lock", wait_s=2.0))
        key = claim_folder(out, identity, stages=[stage.name for stage in recipe.stages], resume=options.resume)
        pool = stack.enter_context(ThreadPoolExecutor(1))
        version = code_version()

        def tracker_for(stage: Stage) -> Tracker:
            tags = {
                "vitruvian.method": recipe.method,
                "vitruvian.recipe": recipe.name,
                "vitruvian.stage": stage.name,
                "vitruvian.protocol": recipe.protocol,
                "vitruvian.data": data.name,
                "vitruvian.data_fingerprint": fingerprint,
                "vitruvian.code_version": version,
                "vitruvian.num_workers": str(options.num_workers),
            }
            params = {"recipe": recipe.name, "seed": options.seed, **flatten(description["stages"][stage.name])}
            return Tracker(
                store_uri(options.tracking_uri, out),
                experiment=options.experiment or recipe.method,
                key=f"{key}/{stage.name}",
                name=f"{recipe.name}/{stage.name}",
                tags=tags,
                params=params,
            )

        tracker = pool.submit(tracker_for, recipe.stages[0])  # MLflow and Ray start at the same time
        if options.num_workers and any(not _is_finished(out / stage.name) for stage in recipe.stages):
            try:
                stack.enter_context(start_ray())
            except BaseException:
                tracker.result().end("FAILED")
                raise
        result = None
        for stage in recipe.stages:
            if stage is not recipe.stages[0]:
                tracker = pool.submit(tracker_for, stage)
            card = Card(
                method=recipe.method,
                stage=stage.name,
                recipe=recipe.name,
                options=stage.card_options(),
                reconstruct=description["reconstruct"],
                protocol=recipe.protocol,
                data_fingerprint=fingerprint,
                data_licence=data.licence,
                code_version=version,
                extra={"seed": options.seed},
            )
            result = _train_stage(recipe, stage, data, options, out / stage.name, card, tracker.result(), progress)
            if not result.finished:
                break
        assert result is not None
        return result


def _train_stage(
    recipe: Recipe,
    stage: Stage,
    data: Data,
    options: TrainOptions,
    folder: Path,
    card: Card,
    tracker: Tracker,
    progress: bool,
) -> TrainResult:
    relay = Relay(folder, tracker)
    try:
        if not _is_finished(folder):
            tracker.add_json(describe_recipe(recipe), "recipe.json")
            task = _task(stage, data, options, folder, card)
            if options.num_workers:
                launched = launch_on_ray(
                    task, num_workers=options.num_workers, device=options.device, max_restarts=options.max_restarts
                )
            else:
                launched = launch_here(task, options.device)
            try:
                follow(launched, relay, ProgressPrinter(f"{recipe.method}/{stage.name}", shown=progress))
            except Exception:
                raise_failure(task)  # says more than Ray does
                raise
            raise_failure(task)
        receipt = read_receipt(folder)
        if receipt is None:
            raise RuntimeError(f"Training ended without a result in {folder}; its checkpoint is kept.")
        relay.poll()
        relay.flush()
        model = None
        if receipt.finished:
            name = recipe.method if stage is recipe.stages[-1] else f"{recipe.method}-{stage.name}"
            tags = {"stage": stage.name, "recipe": recipe.name, "data_fingerprint": card.data_fingerprint}
            model = f"models:/{name}/{tracker.register(folder / WEIGHTS, model=name, alias=recipe.name, tags=tags)}"
        tracker.end("FINISHED" if receipt.finished else "KILLED")
    except BaseException as error:
        with suppress(Exception):  # the error at hand is the one to report
            relay.poll()
            relay.flush()
            tracker.end("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    return TrainResult(
        weights=folder / WEIGHTS,
        history=folder / HISTORY,
        pictures=folder / PICTURES,
        metrics=receipt.metrics,
        seconds=receipt.seconds,
        finished=receipt.finished,
        run_id=tracker.run_id,
        tracking_uri=tracker.uri,
        model=model,
    )


def _task(stage: Stage, data: Data, options: TrainOptions, folder: Path, card: Card) -> Task:
    cpus = share_of_cpus(options.num_workers, wanted=options.cpus_per_worker)
    threads = min(8, max(1, cpus // 2)) if options.loader_threads is None else options.loader_threads
    settings = Settings(
        seed=options.seed,
        loader_threads=threads,
        checkpoint_seconds=options.checkpoint_seconds,
        max_seconds=None if options.max_minutes is None else 60 * options.max_minutes,
        pictures_every=options.pictures_every,
    )
    return Task(stage=stage, data=data, folder=folder, settings=settings, card=card, cpus=cpus, attempt=uuid.uuid4().hex)


def _is_finished(folder: Path) -> bool:
    receipt = read_receipt(folder)
    return receipt is not None and receipt.finished


def _check_data(recipe: Recipe, data: Data) -> str:
    """The data's fingerprint, after checking that the recipe can be trained on it."""
    if not recipe.stages:
        raise InputError(f"recipe: {recipe.method}/{recipe.name} has no stage to train.")
    if data.protocol != recipe.protocol:
        raise InputError(
            f"{data.name}: was made for the protocol {data.protocol!r}, but the recipe {recipe.method}/{recipe.name} reads "
            f"{recipe.protocol!r}. Make a data set for it: vitruvian datagen --protocol {recipe.protocol} ..."
        )
    for stage in recipe.stages:
        data.open(stage, "train")
        if stage.training.validation_samples:
            data.open(stage, "test")
    return data.fingerprint
