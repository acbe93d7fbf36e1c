"""The driver's watch over the trials: what Ray Tune tells of them goes to the terminal, and their ends into the ledger."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ray import tune

from vitruvian.tune.job import TrialJob
from vitruvian.tune.progress import SweepPrinter
from vitruvian.tune.ray_trial import TRIAL


class Watch(tune.Callback):
    """A callback of Ray Tune."""

    def __init__(self, job: TrialJob, printer: SweepPrinter) -> None:
        self._job, self._printer = job, printer
        records = job.ledger.records()
        self._before = {record.number: len(record.curve) for record in records}
        self._ended_before = {record.number for record in records if not record.is_open}
        self._seen: set[tuple[int, int]] = set()
        self.fatal = ""
        """Why no trial of this sweep can succeed; empty while nothing says so."""
        self.ending = False
        """Whether all trials are being stopped, whatever they are at."""

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any) -> None:
        number, epoch = trial.config[TRIAL]["number"], result.get("epoch")
        if epoch is None or (number, epoch) in self._seen:
            return
        self._seen.add((number, epoch))
        trained = epoch > self._before.get(number, 0)
        self._printer.epoch(number, epoch, float(result[self._job.metric]), trained=trained)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        number, ledger = trial.config[TRIAL]["number"], self._job.ledger
        if self.ending:  # it was not its scheduler who stopped it
            return
        outcome = ledger.outcome(number)
        if outcome is None:
            outcome = ledger.ended(number, "stopped")
            ledger.write_outcome(number, outcome)
        if outcome.fatal:
            self.fatal = outcome.error
        self._tell(number)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        number, ledger = trial.config[TRIAL]["number"], self._job.ledger
        text = Path(trial.error_file).read_text() if trial.error_file else "it died too often"
        ledger.write_outcome(number, ledger.ended(number, "failed", error=text.strip(), retry=True))
        self._tell(number)

    def _tell(self, number: int) -> None:
        if number in self._ended_before:  # only the scheduler had to hear of it again
            return
        records = self._job.ledger.records()
        self._printer.ended(next(record for record in records if record.number == number), records)

    def stopper(self, deadline: float | None) -> tune.Stopper:
        """Ends the sweep when no trial can succeed, or at ``deadline`` (``time.time()``)."""
        return _Ender(self, deadline)

    def __getstate__(self) -> dict[str, Any]:
        """Ray Tune keeps copies of callbacks to restore its driver from, which is not how a sweep is continued."""
        return {}


class _Ender(tune.Stopper):
    def __init__(self, watch: Watch, deadline: float | None) -> None:
        self._watch, self._deadline = watch, deadline

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        if self._watch.fatal or (self._deadline is not None and time.time() > self._deadline):
            self._watch.ending = True
        return self._watch.ending
