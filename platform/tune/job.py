"""One trial: its values, then training through the one loop, epoch by epoch, to an outcome. Knows nothing of Ray."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.run_folders import RUN
from vitruvian.methods.space import Mode, Space, overrides
from vitruvian.methods.stage import Recipe
from vitruvian.train.checkpoint import CHECKPOINT
from vitruvian.train.data import Data
from vitruvian.train.history import HISTORY
from vitruvian.train.lock import hold
from vitruvian.train.options import TrainOptions
from vitruvian.train.overrides import apply_overrides
from vitruvian.train.parts import LoadNetwork
from vitruvian.train.readings import DivergedError
from vitruvian.train.receipt import write_json
from vitruvian.train.run import train_recipe
from vitruvian.train.trial import Trial
from vitruvian.tune.ledger import Entry, Ledger, Outcome
from vitruvian.tune.options import TuneOptions
from vitruvian.tune.proposals import Proposals

PLACE = "place.json"
LOCK_WAIT_S = 60.0
Report = Callable[[dict[str, Any]], None]
"""Takes {"epoch": epochs done, metric: value}; what it raises ends the trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialJob:
    """What all trials of a sweep have in common, as it travels to their processes."""

    recipe: Recipe
    space: Space
    data: Data
    options: TuneOptions
    proposals: Proposals
    key: str
    """The sweep's, from which those of its trials' runs in MLflow are made."""
    parent_run_id: str
    tracking_uri: str
    metric: str
    mode: Mode
    parts: Mapping[str, Path]
    load_network: LoadNetwork

    @property
    def stage(self) -> str:
        """The one that is judged."""
        return self.space.stages[-1]

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.options.folder, self.stage, self.metric)

    def trial_key(self, number: int) -> str:
        return f"{self.key}-{number:04d}"

    def recipe_of(self, settings: Mapping[str, Any]) -> Recipe:
        return apply_overrides(self.recipe, overrides(settings))

    def epochs_of(self, settings: Mapping[str, Any]) -> int:
        return self.recipe_of(settings).stage(self.stage).training.epochs

    def train_options(self, number: int, recipe: Recipe) -> TrainOptions:
        """As ``vitruvian train`` would take them."""
        options = self.options
        needed = {name for stage in self.space.stages for name in recipe.stage(stage).needs}
        return TrainOptions(
            method=options.method,
            recipe=recipe.name,
            out=self.ledger.folder(number),
            stages=self.space.stages,
            parts=tuple(f"{name}={folder}" for name, folder in self.parts.items() if name in needed),
            init=options.init,
            num_workers=options.num_workers,
            cpus_per_worker=options.cpus_per_trial,
            loader_threads=options.loader_threads,
            device=options.device if options.num_workers or options.gpus_per_trial else "cpu",
            seed=options.seed,
            checkpoint_seconds=options.checkpoint_seconds,
            max_restarts=options.max_restarts,
            pictures_every=options.pictures_every,
            tracking_uri=self.tracking_uri,
            experiment=options.experiment,
        )


def entry_of(job: TrialJob, number: int) -> Entry:
    """The trial's values: those that were proposed before, else a proposal now."""
    ledger = job.ledger
    with hold(ledger.root / ".proposals.lock", wait_s=LOCK_WAIT_S):  # trials that start together see each other
        entry = ledger.entry(number)
        if entry is None:
            values = job.proposals.propose(number, ledger.records())
            entry = Entry(number=number, values=values, settings=job.space.settings(values))
            ledger.write_entry(entry)
    return entry


def run_trial(job: TrialJob, number: int, report: Report) -> None:
    """Train the trial to its end, or say what is known of one that has ended. Reports every epoch so far, then each new one."""
    ledger = job.ledger
    entry = entry_of(job, number)
    outcome = ledger.outcome(number)
    if outcome is not None and not outcome.retry:
        _replay(job, number, report, len(ledger.events(number)))
        return
    ledger.forget_outcome(number)
    try:
        recipe = job.recipe_of(entry.settings)
        epochs = recipe.stage(job.stage).training.epochs
        _replay(job, number, report, epochs - 1)
        result = train_recipe(
            recipe,
            job.data,
            job.train_options(number, recipe),
            load_network=job.load_network,
            progress=False,
            trial=_place_in_sweep(job, entry, epochs, report),
        )
        _check_metric(job, result.metrics)
    except DivergedError as error:
        ledger.write_outcome(number, ledger.ended(number, "failed", error=str(error)))
        return
    except _NotMeasured as error:
        ledger.write_outcome(number, ledger.ended(number, "failed", error=str(error), retry=True, fatal=True))
        return
    except InputError as error:
        ledger.write_outcome(number, ledger.ended(number, "failed", error=str(error), retry=True))
        return
    metrics = dict(result.metrics)
    score = float(metrics[job.metric])
    finished = Outcome(
        state="finished",
        score=score if math.isfinite(score) else None,
        epochs=epochs,
        seconds=result.seconds,
        metrics=metrics,
        run_id=result.run_id,
    )
    ledger.write_outcome(number, finished)
    report(_said(job, epochs, metrics))


