"""Which of two models is better, as far as so few people can tell: paired differences by person and what they may be by chance.

People, not pictures, are the independent draws, so a person's pictures are averaged first. The interval is the percentile
bootstrap over people, widened for small samples (Hesterberg, *What teachers should know about the bootstrap*, 2015): its
percentiles are those at which the normal distribution has t's quantiles times sqrt(n / (n - 1)). Each interval stands for
itself; of many comparisons some exclude zero by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.results import ModelResult

CONFIDENCE = 0.95
NUM_DRAWS = 10_000
FEWEST = 6
"""With fewer people nothing is called better: five that all agree do so by chance in one of sixteen tries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedDifference:
    """Of one measure between two models, ``second - first``, over the people for whom both have it."""

    metric: str
    first: str
    second: str
    subjects: tuple[str, ...]
    differences: tuple[float, ...]
    """One a subject, in their order."""
    mean: float
    low: float | None
    """Ends of the confidence interval of the mean; None with a single person."""
    high: float | None
    left_out: int
    """People for whom one of the two has no value (a failure of a measure without a worst value)."""

    @property
    def better(self) -> str | None:
        """The model that is better, or None when these people cannot tell."""
        if self.low is None or self.high is None or len(self.subjects) < FEWEST or self.low <= 0 <= self.high:
            return None
        second_is_higher = self.mean > 0
        return self.second if second_is_higher == (METRICS[self.metric].better == "higher") else self.first


def compare_models(models: Sequence[ModelResult], *, seed: int = 0) -> tuple[PairedDifference, ...]:
    """Every measure between every two models, pairs outermost."""
    return tuple(
        difference
        for first, second in combinations(models, 2)
        for name in METRICS
        if (difference := paired_difference(first, second, name, seed=seed)) is not None
    )


def paired_difference(first: ModelResult, second: ModelResult, metric: str, *, seed: int = 0) -> PairedDifference | None:
    """None when no person has the measure from both."""
    everybody = list(dict.fromkeys([*first.subjects, *second.subjects]))
    both = [
        subject
        for subject in everybody
        if metric in first.subjects.get(subject, {}) and metric in second.subjects.get(subject, {})
    ]
    if not both:
        return None
    values = np.array([second.subjects[subject][metric] - first.subjects[subject][metric] for subject in both])
    low, high = bootstrap_interval(values, seed=seed)
    return PairedDifference(
        metric=metric,
        first=first.name,
        second=second.name,
        subjects=tuple(both),
        differences=tuple(values.tolist()),
        mean=float(values.mean()),
        low=low,
        high=high,
        left_out=len(everybody) - len(both),
    )


def bootstrap_interval(
    values: NDArray[np.float64], *, confidence: float = CONFIDENCE, draws: int = NUM_DRAWS, seed: int = 0
) -> tuple[float | None, float | None]:
    """The widened percentile interval of the mean of (n,) values; (None, None) for a single one."""
    count = len(values)
    if count < 2:
        return None, None
    rng = np.random.default_rng((seed, count))
    means = values[rng.integers(0, count, (draws, count))].mean(axis=1)
    tail = float(norm.cdf(t.ppf((1 - confidence) / 2, count - 1) * np.sqrt(count / (count - 1))))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def verdict(difference: PairedDifference) -> str:
    """One plain sentence."""
    metric = METRICS[difference.metric]
    unit = "" if not metric.unit else metric.unit if metric.unit == "°" else f" {metric.unit}"
    people = f"{len(difference.subjects)} people" if len(difference.subjects) != 1 else "one person"
    size = f"{abs(difference.mean):.{metric.digits}f}{unit}"
    if difference.low is None or difference.high is None or len(difference.subjects) < FEWEST:
        return f"{metric.title}: {people} are too few to tell (the mean difference is {size})."
    interval = (
        f"95 % interval of the difference {difference.low:.{metric.digits}f} to {difference.high:.{metric.digits}f}{unit}"
    )
    if difference.better is None:
        return f"{metric.title}: these {people} cannot tell ({interval})."
    return f"{metric.title}: {difference.better} is better, by {size} ({interval}; {people})."
