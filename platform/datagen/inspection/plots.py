"""The statistics of a data set as one picture of small plots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.datagen.inspection.statistics import DatasetStatistics, Series

COLUMNS = 3
MAX_BARS = 14
_BLUE, _ORANGE = "#3a6ea5", "#d9822b"


def write_plots(statistics: DatasetStatistics, path: Path) -> None:
    """Write the picture (PNG, SVG or PDF by its name): a panel for all that the data set holds something about."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # no display, and no global state of pyplot
    from matplotlib.figure import Figure

    panels = _panels(statistics)
    rows = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(5.0 * COLUMNS, 3.0 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(
        f"{statistics.summary.root.name}: {statistics.summary.num_subjects} subjects, {statistics.summary.num_views} views "
        f"({statistics.num_views_looked_at} views of {statistics.num_subjects_looked_at} subjects looked at)"
    )
    for number, draw in enumerate(panels):
        draw(figure.add_subplot(rows, COLUMNS, number + 1))
    figure.savefig(path, dpi=100)


def _panels(statistics: DatasetStatistics) -> list[Callable[[Any], None]]:
    s = statistics
    panels: list[Callable[[Any], None]] = [
        _bars("subjects and views in each split", {**{f"{k}: subjects": v for k, v in s.summary.subjects_by_split.items()},
                                                   **{f"{k}: views": v for k, v in s.summary.views_by_split.items()}}),
        _bars("MB of each item", {name: count / 1e6 for name, count in s.summary.item_bytes.items()}),
    ]  # fmt: skip
    for title, unit, series, bounds in (
        ("yaw of the views", "degrees", (s.yaw_deg,), (0.0, 360.0)),
        ("height of the people", "m", (s.height_m,), None),
        ("mask", "share of the picture", (s.mask_share,), None),
        ("depth: nearest (blue) and farthest (orange)", "m", (s.depth_near_m, s.depth_far_m), None),
        ("query points inside", "share", (s.inside_share,), None),
        ("solid cells", "share", (s.solid_share,), None),
        ("joints seen", "share of a view's", (s.visible_joints,), (0.0, 1.0)),
    ):
        if len(series[0]):
            panels.append(_histogram(title, unit, series, bounds))
    panels += [_bars(name, dict(counts.most_common(MAX_BARS))) for name, counts in s.attributes.items()]
    return panels


def _histogram(title: str, unit: str, series: tuple[Series, ...], bounds: tuple[float, float] | None) -> Callable[[Any], None]:
    def draw(axes: Any) -> None:
        low, high = bounds or (float(min(map(np.min, series))), float(max(map(np.max, series))))
        edges = np.linspace(low, high if high > low else low + 1e-6, 25)
        for values, color in zip(series, (_BLUE, _ORANGE), strict=False):
            axes.hist(values, bins=edges, color=color, alpha=0.8)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(unit, fontsize=9)
        axes.locator_params(axis="x", nbins=5)
        axes.yaxis.get_major_locator().set_params(integer=True)

    return draw


def _bars(title: str, counts: dict[str, Any]) -> Callable[[Any], None]:
    def draw(axes: Any) -> None:
        names = sorted(counts, key=lambda name: counts[name])[-MAX_BARS:]
        axes.barh(names, [counts[name] for name in names], color=_BLUE)
        axes.tick_params(axis="y", labelsize=8)
        axes.xaxis.get_major_locator().set_params(integer=all(isinstance(count, int) for count in counts.values()))
        axes.set_title(title, fontsize=10)

    return draw
