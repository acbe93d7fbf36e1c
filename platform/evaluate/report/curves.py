"""Curves as they are shown: smoothed where steps are noisy."""

from __future__ import annotations

from collections.abc import Sequence

Points = Sequence[tuple[float, float]]


def running_mean(points: Points, *, share: float = 0.03) -> list[tuple[float, float]]:
    """An exponential running mean that forgets over ``share`` of the points, without the pull of its start."""
    keep = 1 - 1 / max(2.0, share * len(points))
    mean, weight, smooth = 0.0, 0.0, []
    for x, y in points:
        mean, weight = keep * mean + (1 - keep) * y, keep * weight + (1 - keep)
        smooth.append((x, mean / weight))
    return smooth
