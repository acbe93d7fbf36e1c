"""What a metric can be drawn over: epochs, steps, time and money, for each step of a run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vitruvian.evaluate.runs.cost import Prices
from vitruvian.evaluate.runs.record import RATE, Points, StageRecord

Place = Callable[[int], float | None]
"""From a step to where it is on the axis; None if that is not known."""
DROP = 1.5
"""A rate that falls by such a factor from one step to the next was dropped, and did not glide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One of the horizontal axes of a comparison."""

    name: str
    """``epochs``, ``steps``, ``time`` or ``cost``."""
    label: str
    unit: float = 1.0
    """Seconds in a unit of ``time``."""


def axes_of(stages: Sequence[StageRecord], prices: Prices) -> list[Axis]:
    """Those for which all these runs have values, the first the one to begin with."""
    longest = max((max(stage.seconds_at().values(), default=0.0) for stage in stages), default=0.0)
    unit, word = next(
        (u, w) for u, w in ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds")) if longest >= 2 * u or u == 1.0
    )
    found = []
    if all(stage.steps_per_epoch for stage in stages):
        found.append(Axis(name="epochs", label="epochs"))
    found.append(Axis(name="steps", label="steps"))
    if all(stage.seconds_at() for stage in stages):
        found.append(Axis(name="time", label=f"{word} of training", unit=unit))
        if all(prices.per_second(stage) is not None for stage in stages):
            found.append(Axis(name="cost", label=f"cost ({prices.currency})"))
    return found


def place_on(axis: Axis, stage: StageRecord, prices: Prices) -> Place:
    """Where the end of each step of ``stage`` is on the axis."""
    if axis.name == "steps":
        return lambda step: float(step + 1)
    if axis.name == "epochs":
        per_epoch = stage.steps_per_epoch
        return lambda step: None if not per_epoch else (step + 1) / per_epoch
    seconds = stage.seconds_at()
    steps = sorted(seconds)
    factor = 1 / axis.unit if axis.name == "time" else prices.per_second(stage)

    def place(step: int) -> float | None:
        before = bisect_right(steps, step)
        return None if not before or factor is None else seconds[steps[before - 1]] * factor

    return place


def placed(points: Points, place: Place) -> list[tuple[float, float]]:
    """A curve over an axis."""
    return [(x, value) for step, value in points if (x := place(step)) is not None]


def drops_of(stage: StageRecord) -> list[int]:
    """The first steps at a rate that was dropped: it was level before, and is much lower now."""
    rates = stage.curves.get(RATE, ())
    level = [True, *(abs(after - before) < 0.01 * before for (_, before), (_, after) in pairwise(rates))]
    steps = zip(pairwise(rates), level, strict=False)
    return [step for ((_, before), (step, rate)), was_level in steps if was_level and rate * DROP < before]
