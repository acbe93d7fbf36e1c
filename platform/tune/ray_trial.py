"""A trial as Ray Tune sees it: a thin actor around ``run_trial``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray import tune

from vitruvian.tune.job import TrialJob, run_trial, save_place, take_over
from vitruvian.tune.stepped import SteppedTrial

TRIAL = "trial"
"""The one key of a trial's configuration in Ray: {"number"}, and "values" with population-based training."""


def configuration(number: int, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What Ray is told of a trial."""
    return {TRIAL: {"number": number} | ({} if values is None else {"values": dict(values)})}


class TrialActor(tune.Trainable):
    """One epoch a step. Its checkpoints are for population-based training; what it resumes from is in the trial's folder."""

    _job: TrialJob
    _number: int
    _stepped: SteppedTrial
    _last: dict[str, Any]

    def setup(self, config: dict[str, Any], job: TrialJob | None = None) -> None:
        assert job is not None
        self._job = job
        self._begin(config)

    def _begin(self, config: dict[str, Any]) -> None:
        job, number = self._job, int(config[TRIAL]["number"])
        self._number = number
        self._values = config[TRIAL].get("values")
        self._last = {}
        self._stepped = SteppedTrial(lambda report: run_trial(job, number, report))

    def step(self) -> dict[str, Any]:
        said = self._stepped.next()
        if said is None:
            return {**self._last, "done": True}
        self._last = said
        return dict(said)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        save_place(self._job, self._number, Path(checkpoint_dir))

    def load_checkpoint(self, checkpoint: dict[str, Any] | str | None) -> None:
        if isinstance(checkpoint, str) and self._values is not None:
            take_over(self._job, self._number, Path(checkpoint), self._values)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        if not self._stepped.stop():
            return False
        self._begin(new_config)
        return True

    def cleanup(self) -> None:
        self._stepped.stop()
