"""Ray Tune's schedulers as a sweep uses them: time is counted in epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)

from vitruvian.tune.job import TrialJob
from vitruvian.tune.propose import perturbed
from vitruvian.tune.ray_trial import TRIAL, configuration

EPOCH = "epoch"
QUANTILE = 0.25


def new_scheduler(job: TrialJob, *, epochs: int) -> TrialScheduler:
    """The one that the options ask for. ``epochs``: of a whole trial."""
    options = job.options
    judged: dict[str, Any] = {"time_attr": EPOCH, "metric": job.metric, "mode": job.mode}
    if options.scheduler == "asha":
        return AsyncHyperBandScheduler(
            **judged,
            max_t=max(epochs, options.grace_epochs),
            grace_period=options.grace_epochs,
            reduction_factor=options.reduction,
            stop_last_trials=False,  # a trial that comes to its end ends by itself
        )
    if options.scheduler == "median":
        return _Median(**judged, grace_period=options.grace_epochs, min_samples_required=2)
    if options.scheduler == "pbt":
        return _Population(job, epochs=epochs, **judged)
    return FIFOScheduler()


class _Median(MedianStoppingRule):
    """Trials go on, instead of being paused, while there are too few to compare with."""

    def _on_insufficient_samples(self, tune_controller: Any, trial: Any, time: float) -> str:
        return str(TrialScheduler.CONTINUE)


class _Population(PopulationBasedTraining):
    """Explores within the space's own ranges, with draws that follow from the sweep's seed."""

    def __init__(self, job: TrialJob, *, epochs: int, **judged: Any) -> None:
        super().__init__(
            **judged,
            perturbation_interval=job.options.perturb_epochs,
            custom_explore_fn=dict,
            quantile_fraction=QUANTILE,
            log_config=False,
        )
        self._job = job
        self._epochs = epochs

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        if result.get(EPOCH, 0) >= self._epochs:  # nothing is left to be trained with other values
            return str(TrialScheduler.CONTINUE)
        return super().on_trial_result(tune_controller, trial, result)

    def _get_new_config(self, trial: Any, trial_to_clone: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        number, epoch = trial.config[TRIAL]["number"], int(self._trial_state[trial_to_clone].last_train_time)
        values: Mapping[str, Any] = trial_to_clone.config[TRIAL]["values"]
        new = perturbed(self._job.space.parameters, values, seed=self._job.options.seed, number=number, epoch=epoch)
        return configuration(number, new), {}
