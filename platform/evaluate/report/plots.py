"""Plots as inline SVG that take their colours from the page, so they follow its light or dark mode."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from statistics import fmean, median

from vitruvian.evaluate.metrics.catalogue import Metric
from vitruvian.evaluate.report.data import Plot

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 40
MARGIN = 24
MAX_POINTS = 400


def line_plot(plot: Plot) -> str:
    """Curves over common axes; long ones are averaged over runs of points. A plot without points says so."""
    curves = []
    for curve in plot.curves:
        points = [(x, y) for x, y in curve.points if math.isfinite(x) and math.isfinite(y) and (y > 0 or not plot.log_y)]
        if points:
            curves.append((curve.name, _thinned(points)))
    if not curves:
        return f'<p class="empty">{escape(plot.title)}: no points were recorded.</p>'
    xs = [x for _, points in curves for x, _ in points]
    ys = [math.log10(y) if plot.log_y else y for _, points in curves for _, y in points]
    x_ticks = nice_ticks(min(xs), max(xs), 5, whole=all(x == round(x) for x in xs))
    y_ticks = _log_ticks(min(ys), max(ys)) if plot.log_y else nice_ticks(min(ys), max(ys), 5)
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1e-9)
    y_low, y_high = min(min(ys), y_ticks[0]), max(max(ys), y_ticks[-1])
    body = _frame(x_ticks, y_ticks, (x_low, x_high), (y_low, y_high), plot.x_label, log_y=plot.log_y)
    for number, (name, points) in enumerate(curves):
        path = " ".join(
            f"{'M' if k == 0 else 'L'}{_x(x, x_low, x_high):.1f} {_y(math.log10(y) if plot.log_y else y, y_low, y_high):.1f}"
            for k, (x, y) in enumerate(points)
        )
        body += (
            f'<path class="curve c{number % 6}" d="{path}"><title>{escape(name)}: {points[-1][1]:.4g} at the end</title></path>'
        )
        if len(points) <= 40:
            for x, y in points:
                height = _y(math.log10(y) if plot.log_y else y, y_low, y_high)
                body += (
                    f'<circle class="dot c{number % 6}" cx="{_x(x, x_low, x_high):.1f}" cy="{height:.1f}" r="2.6">'
                    f"<title>{escape(name)}: {y:.4g} at {escape(plot.x_label)} {x:g}</title></circle>"
                )
    legend = "".join(f'<span class="key c{number % 6}">{escape(name)}</span>' for number, (name, _) in enumerate(curves))
    caption = f'<figcaption><strong>{escape(plot.title)}</strong><span class="legend">{legend}</span></figcaption>'
    label = f"{plot.title}: {', '.join(name for name, _ in curves)} over {plot.x_label}"
    return f'<figure class="plot">{caption}{_svg(body, label, HEIGHT)}</figure>'


def strip_plot(metric: Metric, values: Mapping[str, Sequence[tuple[str, float]]]) -> str:
    """One dot a sample, (its name, value), in one row a model, with the mean as a line."""
    rows = [(model, points) for model, points in values.items() if points]
    if not rows:
        return f'<p class="empty">{escape(metric.title)}: nothing was measured.</p>'
    everything = [value for _, points in rows for _, value in points]
    spread = max(max(everything) - min(everything), 1e-3 * max(1e-6, abs(max(everything))))
    ticks = nice_ticks(min(everything) - 0.08 * spread, max(everything) + 0.08 * spread, 5)
    low, high = ticks[0], ticks[-1]
    row_height, top = 56, 8
    height = top + row_height * len(rows) + 30
    base = height - 30
    body = "".join(
        f'<line class="grid" x1="{_x(t, low, high, MARGIN):.1f}" x2="{_x(t, low, high, MARGIN):.1f}" y1="{top}" y2="{base}"/>'
        f'<text class="tick" x="{_x(t, low, high, MARGIN):.1f}" y="{base + 18}" text-anchor="middle">{_number(t, ticks)}</text>'
        for t in ticks
    )
    for number, (_, points) in enumerate(rows):
        middle = top + row_height * (number + 0.5)
        taken: list[tuple[float, float]] = []
        for name, value in sorted(points, key=lambda point: point[1]):
            x = _x(value, low, high, MARGIN)
            shift = next(s for s in _shifts() if all(math.hypot(x - a, s - b) > 7.5 for a, b in taken[-24:]) or abs(s) > 22)
            taken.append((x, shift))
            text = escape(f"{name}: {value:.{metric.digits}f} {metric.unit}".rstrip())
            circle = f'<circle class="dot c{number % 6}" cx="{x:.1f}" cy="{middle + shift:.1f}" r="3.8">'
            body += f"{circle}<title>{text}</title></circle>"
        mean = _x(fmean([value for _, value in points]), low, high, MARGIN)
        body += f'<line class="mean" x1="{mean:.1f}" x2="{mean:.1f}" y1="{middle - 26:.1f}" y2="{middle + 26:.1f}"/>'
    unit = f" ({metric.unit})" if metric.unit else ""
    figures = " · ".join(
        (f"{escape(model)} " if len(rows) > 1 else "")
        + f"mean {fmean([v for _, v in points]):.{metric.digits}f}, median {median([v for _, v in points]):.{metric.digits}f}"
        for model, points in rows
    )
    hint = "higher is better" if metric.better == "higher" else "lower is better"
    caption = (
        f'<figcaption><strong>{escape(metric.title + unit)}</strong><span class="legend">{figures} · {hint}</span></figcaption>'
    )
    return f'<figure class="plot">{caption}{_svg(body, metric.title + unit + " of every sample", height)}</figure>'


def nice_ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """About ``count`` round numbers that enclose [low, high]; ``whole``: integers only."""
    if not high > low:
        low, high = low - max(0.5 * abs(low), 1e-3), high + max(0.5 * abs(high), 1e-3)
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    if whole:
        step = max(1.0, math.ceil(step))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Logarithms of round numbers: powers of ten, and 2 and 5 times them over less than two decades."""
    factors = (1, 2, 5) if high - low < 2 else (1,)
    ticks = [power + math.log10(factor) for power in range(math.floor(low) - 1, math.ceil(high) + 2) for factor in factors]
    below = max(k for k, tick in enumerate(ticks) if tick <= low + 1e-9)
    above = min(k for k, tick in enumerate(ticks) if tick >= high - 1e-9)
    return ticks[below : max(above, below + 1) + 1]


