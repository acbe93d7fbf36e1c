"""What the report needs to know of a sweep, without its data, networks or Ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vitruvian.methods.space import Mode, Parameter
from vitruvian.tune.ledger import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """A sweep to be shown. ``records``: the best first."""

    method: str
    recipe: str
    space: str
    parameters: Mapping[str, Parameter]
    stage: str
    metric: str
    mode: Mode
    records: tuple[Record, ...]
    best: Record | None
    facts: Mapping[str, str]
    """Label -> text: data, code, how values were chosen."""
