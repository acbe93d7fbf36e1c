"""One stage of a run, from the driver's side: start its task, follow it, file what came out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.run_folders import WEIGHTS_FOLDER
from vitruvian.methods.weights import Card, weights_sha256
from vitruvian.mlflow_store import is_store_failure, store_error
from vitruvian.storage.folders import publish, shown
from vitruvian.train.data import Data
from vitruvian.train.follow import Relay, follow
from vitruvian.train.history import HISTORY, Event
from vitruvian.train.launch import launch_here, launch_on_ray, share_of_cpus
from vitruvian.train.loop import PICTURES, Settings
from vitruvian.train.options import TrainOptions
from vitruvian.train.parts import LoadNetwork
from vitruvian.train.plan import StagePlan
from vitruvian.train.progress import ProgressPrinter
from vitruvian.train.receipt import is_finished, read_receipt, write_json
from vitruvian.train.results import TrainResult
from vitruvian.train.run_copy import followed
from vitruvian.train.tracking import Tracker
from vitruvian.train.trial import Trial
from vitruvian.train.worker import Task, raise_failure

PARTS = "parts.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class StageRun:
    """Everything about the training of one stage."""

    plan: StagePlan
    data: Data
    folder: Path
    card: Card
    options: TrainOptions
    num_workers: int
    load_network: LoadNetwork
    deadline: float | None
    model: str
    """The name of its weights in MLflow's registry."""
    progress: bool
    trial: Trial | None = None


def train_stage(run: StageRun, tracker: Tracker) -> TrainResult:
    """Train the stage to its end or to the deadline, unless it has been; register its weights when it is finished."""
    folder, options = run.folder, run.options
    relay = Relay(folder, tracker)
    tell = None if run.trial is None or not run.num_workers else _teller(run.trial, run.plan.stage.name)
    try:
        _check_parts(run)
        if not is_finished(folder):
            task = _task(run)
            if run.num_workers:
                launched = launch_on_ray(
                    task, num_workers=run.num_workers, device=options.device, max_restarts=options.max_restarts
                )
            else:
                launched = launch_here(task, options.device)
            title = f"{run.card.method}/{run.plan.stage.name}"
            try:
                with followed(folder) as take_all:
                    follow(launched, relay, ProgressPrinter(title, shown=run.progress), tell=tell, ended=take_all)
            except Exception:
                raise_failure(task)  # says more than Ray does
                raise
            raise_failure(task)
        receipt = read_receipt(folder)
        if receipt is None:
            raise RuntimeError(f"Training ended without a result in {folder}; its checkpoint is kept.")
        relay.poll()
        model, unsent = _file(run, relay, tracker, finished=receipt.finished)
    except BaseException as error:
        with suppress(Exception):  # the error at hand is the one to report
            relay.poll()
            relay.flush()
            tracker.end("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    return TrainResult(
        stage=run.plan.stage.name,
        weights=folder / WEIGHTS_FOLDER,
        history=folder / HISTORY,
        pictures=folder / PICTURES,
        metrics=receipt.metrics,
        seconds=receipt.seconds,
        finished=receipt.finished,
        run_id=tracker.run_id,
        tracking_uri=tracker.uri,
        model=model,
        unsent=unsent,
    )


def _teller(trial: Trial, stage: str) -> Callable[[Event], None]:
    """Tells the trial of each end of an epoch that comes by in the history."""

    def tell(event: Event) -> None:
        if event["event"] == "epoch":
            trial.after_epoch(stage, event["epoch"] + 1, event["metrics"], event["seconds"])

    return tell


def _file(run: StageRun, relay: Relay, tracker: Tracker, *, finished: bool) -> tuple[str | None, str]:
    """Send what is left and register finished weights, but for those of a trial. Returns their name in the registry, and why it
    could not all be done: a store that is away now must not take the training with it, which is whole on disk."""
    model = None
    try:
        relay.flush()
        if finished and run.trial is None:
            card = run.card
            tags = {"stage": card.stage, "recipe": card.recipe, "data_fingerprint": card.data_fingerprint}
            version = tracker.register(run.folder / WEIGHTS_FOLDER, model=run.model, alias=card.recipe, tags=tags)
            model = f"models:/{run.model}/{version}"
        tracker.end("FINISHED" if finished else "KILLED")
    except Exception as error:
        if not is_store_failure(error):
            raise
        return None, str(store_error(tracker.uri, error))
    return model, ""


def _check_parts(run: StageRun) -> None:
    """A stage that has begun must go on with the parts that it began with."""
    path = run.folder / PARTS
    hashes: dict[str, Any] = {name: weights_sha256(folder) for name, folder in run.plan.parts.items()}
    if path.exists():
        before = json.loads(path.read_text())
        if changed := [name for name in hashes if before.get(name) != hashes[name]]:
            raise InputError(
                f"{run.folder}: was begun with other weights of {changed[0]} than those in {run.plan.parts[changed[0]]}. "
                f"Train it anew: --stages {run.plan.stage.name} --no-resume"
            )
        return
    write_json(path, hashes)
    publish(path)


def _task(run: StageRun) -> Task:
    options = run.options
    cpus = share_of_cpus(run.num_workers, wanted=options.cpus_per_worker)
    threads = min(8, max(1, cpus // 2)) if options.loader_threads is None else options.loader_threads
    settings = Settings(
        seed=options.seed,
        loader_threads=threads,
        checkpoint_seconds=options.checkpoint_seconds,
        deadline=run.deadline,
        pictures_every=options.pictures_every,
        after_epoch=None if run.trial is None or run.num_workers else partial(run.trial.after_epoch, run.plan.stage.name),
    )
    return Task(
        stage=run.plan.stage,
        data=run.data,
        folder=shown(run.folder),
        settings=settings,
        card=run.card,
        parts={name: shown(part) for name, part in run.plan.parts.items()},
        init=None if run.plan.init is None else shown(run.plan.init),
        load_network=run.load_network,
        cpus=cpus,
        attempt=uuid.uuid4().hex,
    )