def _frame(
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    xs: tuple[float, float],
    ys: tuple[float, float],
    x_label: str,
    *,
    log_y: bool,
) -> str:
    bottom = HEIGHT - BOTTOM
    body = ""
    for tick in y_ticks:
        y = _y(tick, *ys)
        text = f"{10**tick:.3g}" if log_y else _number(tick, y_ticks)
        body += f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        body += f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    for tick in x_ticks:
        if xs[0] - 1e-9 <= tick <= xs[1] + 1e-9:
            x = _x(tick, *xs)
            body += f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{_number(tick, x_ticks)}</text>'
    body += (
        f'<text class="label" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">{escape(x_label)}</text>'
    )
    return body


def _svg(body: str, label: str, height: float) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(label)}">{body}</svg>'


def _x(value: float, low: float, high: float, left: float = LEFT) -> float:
    right = RIGHT if left == LEFT else left
    return left + (value - low) / (high - low) * (WIDTH - left - right)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (value - low) / max(high - low, 1e-12) * (HEIGHT - TOP - BOTTOM)


def _number(value: float, ticks: Sequence[float]) -> str:
    step = min((abs(b - a) for a, b in pairwise(ticks) if b != a), default=1.0)
    if abs(value) >= 1e5:
        return f"{value:.3g}"
    digits = max(0, math.ceil(-math.log10(step) - 1e-9))
    text = f"{value:.{digits}f}"
    return text if float(text) == 0 or abs(float(text) - value) < step / 10 else f"{value:.{digits + 1}f}"


def _shifts() -> Sequence[float]:
    return [0.0] + [sign * 2.0 * k for k in range(1, 13) for sign in (-1, 1)]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    run = -(-len(points) // MAX_POINTS)
    groups = [points[k : k + run] for k in range(0, len(points), run)]
    return [(fmean([x for x, _ in group]), fmean([y for _, y in group])) for group in groups]
