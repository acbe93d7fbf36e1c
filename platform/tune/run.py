"""``tune``: from options to a winner. This is the driver: it settles what is tried, runs the trials, files what came out."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from vitruvian.errors import InputError
from vitruvian.methods.networks import load_network
from vitruvian.methods.space import Space
from vitruvian.methods.space_registry import find_space
from vitruvian.methods.stage import Recipe
from vitruvian.mlflow_store import store_uri
from vitruvian.shards.cache_build import ensure_cache
from vitruvian.storage.url import Url, absolute
from vitruvian.train.data import Data, ShardData
from vitruvian.train.lock import hold
from vitruvian.train.overrides import apply_overrides
from vitruvian.train.own_data import own_data
from vitruvian.train.parts import LoadNetwork
from vitruvian.train.recipe_file import load_recipe
from vitruvian.tune.best import write_best
from vitruvian.tune.claim import claim_sweep, describe_sweep
from vitruvian.tune.job import TrialJob, entry_of
from vitruvian.tune.ledger import Record
from vitruvian.tune.on_ray import run_trials
from vitruvian.tune.options import TuneOptions
from vitruvian.tune.prepare import check_trials, given_parts, train_parts
from vitruvian.tune.progress import SweepPrinter, shown_values
from vitruvian.tune.ranking import best_of, ranked
from vitruvian.tune.report.shown import Sweep
from vitruvian.tune.report.write import sweep_of, write_sweep_report
from vitruvian.tune.settle import Settled, settle
from vitruvian.tune.sweep_tracking import SweepTracking


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneResult:
    """What a sweep leaves."""

    folder: Path
    sweep: Sweep
    """All trials, as the report shows them."""
    best: Record | None
    """The winner; None if no trial has finished."""
    recipe_file: Path | None
    """The winner as a recipe, for ``vitruvian train --recipe``."""
    weights: Path | None
    """The winner's."""
    report: Path
    finished: bool
    """False if time was up first."""
    run_id: str
    """The sweep's, in MLflow."""
    tracking_uri: str
    model: str | None
    """The winner's weights in MLflow's registry; None if they were not registered."""


def tune(options: TuneOptions, *, progress: bool = True) -> TuneResult:
    """Search a recipe's space, or continue where an earlier start of the same command was interrupted.

    Raises ``InputError`` for what a user can mend; Ray is started if it is not running.
    """
    began = time.time()
    recipe = load_recipe(options.method, options.recipe)
    named = find_space(options.method, options.space)
    recipe = apply_overrides(recipe, options.all_overrides, stages=named.make(recipe).stages)
    space = named.make(recipe)  # around what the options leave
    settle(recipe, space, options)  # so that what cannot be tried is refused before data is generated
    if options.data is None:
        uri = store_uri(options.tracking_uri, options.folder)
        root: Path | Url = own_data(recipe, num_actors=None, tracking_uri=uri, progress=progress)
    else:
        root = absolute(options.data)
    cache = None if options.cache is None else options.cache.expanduser().absolute()
    if cache is not None:
        items = [item for name in space.stages for item in recipe.stage(name).items]
        ensure_cache(root, cache, items, threads=os.cpu_count() or 1)
    return tune_recipe(recipe, space, ShardData(root, cache), options, began=began, progress=progress)


