"""What a user sees of a sweep: lines for each trial that ends, between them a bar, or without a terminal a line at times."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from vitruvian.methods.space import Mode
from vitruvian.train.progress import LINE_EVERY_S, duration
from vitruvian.tune.ledger import Record
from vitruvian.tune.ranking import best_of


def shown_value(value: Any) -> str:
    """A parameter's value in few letters."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return " ".join(map(shown_value, value)) or "none"
    return str(value)


def shown_values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {shown_value(value)}" for name, value in values.items()) or "the recipe as it is"


class SweepPrinter:
    """Told of epochs and ends of trials. Use as a context; ``shown`` False keeps silent."""

    def __init__(
        self,
        *,
        metric: str,
        mode: Mode,
        num_trials: int,
        epochs_left: int,
        epochs_each: int,
        shown: bool = True,
        console: Console | None = None,
    ) -> None:
        self._metric, self._mode, self._num_trials = metric, mode, num_trials
        self._total, self._epochs_each = epochs_left, epochs_each
        self._console = console or Console(quiet=not shown, highlight=False)
        self._bar: Progress | None = None
        self._line_at = time.monotonic()
        self._began: float | None = None
        """When the first epoch was reported; starting processes says nothing of the pace."""
        self._epochs = 0
        self._running: dict[int, str] = {}

    def __enter__(self) -> SweepPrinter:
        if self._console.is_terminal and not self._console.quiet:
            columns = (TextColumn("  {task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[rest]}"))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("starting trials", total=self._total, rest="")
            self._bar.start()
        return self

    def __exit__(self, *unused: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False)

    def epoch(self, number: int, epoch: int, value: float, *, trained: bool) -> None:
        """A trial has come to the end of an epoch; ``trained`` False if it was there before this start."""
        if trained and self._began is None:
            self._began = time.monotonic()
            self._total -= 1
        elif trained:
            self._epochs += 1
        self._running[number] = f"trial {number} epoch {epoch} {self._metric} {value:.4g}"
        self._show()

    def ended(self, record: Record, records: list[Record]) -> None:
        """A trial has ended: a line with its score, its values, the best so far, and how long the rest may take."""
        self._running.pop(record.number, None)
        outcome = record.outcome
        assert outcome is not None
        if outcome.state == "failed":
            said = f"failed: {outcome.error.splitlines()[-1] if outcome.error else 'see its folder'}"
        else:
            score = "none" if outcome.score is None else f"{outcome.score:.4g}"
            said = f"{self._metric} {score}" + (f", stopped after epoch {outcome.epochs}" if outcome.state == "stopped" else "")
            said += f"  {duration(outcome.seconds)}"
        num_ended = sum(not one.is_open for one in records)
        best = best_of(records, self._mode)
        lead = f"best {best.score:.4g} (trial {best.number})" if best is not None else "none is finished yet"
        self._total -= max(0, self._epochs_each - outcome.epochs)
        self.say(f"  trial {record.number}: {said}  [{shown_values(record.entry.values)}]")
        self.say(f"    {num_ended} of {self._num_trials} ended  {lead}  {self._pace()}")
        self._line_at = time.monotonic()

    def _pace(self) -> str:
        if self._began is None or not self._epochs:
            return ""
        elapsed, left = time.monotonic() - self._began, max(0, self._total - self._epochs)
        rest = f", about {duration(left * elapsed / self._epochs)} left" if left else ""
        return f"{self._epochs * 60 / max(elapsed, 1e-9):.1f} epochs a minute{rest}"

    def _show(self) -> None:
        running = ", ".join(text for _, text in sorted(self._running.items()))
        if self._bar is not None:
            self._bar.update(self._task, description=running, total=self._total, completed=self._epochs, rest=self._pace())
        elif time.monotonic() - self._line_at > LINE_EVERY_S:
            self.say(f"  {running}  {self._pace()}")
            self._line_at = time.monotonic()
