"""What a report shows beyond the evaluation itself: how training went, how it was made, how long it took."""

from __future__ import annotations

from dataclasses import dataclass

from vitruvian.evaluate.comparison import PairedDifference
from vitruvian.evaluate.results import EvaluationReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """One line of a plot."""

    name: str
    """As in a legend: ``training loss``, ``held-out IoU``."""
    points: tuple[tuple[float, float], ...]
    """(x, y) in the order of x."""

    def __post_init__(self) -> None:
        if any(len(point) != 2 for point in self.points):
            raise ValueError(f"Curve {self.name!r}: every point must be a pair (x, y).")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """Curves over one pair of axes."""

    title: str
    curves: tuple[Curve, ...]
    x_label: str = "step"
    y_label: str = ""
    log_y: bool = False
    """A logarithmic y axis; values at or below 0 are then left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One line of the list of facts: ``Recipe`` - ``pifu tiny``. Facts with the same group stand together."""

    label: str
    value: str
    group: str = "Training"


@dataclass(frozen=True, kw_only=True, slots=True)
class Duration:
    """How long one step took."""

    step: str
    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds >= 0:
            raise ValueError(f"Duration of {self.step!r} is {self.seconds} s; it must not be negative.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportData:
    """All that ``write_report`` puts on the page."""

    evaluation: EvaluationReport
    title: str = "People from single pictures"
    summary: str = ""
    """One paragraph; empty: written from the figures."""
    plots: tuple[Plot, ...] = ()
    """Loss and validation curves."""
    facts: tuple[Fact, ...] = ()
    """Recipe, data fingerprint, samples a second, machine..."""
    durations: tuple[Duration, ...] = ()
    comparisons: tuple[PairedDifference, ...] = ()
    """Paired differences between the models, when there are several."""
    max_people: int = 12
    """Cards with interactive meshes: all samples up to so many; of more, evenly from the best to the worst. Tables have all."""
    max_megabytes: float = 12.0
    """The meshes are simplified so that all of them together take about this much of the page."""

    def __post_init__(self) -> None:
        if self.max_people < 0:
            raise ValueError(f"ReportData: max_people is {self.max_people}; it must not be negative.")
        if not self.max_megabytes > 0:
            raise ValueError(f"ReportData: max_megabytes is {self.max_megabytes}; it must be positive.")
