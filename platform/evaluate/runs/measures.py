"""Held-out metrics of runs: which there are, which way is better, the last and the best value."""

from __future__ import annotations

from collections.abc import Sequence

from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.runs.record import EVALUATED, HELD_OUT, RunRecord, StageRecord

HIGHER = ("iou", "precision", "recall", "accuracy", "fscore", "psnr", "ssim", "cosine")
LOWER = ("loss", "mse", "error", "mae", "l1", "l2", "chamfer", "p2s", "distance", "deg", "mpjpe", "pve", "bce", "cross_entropy")


def direction(name: str) -> str:
    """``higher``, ``lower``, or nothing where a name does not tell."""
    last = name.rpartition("/")[2]
    if last in METRICS:
        return METRICS[last].better
    words = last.lower().split("_")
    if any(word in HIGHER for word in words):
        return "higher"
    return "lower" if any(word in LOWER for word in words) else ""


def held_out_names(stages: Sequence[StageRecord | None], chosen: Sequence[str] = ()) -> list[str]:
    """Metrics of the curves, without their prefix, in the order in which they first come; only ``chosen`` if any are."""
    names = dict.fromkeys(
        name.removeprefix(HELD_OUT) for stage in stages if stage for name in sorted(stage.curves) if name.startswith(HELD_OUT)
    )
    return [name for name in names if not chosen or name in chosen]


def evaluated_names(runs: Sequence[RunRecord], chosen: Sequence[str] = ()) -> list[str]:
    """Averages of evaluations: logged into a training's run, or those of a run of ``vitruvian evaluate``."""
    names: dict[str, None] = {}
    for run in runs:
        names |= dict.fromkeys(evaluated(run))
    known = [name for name in METRICS if name in names] + sorted(name for name in names if name not in METRICS)
    return [name for name in known if not chosen or name in chosen]


def evaluated(run: RunRecord) -> dict[str, float]:
    """Averages of a run's evaluation by their names."""
    if run.kind == "evaluate":
        return {name: value for name, value in run.whole.metrics.items() if not name.startswith(("usage/", "difference/"))}
    found: dict[str, float] = {}
    for stage in (run.whole, *run.stages):
        found |= {name.removeprefix(EVALUATED): value for name, value in stage.metrics.items() if name.startswith(EVALUATED)}
    return found


def last(stage: StageRecord | None, name: str) -> float | None:
    """After the last epoch."""
    points = () if stage is None else stage.curves.get(f"{HELD_OUT}{name}", ())
    return points[-1][1] if points else None


def best(stage: StageRecord | None, name: str) -> tuple[int, float] | None:
    """The (step, value) that was best, where the name tells which way that is."""
    points = () if stage is None else stage.curves.get(f"{HELD_OUT}{name}", ())
    way = direction(name)
    if not points or not way:
        return None
    return (max if way == "higher" else min)(points, key=lambda point: point[1])


def winners(values: Sequence[float | None], way: str) -> set[int]:
    """The places of the best of several values; none if it cannot be told or they are all alike."""
    known = [value for value in values if value is not None]
    if not way or len(set(known)) < 2:
        return set()
    top = max(known) if way == "higher" else min(known)
    return {place for place, value in enumerate(values) if value == top}
