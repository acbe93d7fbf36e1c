"""What is known of a sweep's trials, on disk: a folder a trial, with its values, what training leaves, and how it ended.

trials/0007/trial.json      its values
trials/0007/outcome.json    when it has ended: finished, stopped early or failed, and with what score
trials/0007/STAGE/          what training leaves
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from vitruvian.errors import InputError
from vitruvian.train.history import HISTORY, read_history
from vitruvian.train.receipt import write_json

TRIALS, TRIAL, OUTCOME = "trials", "trial.json", "outcome.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A trial's values."""

    number: int
    values: Mapping[str, Any]
    """By parameter; empty for the recipe as it is."""
    settings: Mapping[str, Any]
    """Option path -> value."""
    lineage: tuple[Mapping[str, Any], ...] = ()
    """Population-based training: each time it took over another trial's weights, {"epoch", "from", "values" before}."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a trial ended."""

    state: Literal["finished", "stopped", "failed"]
    score: float | None
    """The metric after its last epoch."""
    epochs: int
    seconds: float
    """Of training, over all attempts."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    retry: bool = False
    """A failure that may not happen again: the same command tries anew."""
    fatal: bool = False
    """No trial of this sweep can do better."""
    run_id: str | None = None
    """In MLflow, of the judged stage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """All about a trial."""

    entry: Entry
    outcome: Outcome | None
    """None: not ended yet."""
    curve: tuple[tuple[int, float], ...]
    """(epochs done, metric)."""

    @property
    def number(self) -> int:
        return self.entry.number

    @property
    def score(self) -> float | None:
        """None if it has not ended, or ended without one."""
        return None if self.outcome is None else self.outcome.score

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do."""
        return self.outcome is None or self.outcome.retry


@dataclass(frozen=True, slots=True)
class Ledger:
    """The trials below ``root``. ``stage`` and ``metric``: what they are judged by."""

    root: Path
    stage: str
    metric: str

    def folder(self, number: int) -> Path:
        return self.root / TRIALS / f"{number:04d}"

    def stage_folder(self, number: int) -> Path:
        return self.folder(number) / self.stage

    def entry(self, number: int) -> Entry | None:
        """None if nothing was proposed for it yet."""
        content = _read(self.folder(number) / TRIAL)
        return None if content is None else Entry(**{**content, "lineage": tuple(content["lineage"])})

    def write_entry(self, entry: Entry) -> None:
        write_json(self.folder(entry.number) / TRIAL, asdict(entry))

    def outcome(self, number: int) -> Outcome | None:
        content = _read(self.folder(number) / OUTCOME)
        return None if content is None else Outcome(**content)

    def write_outcome(self, number: int, outcome: Outcome) -> None:
        write_json(self.folder(number) / OUTCOME, asdict(outcome))

    def forget_outcome(self, number: int) -> None:
        (self.folder(number) / OUTCOME).unlink(missing_ok=True)

    def events(self, number: int) -> list[dict[str, Any]]:
        """The ends of its epochs, as in its history."""
        return [event for event in read_history(self.stage_folder(number) / HISTORY) if event["event"] == "epoch"]

    def curve(self, number: int) -> tuple[tuple[int, float], ...]:
        """(epochs done, metric) of the epochs so far that have it."""
        points = ((event["epoch"] + 1, event["metrics"].get(self.metric)) for event in self.events(number))
        return tuple((epoch, float(value)) for epoch, value in points if value is not None and math.isfinite(value))

    def ended(self, number: int, state: Literal["stopped", "failed"], **more: Any) -> Outcome:
        """The outcome of a trial that did not come to its end, from its history."""
        events, curve = self.events(number), self.curve(number)
        return Outcome(
            state=state,
            score=curve[-1][1] if curve and state == "stopped" else None,
            epochs=len(events),
            seconds=events[-1]["seconds"] if events else 0.0,
            metrics=events[-1]["metrics"] if events else {},
            **more,
        )

    def records(self) -> list[Record]:
        """All trials that have values, by number."""
        found = []
        for folder in sorted((self.root / TRIALS).glob("[0-9]*")):
            number = int(folder.name)
            entry = self.entry(number)
            if entry is not None:
                found.append(Record(entry=entry, outcome=self.outcome(number), curve=self.curve(number)))
        return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}). Delete {path.parent}; the same command does it anew.") from None
