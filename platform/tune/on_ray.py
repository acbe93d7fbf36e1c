"""Running trials on Ray Tune: so many at a time, under a scheduler."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Sequence
from typing import Any

from vitruvian.ray_local import prepare_environment, start_ray
from vitruvian.train.launch import worker_environment
from vitruvian.tune.claim import RAY
from vitruvian.tune.job import TrialJob, entry_of
from vitruvian.tune.progress import SweepPrinter

ENVIRONMENT = {
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # an interrupt is ours to handle
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial that fails has no metric
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}
DRIVER_CPUS = 0.1
"""Of a trial whose Ray Train workers have cores of their own."""


def run_trials(job: TrialJob, numbers: Sequence[int], printer: SweepPrinter, *, deadline: float | None) -> str:
    """Run these trials until they end, or until ``deadline`` (``time.time()``). Returns why none can succeed, or nothing."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    prepare_environment()
    with start_ray(env_vars=worker_environment(job.options.cpus_per_trial)):
        return _run(job, numbers, printer, deadline)


def _run(job: TrialJob, numbers: Sequence[int], printer: SweepPrinter, deadline: float | None) -> str:
    from ray import tune

    from vitruvian.tune.ray_trial import TRIAL, TrialActor, configuration
    from vitruvian.tune.schedulers import new_scheduler
    from vitruvian.tune.watch import Watch

    options = job.options
    watch = Watch(job, printer)
    population = options.scheduler == "pbt"
    settings = [configuration(number, entry_of(job, number).values if population else None)[TRIAL] for number in numbers]
    storage = options.folder / RAY
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(TrialActor, job=job), resources(job)),
        param_space={TRIAL: tune.grid_search(settings)},
        tune_config=tune.TuneConfig(
            scheduler=new_scheduler(job, epochs=job.epochs_of({})),
            max_concurrent_trials=concurrent_trials(job),
            reuse_actors=options.num_workers == 0,
        ),
        run_config=tune.RunConfig(
            name=uuid.uuid4().hex[:12],
            storage_path=str(storage),
            stop=watch.stopper(deadline),
            callbacks=[watch],
            failure_config=tune.FailureConfig(max_failures=options.max_restarts),
            checkpoint_config=tune.CheckpointConfig(num_to_keep=None),  # population-based training may still want any
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    finally:
        shutil.rmtree(storage, ignore_errors=True)  # only Ray's own marks; ours are in the trials' folders
    return watch.fatal


def resources(job: TrialJob) -> Any:
    """What Ray reserves for a trial."""
    options = job.options
    if options.num_workers:
        return {"cpu": DRIVER_CPUS}
    return {"cpu": options.cpus_per_trial} | ({"gpu": options.gpus_per_trial} if options.gpus_per_trial else {})


def concurrent_trials(job: TrialJob) -> int:
    """As many as were asked for; else as many as there are cores and GPUs for."""
    import ray

    options = job.options
    if options.concurrent is not None:
        return options.concurrent
    there = ray.cluster_resources()
    cores = options.cpus_per_trial * max(1, options.num_workers)
    fit = int(there.get("CPU", 1)) // cores
    if options.gpus_per_trial:
        fit = min(fit, int(there.get("GPU", 0) / options.gpus_per_trial))
    return max(1, fit)
