"""The proposals of one sweep: which way of choosing values, for which parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitruvian.methods.space import Mode, Parameter
from vitruvian.tune.ledger import Record
from vitruvian.tune.propose import Search, Tried, Values, grid_values, propose_optuna, propose_random


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposals:
    """With ``baseline`` trial 0 is the recipe as it is, without values."""

    parameters: Mapping[str, Parameter]
    search: Search
    seed: int
    mode: Mode
    grid_points: int
    baseline: bool

    def propose(self, number: int, records: Sequence[Record]) -> Values:
        """The values of trial ``number``, after what is known of the others."""
        place = number - self.baseline
        if place < 0:
            return {}
        if self.search == "grid":
            return self._grid()[place]
        if self.search == "optuna":
            tried = [
                Tried(values=one.entry.values, score=one.score) for one in records if one.number != number and _counts(one)
            ]
            return propose_optuna(self.parameters, tried, mode=self.mode, seed=self.seed, number=place)
        return propose_random(self.parameters, seed=self.seed, number=place)

    def known(self, num_trials: int) -> list[dict[str, Any]]:
        """The values of those trials whose values do not depend on the others'."""
        return [] if self.search == "optuna" else [dict(self.propose(number, ())) for number in range(num_trials)]

    def all_of_grid(self) -> int:
        """Trials of a whole grid."""
        return len(self._grid()) + self.baseline

    def _grid(self) -> list[Values]:
        return list(grid_values(self.parameters, points=self.grid_points, seed=self.seed))


def _counts(record: Record) -> bool:
    """Whether it runs, or has a score at the end of a whole training."""
    return record.outcome is None or record.outcome.state == "finished"
