"""The plots of a report: curves, every sample as a dot, bars with their spread, paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from statistics import fmean, median, quantiles

from vitruvian.evaluate.comparison import PairedDifference
from vitruvian.evaluate.metrics.catalogue import Metric
from vitruvian.evaluate.report.data import Plot
from vitruvian.evaluate.report.drawing import (
    COLORS,
    MARGIN,
    WIDTH,
    Drawing,
    dots,
    frame,
    log_ticks,
    nice_ticks,
    upright_grid,
    x_of,
    y_of,
)

MAX_POINTS = 400
ROW, TOP, AXIS = 56, 8, 30
Values = Mapping[str, Sequence[tuple[str, float]]]
"""Of each model, (name of the sample, value)."""


def line_plot(plot: Plot) -> str:
    """Curves over common axes; long ones are averaged over runs of points. A plot without points says so."""
    drawing = line_drawing(plot)
    return f'<p class="empty">{escape(plot.title)}: no points were recorded.</p>' if drawing is None else drawing.html()


def line_drawing(plot: Plot) -> Drawing | None:
    """None when there is no point to draw."""
    curves = []
    for number, curve in enumerate(plot.curves):
        points = [(x, y) for x, y in curve.points if math.isfinite(x) and math.isfinite(y) and (y > 0 or not plot.log_y)]
        if points:
            curves.append((number, curve.name, _thinned(points)))
    if not curves:
        return None
    xs = [x for _, _, points in curves for x, _ in points]
    ys = [math.log10(y) if plot.log_y else y for _, _, points in curves for _, y in points]
    x_ticks = nice_ticks(min(xs), max(xs), 5, whole=all(x == round(x) for x in xs))
    y_ticks = log_ticks(min(ys), max(ys)) if plot.log_y else nice_ticks(min(ys), max(ys), 5)
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1e-9)
    y_low, y_high = min(min(ys), y_ticks[0]), max(max(ys), y_ticks[-1])
    body = frame(x_ticks, y_ticks, (x_low, x_high), (y_low, y_high), plot.x_label, log_y=plot.log_y)
    for number, name, points in curves:
        places = [
            (x_of(x, x_low, x_high), y_of(math.log10(y) if plot.log_y else y, y_low, y_high), x, y) for x, y in points
        ]  # fmt: skip
        path = " ".join(f"{'M' if k == 0 else 'L'}{across:.1f} {down:.1f}" for k, (across, down, _, _) in enumerate(places))
        title = f"<title>{escape(name)}: {points[-1][1]:.4g} at the end</title>"
        body += f'<path class="curve c{number % COLORS}" d="{path}">{title}</path>'
        if len(points) <= 40:
            for across, down, x, y in places:
                title = f"<title>{escape(name)}: {y:.4g} at {escape(plot.x_label)} {x:g}</title>"
                body += f'<circle class="dot c{number % COLORS}" cx="{across:.1f}" cy="{down:.1f}" r="2.6">{title}</circle>'
    label = f"{plot.title}: {', '.join(name for _, name, _ in curves)} over {plot.x_label}"
    legend = tuple((number, name) for number, name, _ in curves)
    return Drawing(title=plot.title, body=body, height=250, label=label, legend=legend)


def strip_plot(metric: Metric, values: Values) -> str:
    """One dot a sample in one row a model, with the mean as a line."""
    drawing = strip_drawing(metric, values)
    return f'<p class="empty">{escape(metric.title)}: nothing was measured.</p>' if drawing is None else drawing.html()


def strip_drawing(metric: Metric, values: Values) -> Drawing | None:
    """None when nothing was measured."""
    rows = [(number, model, points) for number, (model, points) in enumerate(values.items()) if points]
    if not rows:
        return None
    everything = [value for _, _, points in rows for _, value in points]
    spread = max(max(everything) - min(everything), 1e-3 * max(1e-6, abs(max(everything))))
    ticks = nice_ticks(min(everything) - 0.08 * spread, max(everything) + 0.08 * spread, 5)
    low, high = ticks[0], ticks[-1]
    height = TOP + ROW * len(rows) + AXIS
    body = upright_grid(ticks, low, high, TOP, height - AXIS)
    for place, (number, _, points) in enumerate(rows):
        middle = TOP + ROW * (place + 0.5)
        body += dots(points, number, middle, low, high, f"{{:.{metric.digits}f}} {metric.unit}")
        mean = x_of(fmean([value for _, value in points]), low, high, MARGIN)
        body += f'<line class="mean" x1="{mean:.1f}" x2="{mean:.1f}" y1="{middle - 26:.1f}" y2="{middle + 26:.1f}"/>'
    means = [
        f"mean {fmean([v for _, v in points]):.{metric.digits}f}, median {median([v for _, v in points]):.{metric.digits}f}"
        for _, _, points in rows
    ]
    label = _title(metric) + " of every sample"
    if len(rows) == 1:
        return Drawing(
            title=_title(metric), body=body, height=height, label=label, note=f"{means[0]} · {_direction(metric)}"
        )  # fmt: skip
    legend = tuple((number, f"{model}: {text}") for (number, model, _), text in zip(rows, means, strict=True))
    return Drawing(title=f"{_title(metric)}, {_direction(metric)}", body=body, height=height, label=label, legend=legend)


def bar_drawing(metric: Metric, values: Values) -> Drawing | None:
    """A bar a model from 0 to its mean, with a line over the middle half of its samples; None when nothing was measured."""
    rows = [(number, model, [value for _, value in points]) for number, (model, points) in enumerate(values.items()) if points]
    if not rows:
        return None
    ends = [(fmean(row), *_middle_half(row)) for _, _, row in rows]
    ticks = nice_ticks(min(0.0, *(low for _, low, _ in ends)), max(1e-9, *(max(mean, high) for mean, _, high in ends)), 5)
    low, high = ticks[0], ticks[-1]
    pitch = 44
    height = TOP + pitch * len(rows) + AXIS
    body = upright_grid(ticks, low, high, TOP, height - AXIS)
    for place, ((number, model, _), (mean, first, third)) in enumerate(zip(rows, ends, strict=True)):
        top = TOP + pitch * place
        start, end = sorted((x_of(0.0, low, high, MARGIN), x_of(mean, low, high, MARGIN)))
        unit = metric.unit if metric.unit == "°" else f" {metric.unit}"
        text = f"{model}: {mean:.{metric.digits}f}{unit}".rstrip()
        inside = f"half of the samples from {first:.{metric.digits}f} to {third:.{metric.digits}f}"
        body += f'<rect class="column c{number % COLORS}" x="{start:.1f}" y="{top + 20}" width="{max(end - start, 1):.1f}" '
        body += f'height="16" rx="3"><title>{escape(f"{text}; {inside}")}</title></rect>'
        body += f'<text class="name" x="{MARGIN}" y="{top + 14}">{escape(text)}</text>'
        a, b = (x_of(value, low, high, MARGIN) for value in (first, third))
        body += f'<path class="whisker" d="M{a:.1f} {top + 28}H{b:.1f}M{a:.1f} {top + 23}v10M{b:.1f} {top + 23}v10"/>'
    note = f"mean and middle half of the samples · {_direction(metric)}"
    return Drawing(title=_title(metric), body=body, height=height, label=f"{_title(metric)}: mean of each model", note=note)


def difference_drawing(metric: Metric, pairs: Sequence[PairedDifference]) -> Drawing | None:
    """One dot a person, one row a pair of models, with the mean difference and its confidence interval; None without pairs."""
    if not pairs:
        return None
    everything = [0.0, *(value for pair in pairs for value in (*pair.differences, pair.low or 0.0, pair.high or 0.0))]
    reach = 1.06 * max(max(abs(value) for value in everything), 10.0**-metric.digits)
    ticks = nice_ticks(-reach, reach, 5)
    low, high = ticks[0], ticks[-1]
    pitch = ROW + 26
    height = TOP + pitch * len(pairs) + AXIS
    body = upright_grid(ticks, low, high, TOP, height - AXIS)
    zero = x_of(0.0, low, high, MARGIN)
    body += f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="{TOP}" y2="{height - AXIS}"/>'
    for place, pair in enumerate(pairs):
        top = TOP + pitch * place
        middle = top + 20 + ROW / 2
        left, right = (pair.first, pair.second) if metric.better == "higher" else (pair.second, pair.first)
        body += f'<text class="name" x="{MARGIN}" y="{top + 13}">\N{LEFTWARDS ARROW} {escape(left)} better</text>'
        body += f'<text class="name" x="{WIDTH - MARGIN}" y="{top + 13}" text-anchor="end">'
        body += f"{escape(right)} better \N{RIGHTWARDS ARROW}</text>"
        points = list(zip(pair.subjects, pair.differences, strict=True))
        body += dots(points, place, middle, low, high, f"{{:+.{metric.digits}f}} {metric.unit}")
        mean = x_of(pair.mean, low, high, MARGIN)
        if pair.low is not None and pair.high is not None:
            a, b = x_of(pair.low, low, high, MARGIN), x_of(pair.high, low, high, MARGIN)
            body += f'<path class="whisker" d="M{a:.1f} {middle:.1f}H{b:.1f}M{a:.1f} {middle - 6:.1f}v12M{b:.1f} '
            body += f'{middle - 6:.1f}v12"/>'
        body += f'<circle class="center" cx="{mean:.1f}" cy="{middle:.1f}" r="4.5"/>'
    note = "one dot a person; ring and line: mean and its 95 % interval"
    label = f"{_title(metric)}: differences between models by person"
    return Drawing(title=f"{_title(metric)}, difference", body=body, height=height, label=label, note=note)


def _middle_half(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = quantiles(values, n=4, method="inclusive")
    return first, third


def _title(metric: Metric) -> str:
    return metric.title + (f" ({metric.unit})" if metric.unit else "")


def _direction(metric: Metric) -> str:
    return "higher is better" if metric.better == "higher" else "lower is better"


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    run = -(-len(points) // MAX_POINTS)
    groups = [points[k : k + run] for k in range(0, len(points), run)]
    return [(fmean([x for x, _ in group]), fmean([y for _, y in group])) for group in groups]
