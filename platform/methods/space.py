"""What a search space is made of: parameters, each a set of values for options of a recipe.

A space is a function from a recipe to a ``Space``, beside the method (``pifu/spaces.py``). Values are given to options by their
paths, as ``vitruvian train --set`` takes them. Nothing here needs torch or Ray.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Value = float | int | str | bool | None | tuple[Any, ...]
Mode = Literal["max", "min"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``, both included, for one option."""

    path: str
    low: float
    high: float
    log: bool = False
    """Drawn evenly in its logarithm."""
    whole: bool = False
    """Integers only."""
    mutable: bool = False
    """Whether the option may change while a network is trained: population-based training does so."""

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                f"Range {self.path}: from {self.low} to {self.high}; the first must be smaller, and positive with log=True."
            )

    def draw(self, rng: np.random.Generator) -> Value:
        """A value at random."""
        return self.at(float(rng.random()))

    def at(self, share: float) -> Value:
        """The value at ``share`` (0 to 1) of the way from ``low`` to ``high``."""
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        return self.nearest(value)

    def nearest(self, value: float) -> Value:
        """The allowed value closest to ``value``; of real numbers five digits are enough."""
        value = min(max(value, self.low), self.high)
        if self.whole:
            return min(max(round(value), math.ceil(self.low)), math.floor(self.high))
        return float(f"{value:.5g}")

    def grid(self, num_points: int) -> list[Value]:
        """Up to ``num_points`` values evenly from ``low`` to ``high``."""
        shares = [0.5] if num_points == 1 else [k / (num_points - 1) for k in range(num_points)]
        return list(dict.fromkeys(self.at(share) for share in shares))

    def near(self, value: Any, rng: np.random.Generator) -> Value:
        """A fifth less or a fourth more than ``value``, kept within the range."""
        changed = float(value) * (0.8 if rng.random() < 0.5 else 1.25)
        return self.nearest(changed)

    def settings(self, value: Any) -> dict[str, Any]:
        """Option path -> value."""
        return {self.path: value}

    def probes(self) -> list[Value]:
        """Values that show whether the recipe takes what this parameter gives."""
        return [self.at(0.0), self.at(1.0)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One of a few values for one option."""

    path: str
    values: tuple[Any, ...]
    mutable: bool = False

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise ValueError(f"Choice {self.path}: has the values {self.values}; it needs two at least.")

    def draw(self, rng: np.random.Generator) -> Value:
        """A value at random."""
        return self.values[int(rng.integers(len(self.values)))]

    def grid(self, num_points: int) -> list[Value]:
        """All values, whatever ``num_points``."""
        return list(self.values)

    def near(self, value: Any, rng: np.random.Generator) -> Value:
        """The value before or after ``value``, in the order in which they are written."""
        return _neighbour(self.values, value, rng)

    def settings(self, value: Any) -> dict[str, Any]:
        """Option path -> value."""
        return {self.path: value}

    def probes(self) -> list[Value]:
        """All values."""
        return list(self.values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """One of a few named sets of options that belong together, such as a schedule and what it needs."""

    cases: Mapping[str, Mapping[str, Any]]
    """Name -> option path -> value."""
    mutable: bool = False

    def __post_init__(self) -> None:
        if len(self.cases) < 2:
            raise ValueError(f"Bundle: has the cases {list(self.cases)}; it needs two at least.")

    def draw(self, rng: np.random.Generator) -> Value:
        """A name at random."""
        return list(self.cases)[int(rng.integers(len(self.cases)))]

    def grid(self, num_points: int) -> list[Value]:
        """All names, whatever ``num_points``."""
        return list(self.cases)

    def near(self, value: Any, rng: np.random.Generator) -> Value:
        """The name before or after ``value``, in the order in which they are written."""
        return _neighbour(list(self.cases), value, rng)

    def settings(self, value: Any) -> dict[str, Any]:
        """Option path -> value."""
        return dict(self.cases[value])

    def probes(self) -> list[Value]:
        """All names."""
        return list(self.cases)


Parameter = Range | Choice | Bundle


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """What a sweep varies, which stages each trial trains, and what it is judged by."""

    parameters: Mapping[str, Parameter]
    """By a short name that stands in tables and plots."""
    stages: tuple[str, ...]
    """Those that every trial trains; the last one is judged. Parts that they need are trained once, before the trials."""
    metric: str
    """The held-out metric of the judged stage after its last epoch."""
    mode: Mode = "max"

    def __post_init__(self) -> None:
        if not self.parameters or not self.stages:
            raise ValueError("Space: needs at least one parameter and one stage.")

    def settings(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Parameter name -> value as option path -> value."""
        merged: dict[str, Any] = {}
        for name, value in values.items():
            merged |= self.parameters[name].settings(value)
        return merged


def overrides(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Option path -> value as ``PATH=VALUE``, in the form that ``train --set`` takes."""
    import json

    return tuple(f"{path}={json.dumps(value)}" for path, value in settings.items())


def _neighbour(values: Sequence[Any], value: Any, rng: np.random.Generator) -> Any:
    place = list(values).index(value)
    step = 1 if rng.random() < 0.5 else -1
    return values[min(max(place + step, 0), len(values) - 1)]
