"""Which trial is best, and the order of all."""

from __future__ import annotations

from collections.abc import Iterable

from vitruvian.methods.space import Mode
from vitruvian.tune.ledger import Record


def best_of(records: Iterable[Record], mode: Mode) -> Record | None:
    """The finished trial with the best score; of equals the first. None if none has finished with one."""
    finished = [one for one in records if one.outcome is not None and one.outcome.state == "finished" and one.score is not None]
    return min(finished, key=lambda one: _place(one, mode), default=None)


def ranked(records: Iterable[Record], mode: Mode) -> list[Record]:
    """Finished trials, the best first; then stopped ones by how far they came and their score; then the rest."""
    return sorted(records, key=lambda one: _place(one, mode))


def _place(record: Record, mode: Mode) -> tuple[float, ...]:
    outcome = record.outcome
    score = 0.0 if record.score is None else record.score
    signed = -score if mode == "max" else score
    if outcome is None or outcome.state == "failed":
        return (3, 0, 0, record.number)
    if record.score is None:
        return (2, 0, 0, record.number)
    if outcome.state == "stopped":
        return (1, -outcome.epochs, signed, record.number)
    return (0, 0, signed, record.number)
