"""Which people a page shows, and which of them are the best, the middle and the worst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vitruvian.evaluate.results import EvaluationReport, SampleResult

Picture = Sequence[SampleResult]
"""The results of every model on one picture."""


class Shown(NamedTuple):
    """One picture of the page."""

    samples: Picture
    rank: int
    """1 is the best of all pictures of the evaluation."""
    word: str
    """``best``, ``median``, ``worst`` or nothing."""


def pictures_of(evaluation: EvaluationReport) -> list[list[SampleResult]]:
    """The results by picture, in the order of the evaluation."""
    by_picture: dict[tuple[str, int], list[SampleResult]] = {}
    for sample in evaluation.samples:
        by_picture.setdefault(sample.key, []).append(sample)
    return list(by_picture.values())


def mean_iou(samples: Picture) -> float:
    """Of all models; a failure counts as 0."""
    return sum(sample.metrics.get("iou", 0.0) for sample in samples) / len(samples)


def chosen(evaluation: EvaluationReport, max_people: int) -> list[Shown]:
    """All pictures in their order when they are few enough, else so many, evenly by rank from the best to the worst."""
    pictures = pictures_of(evaluation)
    if not pictures or max_people == 0:
        return []
    order = sorted(range(len(pictures)), key=lambda k: (-mean_iou(pictures[k]), k))
    rank = {picture: place + 1 for place, picture in enumerate(order)}
    words = {order[0]: "best"}
    if len(order) > 1:
        words[order[-1]] = "worst"
    if len(order) > 2:
        words[order[(len(order) - 1) // 2]] = "median"
    if len(order) > max_people:
        steps = max(1, max_people - 1)
        order = [order[round(k * (len(order) - 1) / steps)] for k in range(max_people)]
    else:
        order = sorted(order)
    return [Shown(samples=pictures[k], rank=rank[k], word=words.get(k, "")) for k in order]
