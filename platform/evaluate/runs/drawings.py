"""The plots of a comparison: curves with their schedule below, bars, and what was reached for what it cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from vitruvian.evaluate.report.drawing import (
    BOTTOM,
    COLORS,
    HEIGHT,
    LEFT,
    MARGIN,
    RIGHT,
    TOP,
    WIDTH,
    Drawing,
    frame,
    log_ticks,
    nice_ticks,
    number_text,
    upright_grid,
    x_of,
    y_of,
)

MAX_POINTS = 300
STRIP, GAP = 64, 14
"""Height of the schedule below a plot, and the room above it."""
BAR = 44
Points = Sequence[tuple[float, float]]


class Line(NamedTuple):
    """One run in a plot."""

    number: int
    """Of its colour."""
    name: str
    points: Points
    rates: Points = ()
    """The learning rate over the same axis."""
    drops: Sequence[float] = ()
    """Where the rate was dropped."""


def schedule_drawing(title: str, lines: Sequence[Line], x_label: str, *, log_y: bool = False, note: str = "") -> Drawing | None:
    """Curves of a metric; below them, over the same axis, the learning rates, and through both the drops. None without
    points."""
    drawn = [line._replace(points=_drawable(line.points, log_y)) for line in lines]
    drawn = [line for line in drawn if line.points]
    if not drawn:
        return None
    xs = [x for line in drawn for x, _ in (*line.points, *line.rates)]
    ys = [math.log10(y) if log_y else y for line in drawn for _, y in line.points]
    x_range = (0.0, max(*xs, 1e-9)) if len(xs) > 1 else (0.0, max(xs[0], 1e-9))
    y_ticks = log_ticks(min(ys), max(ys)) if log_y else nice_ticks(min(ys), max(ys), 5)
    y_range = (min(min(ys), y_ticks[0]), max(max(ys), y_ticks[-1]))
    body = frame(nice_ticks(*x_range, 5), y_ticks, x_range, y_range, x_label, log_y=log_y)
    rates = [line._replace(rates=_drawable(line.rates, True)) for line in drawn]
    has_rates = any(line.rates for line in rates)
    bottom = HEIGHT + GAP + STRIP if has_rates else HEIGHT - BOTTOM
    for line in drawn:
        for place in line.drops:
            x = x_of(place, *x_range)
            words = f"<title>{escape(line.name)}: the learning rate is dropped</title>"
            for top, base in ((TOP, HEIGHT - BOTTOM), (HEIGHT + GAP, bottom)) if has_rates else ((TOP, HEIGHT - BOTTOM),):
                body += f'<line class="drop {_look(line)}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{base}">{words}</line>'
    for line in drawn:
        places = [(x_of(x, *x_range), y_of(math.log10(y) if log_y else y, *y_range), x, y) for x, y in _thinned(line.points)]
        body += _path(line, places, f"{line.points[-1][1]:.4g} at the end")
        if len(places) <= 40:
            body += _marks(line, places, x_label)
    if has_rates:
        body += _strip(rates, x_range)
    label = f"{title}: {', '.join(line.name for line in drawn)} over {x_label}, with their learning rates"
    legend = tuple((line.number, line.name) for line in drawn)
    return Drawing(title=title, body=body, height=bottom + 4 if has_rates else HEIGHT, label=label, legend=legend, note=note)


def bars_drawing(title: str, rows: Sequence[tuple[int, str, float, str]], *, note: str = "") -> Drawing | None:
    """A bar a run from 0 to its value; rows are (number of its colour, name, value, the value in words)."""
    if not rows:
        return None
    ticks = nice_ticks(0.0, max(1e-9, *(value for _, _, value, _ in rows)), 5)
    low, high = ticks[0], ticks[-1]
    height = TOP + BAR * len(rows) + 30
    body = upright_grid(ticks, low, high, TOP, height - 30)
    for place, (number, name, value, words) in enumerate(rows):
        top, end = TOP + BAR * place, x_of(value, low, high, MARGIN)
        text = escape(f"{name}: {words}")
        body += f'<text class="name" x="{MARGIN}" y="{top + 14}">{text}</text>'
        body += f'<rect class="column c{number % COLORS}" x="{MARGIN}" y="{top + 20}" width="{max(end - MARGIN, 1):.1f}" '
        body += f'height="16" rx="3"><title>{text}</title></rect>'
    return Drawing(title=title, body=body, height=height, label=f"{title} of each run", note=note)


def reached_drawing(
    title: str, dots: Sequence[tuple[int, str, float, float]], x_label: str, *, note: str = ""
) -> Drawing | None:
    """A dot a run, (number of its colour, name, x, y), with its name beside it."""
    if not dots:
        return None
    x_ticks = nice_ticks(0.0, max(1e-9, *(x for _, _, x, _ in dots)), 5)
    y_ticks = nice_ticks(min(y for *_, y in dots), max(y for *_, y in dots), 5)
    xs, ys = (0.0, x_ticks[-1]), (y_ticks[0], y_ticks[-1])
    body = frame(x_ticks, y_ticks, xs, ys, x_label, log_y=False)
    for number, name, x, y in dots:
        across, down = x_of(x, *xs), y_of(y, *ys)
        left = across > WIDTH * 0.6
        words = escape(f"{name}: {y:.4g} at {number_text(x, x_ticks)} {x_label}")
        circle = f'<circle class="dot c{number % COLORS}" cx="{across:.1f}" cy="{down:.1f}" r="5">'
        body += f"{circle}<title>{words}</title></circle>"
        body += f'<text class="name" x="{across + (-9 if left else 9):.1f}" y="{down + 4:.1f}" '
        body += f'text-anchor="{"end" if left else "start"}">{escape(_clipped(name))}</text>'
    return Drawing(title=title, body=body, height=HEIGHT, label=f"{title} of each run over {x_label}", note=note)


def _strip(lines: Sequence[Line], x_range: tuple[float, float]) -> str:
    """Learning rates on a logarithmic scale, between the least and the greatest of all."""
    top, base = HEIGHT + GAP, HEIGHT + GAP + STRIP
    values = [math.log10(rate) for line in lines for _, rate in line.rates]
    high = max(values)
    low = max(min(values), high - 4)  # what glides to zero is cut off four decades below the top
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    body = f'<text class="tick" x="{LEFT}" y="{top - 5}">learning rate</text>'
    for value in (low, high):
        y = base - (value - low) / (high - low) * STRIP
        body += f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        body += f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10**value:.1g}</text>'
    for line in lines:
        places = [
            (x_of(x, *x_range), base - (max(low, math.log10(rate)) - low) / (high - low) * STRIP, x, rate)
            for x, rate in _cornered(line.rates)
        ]
        if places:
            body += _path(line, places, f"learning rate from {line.rates[0][1]:.3g} to {line.rates[-1][1]:.3g}")
    return body


def _path(line: Line, places: Sequence[tuple[float, float, float, float]], words: str) -> str:
    way = " ".join(f"{'M' if k == 0 else 'L'}{across:.1f} {down:.1f}" for k, (across, down, _, _) in enumerate(places))
    return f'<path class="curve {_look(line)}" d="{way}"><title>{escape(line.name)}: {words}</title></path>'


def _marks(line: Line, places: Sequence[tuple[float, float, float, float]], x_label: str) -> str:
    marks = ""
    for across, down, x, y in places:
        words = f"<title>{escape(line.name)}: {y:.4g} at {x:.4g} {escape(x_label)}</title>"
        marks += f'<circle class="dot c{line.number % COLORS}" cx="{across:.1f}" cy="{down:.1f}" r="2.6">{words}</circle>'
    return marks


def _look(line: Line) -> str:
    """Colours come again after six runs, then with other dashes."""
    return f"c{line.number % COLORS}" + (f" d{min(line.number // COLORS, 2)}" if line.number >= COLORS else "")


def _drawable(points: Points, log_y: bool) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y) and (y > 0 or not log_y)]


def _thinned(points: Points) -> list[tuple[float, float]]:
    """Every so many of long curves, and the last."""
    stride = -(-len(points) // MAX_POINTS)
    kept = list(points[::stride])
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def _cornered(points: Points) -> list[tuple[float, float]]:
    """Of a schedule the points at which it bends: what stays level is drawn from its ends."""
    kept = [
        point
        for k, point in enumerate(points)
        if k in (0, len(points) - 1) or points[k - 1][1] != point[1] or points[k + 1][1] != point[1]
    ]
    return _thinned(kept) if len(kept) > 2 * MAX_POINTS else kept


def _clipped(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"