def tune_recipe(
    recipe: Recipe,
    space: Space,
    data: Data,
    options: TuneOptions,
    *,
    load_network: LoadNetwork = load_network,
    began: float | None = None,
    progress: bool = True,
) -> TuneResult:
    """``tune`` for a recipe, a space and data that are at hand; of ``options`` neither of them is used."""
    settled = settle(recipe, space, options)
    out = options.folder
    deadline = None if options.max_minutes is None else (began or time.time()) + 60 * options.max_minutes
    with ExitStack() as stack:
        stack.enter_context(hold(out / ".lock", wait_s=2.0))
        given = given_parts(recipe, settled.space, options)
        identity = describe_sweep(recipe, settled, options, fingerprint=data.fingerprint, given=given)
        key = claim_sweep(out, identity, resume=options.resume)
        uri = store_uri(options.tracking_uri, out)
        tracking = SweepTracking(recipe=recipe, settled=settled, data=data, options=options, key=key, uri=uri)
        tracker = tracking.start()
        try:
            parts = train_parts(
                recipe,
                settled.space,
                data,
                options,
                given=given,
                key=key,
                tracker=tracker,
                load=load_network,
                progress=progress,
            )
            job = TrialJob(
                recipe=recipe,
                space=settled.space,
                data=data,
                options=options,
                proposals=settled.proposals,
                key=key,
                parent_run_id=tracker.run_id,
                tracking_uri=uri,
                metric=settled.metric,
                mode=settled.mode,
                parts=parts,
                load_network=load_network,
            )
            check_trials(job)
            _run_open_trials(job, settled, deadline, progress)
            result = _file(job, settled, tracking)
        except BaseException as error:
            with suppress(Exception):  # the error at hand is the one to report
                tracker.end("FAILED" if isinstance(error, Exception) else "KILLED")
            raise
        tracker.end("FINISHED" if result.finished else "KILLED")
        return result


def _run_open_trials(job: TrialJob, settled: Settled, deadline: float | None, progress: bool) -> None:
    records = {record.number: record for record in job.ledger.records()}
    open_ones = [number for number in range(settled.num_trials) if number not in records or records[number].is_open]
    if not open_ones:
        return
    # Schedulers that compare trials by their epochs must be told of those that have ended, too.
    replayed = job.options.scheduler in ("asha", "median")
    numbers = list(range(settled.num_trials)) if replayed else open_ones
    each = job.epochs_of({})
    done = sum(len(records[number].curve) for number in open_ones if number in records)
    printer = SweepPrinter(
        metric=job.metric,
        mode=job.mode,
        num_trials=settled.num_trials,
        epochs_left=each * len(open_ones) - done,
        epochs_each=each,
        shown=progress,
    )
    with printer:
        going_on = (
            f", {settled.num_trials - len(open_ones)} of them ended before" if len(open_ones) < settled.num_trials else ""
        )
        printer.say(
            f"{job.options.method}/{job.recipe.name}, {job.options.space} ({', '.join(settled.space.parameters)}): "
            f"{settled.num_trials} trials of {each} epochs, {job.options.search}, {job.options.scheduler}{going_on}"
        )
        for number in open_ones:
            if number in records and records[number].curve:
                epochs = len(records[number].curve)
                printer.say(f"  trial {number} continues after epoch {epochs}  [{shown_values(entry_of(job, number).values)}]")
        fatal = run_trials(job, numbers, printer, deadline=deadline)
    if fatal:
        raise InputError(fatal)


def _file(job: TrialJob, settled: Settled, tracking: SweepTracking) -> TuneResult:
    """Table, report, winner: on disk and in MLflow."""
    out, records = job.options.folder, job.ledger.records()[: settled.num_trials]
    best = best_of(records, job.mode)
    finished = sum(not record.is_open for record in records) == settled.num_trials
    if best is None and (failed := [one for one in records if one.outcome is not None and one.outcome.error]):
        assert failed[0].outcome is not None
        raise InputError(f"No trial has finished. Trial {failed[0].number}: {failed[0].outcome.error}")
    weights = model = recipe_file = None
    if best is not None:
        weights = job.ledger.stage_folder(best.number) / "weights"
        if finished and job.options.register:
            model = tracking.register(job, best, weights)
        recipe_file = write_best(out / "best.json", job, best, num_trials=len(records), model=model)
    sweep = sweep_of(job, ranked(records, job.mode), best)
    report = write_sweep_report(out, sweep)
    tracking.finish(out, records, best)
    return TuneResult(
        folder=out,
        sweep=sweep,
        best=best,
        recipe_file=recipe_file,
        weights=weights,
        report=report,
        finished=finished,
        run_id=tracking.run_id,
        tracking_uri=job.tracking_uri,
        model=model,
    )
