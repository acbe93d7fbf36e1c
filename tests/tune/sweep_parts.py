"""A sweep that takes moments: the stage that learns a wave, a space around it, and a ledger written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from vitruvian.methods.space import Bundle, Choice, Range, Space
from vitruvian.tune.ledger import Entry, Outcome, Record

RATE = Range(path="fit.training.learning_rate", low=1e-4, high=0.1, log=True, mutable=True)
DROPOUT = Choice(path="fit.dropout", values=(0.0, 0.1, 0.3), mutable=True)
WIDTH = Choice(path="fit.width", values=(8, 32))
FALL = Bundle(
    cases={
        "constant": {"fit.training.schedule": "drops", "fit.training.drop_after_epochs": ()},
        "cosine": {"fit.training.schedule": "cosine"},
    },
    mutable=True,
)
SPACE = Space(parameters={"rate": RATE, "dropout": DROPOUT}, stages=("fit",), metric="error", mode="min")
WHOLE = replace(SPACE, parameters={**SPACE.parameters, "fall": FALL, "width": WIDTH})


def record(number: int, score: float | None, state: str = "finished", **values: Any) -> Record:
    """A trial that ended after two epochs."""
    entry = Entry(number=number, values=values, settings=WHOLE.settings(values))
    outcome = Outcome(state=state, score=score, epochs=2, seconds=3.0, metrics={} if score is None else {"error": score})  # type: ignore[arg-type]
    return Record(entry=entry, outcome=outcome, curve=((1, 0.5), (2, score or 0.6)))


def outcomes(folder: Path) -> dict[str, bytes]:
    """The files that say how trials ended, with the time of their writing."""
    return {
        path.parent.name: path.read_bytes() + str(path.stat().st_mtime_ns).encode()
        for path in sorted(folder.glob("trials/*/outcome.json"))
    }