class _NotMeasured(BaseException):  # not an error of the training, which would write it down as one
    """The metric by which trials are judged is not measured."""


def _check_metric(job: TrialJob, metrics: Mapping[str, float]) -> None:
    if job.metric not in metrics:
        known = ", ".join(metrics) or "nothing: the data holds nobody out, or training.validation_samples is 0"
        raise _NotMeasured(f"--metric {job.metric}: is not measured. Of {job.stage} there is {known}.")


def _said(job: TrialJob, epoch: int, metrics: Mapping[str, float]) -> dict[str, Any]:
    value = float(metrics[job.metric])
    worst = -math.inf if job.mode == "max" else math.inf
    return {"epoch": epoch, job.metric: value if math.isfinite(value) else worst}


def _replay(job: TrialJob, number: int, report: Report, last: int) -> None:
    """Tell the scheduler of epochs that were trained before it was started, if it compares trials by them."""
    if job.options.scheduler in ("asha", "median"):
        for event in job.ledger.events(number):
            if event["epoch"] + 1 <= last and job.metric in event["metrics"]:
                report(_said(job, event["epoch"] + 1, event["metrics"]))


def _place_in_sweep(job: TrialJob, entry: Entry, epochs: int, report: Report) -> Trial:
    def after_epoch(stage: str, epoch: int, metrics: Mapping[str, float], seconds: float) -> None:
        if stage != job.stage:
            return
        _check_metric(job, metrics)
        if epoch < epochs:  # the last one is reported when the weights are there
            report(_said(job, epoch, metrics))

    tags = {
        "vitruvian.trial": str(entry.number),
        "vitruvian.trial_values": json.dumps(entry.values),
        "vitruvian.sweep": job.parent_run_id,
    }
    return Trial(
        name=f"trial {entry.number}",
        key=job.trial_key(entry.number),
        parent_run_id=job.parent_run_id,
        after_epoch=after_epoch,
        tags=tags,
        params={f"tune.{name}": value for name, value in entry.values.items()},
    )


def save_place(job: TrialJob, number: int, folder: Path) -> None:
    """Copy where a trial stands, between two of its epochs, into ``folder``, from where another trial can go on."""
    source = job.ledger.stage_folder(number)
    entry = job.ledger.entry(number)
    assert entry is not None
    for name in (CHECKPOINT, HISTORY):
        if (source / name).exists():
            shutil.copyfile(source / name, folder / name)
    place = {"number": number, "epoch": len(job.ledger.events(number)), "values": dict(entry.values)}
    write_json(folder / PLACE, place)


def take_over(job: TrialJob, number: int, folder: Path, values: Mapping[str, Any]) -> bool:
    """Bring trial ``number`` to the place in ``folder``, to go on from there with ``values``. False if it is there already."""
    place = json.loads((folder / PLACE).read_text())
    ledger = job.ledger
    entry = ledger.entry(number)
    if entry is None:
        raise ValueError(f"take_over: trial {number} has no values yet.")
    if place["number"] == number and json.dumps(values) == json.dumps(entry.values):
        return False
    own = ledger.stage_folder(number)
    own.mkdir(parents=True, exist_ok=True)
    with hold(ledger.folder(number) / ".lock", wait_s=LOCK_WAIT_S):
        # Killed in between, the trial is what it was before, or begins its next epoch from the other's weights.
        for name in (HISTORY, CHECKPOINT):
            temporary = own / f"{name}.tmp"
            shutil.copyfile(folder / name, temporary)
            temporary.replace(own / name)
        (ledger.folder(number) / RUN).unlink(missing_ok=True)  # which says with what values it was begun
        step = {"epoch": place["epoch"], "from": place["number"], "values": dict(entry.values)}
        changed = replace(entry, values=dict(values), settings=job.space.settings(values), lineage=(*entry.lineage, step))
        ledger.write_entry(changed)
    return True
