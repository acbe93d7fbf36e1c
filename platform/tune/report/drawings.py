"""The plots of a sweep: learning curves, all parameters side by side, and the metric against each of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

from vitruvian.evaluate.report.drawing import (
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    Drawing,
    frame,
    nice_ticks,
    number_text,
    x_of,
    y_of,
)
from vitruvian.methods.space import Parameter, Range
from vitruvian.tune.ledger import Record
from vitruvian.tune.progress import shown_value, shown_values
from vitruvian.tune.report.shown import Sweep

BASELINE, OTHERS, BEST = 2, 0, 1
"""Colours."""


def sweep_drawings(sweep: Sweep) -> dict[str, Drawing]:
    """By file name; those that have something to show."""
    drawn = {"curves": curves_drawing(sweep), "parallel": parallel_drawing(sweep)}
    drawn |= {f"parameter-{name}": parameter_drawing(sweep, name) for name in sweep.parameters}
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def curves_drawing(sweep: Sweep) -> Drawing | None:
    """The metric over the epochs of every trial."""
    shown = [record for record in reversed(sweep.records) if record.curve]
    if not shown:
        return None
    xs = [epoch for record in shown for epoch, _ in record.curve]
    x_ticks, y_ticks = nice_ticks(min(xs), max(xs), 6, whole=True), nice_ticks(*_late_span(shown), 5)
    x_range, y_range = (min(xs), max(max(xs), min(xs) + 1)), (y_ticks[0], y_ticks[-1])
    body = frame(x_ticks, y_ticks, x_range, y_range, "epoch", log_y=False)
    for record in shown:
        shown_curve = [(x, min(max(y, y_range[0]), y_range[1])) for x, y in record.curve]
        places = [(x_of(x, *x_range), y_of(y, *y_range)) for x, y in shown_curve]
        path = " ".join(f"{'M' if k == 0 else 'L'}{across:.1f} {down:.1f}" for k, (across, down) in enumerate(places))
        title = f"<title>{escape(_told(sweep, record))}</title>"
        body += f'<path class="curve c{_color(sweep, record)}" {_look(sweep, record)} d="{path}">{title}</path>'
        across, down = places[-1]
        body += (
            f'<circle class="dot c{_color(sweep, record)}" {_fill(sweep, record)} cx="{across:.1f}" cy="{down:.1f}" r="2.6"/>'
        )
    return Drawing(
        title=f"Held-out {sweep.metric} of every trial",
        body=body,
        height=HEIGHT,
        label=f"Held-out {sweep.metric} over epochs, a curve a trial",
        legend=_legend(sweep),
        note="the stronger the line, the better the trial",
    )


def _late_span(records: Sequence[Record]) -> tuple[float, float]:
    """Smallest and largest value to be shown: all of the later halves, and of the first ones what is not far from them. What a
    network does in its first epochs would else leave no room for the differences that count."""
    late = [value for record in records for _, value in record.curve[len(record.curve) // 2 :]]
    everything = [value for record in records for _, value in record.curve]
    reach = 1.5 * (max(late) - min(late))
    return max(min(everything), min(late) - reach), min(max(everything), max(late) + reach)


def parallel_drawing(sweep: Sweep) -> Drawing | None:
    """A line a trial through an axis for each parameter and one for the metric."""
    shown = [one for one in reversed(sweep.records) if one.score is not None and one.entry.values]
    if not shown:
        return None
    scores = [float(one.score) for one in shown if one.score is not None]
    ticks = nice_ticks(min(scores), max(scores), 4)
    names = list(sweep.parameters)
    left, right, top, bottom = 34.0, WIDTH - 44.0, 34.0, HEIGHT - 28.0
    columns = [left + k * (right - left) / len(names) for k in range(len(names) + 1)]

    def down(share: float) -> float:
        return bottom - share * (bottom - top)

    body = ""
    for column, name in zip(columns, [*names, sweep.metric], strict=True):
        body += f'<line class="grid" x1="{column:.1f}" x2="{column:.1f}" y1="{top}" y2="{bottom}"/>'
        body += f'<text class="name" x="{column:.1f}" y="16" text-anchor="middle">{escape(name)}</text>'
        marks = (
            [((tick - ticks[0]) / (ticks[-1] - ticks[0]), number_text(tick, ticks)) for tick in ticks]
            if name == sweep.metric and column == columns[-1]
            else axis_marks(sweep.parameters[name])
        )
        for share, text in marks:
            body += f'<text class="tick" x="{column + 5:.1f}" y="{down(share) + 4:.1f}">{escape(text)}</text>'
    for record in shown:
        assert record.score is not None
        shares = [axis_share(sweep.parameters[name], record.entry.values[name]) for name in names]
        shares.append((record.score - ticks[0]) / (ticks[-1] - ticks[0]))
        path = " ".join(
            f"{'M' if k == 0 else 'L'}{column:.1f} {down(share):.1f}"
            for k, (column, share) in enumerate(zip(columns, shares, strict=True))
        )
        title = f"<title>{escape(_told(sweep, record))}</title>"
        body += f'<path class="curve c{_color(sweep, record)}" {_look(sweep, record)} d="{path}">{title}</path>'
    label = f"Each trial's {', '.join(names)} and {sweep.metric}"
    return Drawing(
        title="Values and what came of them",
        body=body,
        height=HEIGHT,
        label=label,
        legend=_legend(sweep, baseline=False),
        note="a line a trial; the stronger, the better",
    )


def parameter_drawing(sweep: Sweep, name: str) -> Drawing | None:
    """The metric against one parameter, a dot a trial."""
    parameter = sweep.parameters[name]
    shown = [one for one in reversed(sweep.records) if one.score is not None and name in one.entry.values]
    if not shown:
        return None
    scores = [float(one.score) for one in sweep.records if one.score is not None]
    ticks = nice_ticks(min(scores), max(scores), 5)
    body = frame([], ticks, (0, 1), (ticks[0], ticks[-1]), name, log_y=False)
    inset = 0.06

    def across(share: float) -> float:
        return x_of(inset + (1 - 2 * inset) * share, 0, 1)

    for share, text in axis_marks(parameter):
        body += f'<text class="tick" x="{across(share):.1f}" y="{HEIGHT - 22}" text-anchor="middle">{escape(text)}</text>'
    base = next((one for one in sweep.records if not one.entry.values and one.score is not None), None)
    if base is not None and base.score is not None:
        y = y_of(base.score, ticks[0], ticks[-1])
        body += f'<line class="zero" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"><title>'
        body += f"{escape(_told(sweep, base))}</title></line>"
    for record in shown:
        assert record.score is not None
        x = across(axis_share(parameter, record.entry.values[name]))
        y = y_of(record.score, ticks[0], ticks[-1])
        hollow = ' fill-opacity="0.35"' if record.outcome is not None and record.outcome.state == "stopped" else ""
        body += f'<circle class="dot c{_color(sweep, record)}" cx="{x:.1f}" cy="{y:.1f}" r="4.2"{hollow}>'
        body += f"<title>{escape(_told(sweep, record))}</title></circle>"
    note = "a dot a trial" + ("; dashed: the recipe as it is" if base is not None else "")
    return Drawing(title=f"{sweep.metric} by {name}", body=body, height=HEIGHT, label=f"{sweep.metric} by {name}", note=note)


def axis_share(parameter: Parameter, value: object) -> float:
    """Where a value lies on its parameter's axis, 0 to 1."""
    if isinstance(parameter, Range):
        low, high, at = parameter.low, parameter.high, float(value)  # type: ignore[arg-type]
        if parameter.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low)
    values: list[Any] = [list(one) if isinstance(one, tuple) else one for one in parameter.probes()]
    plain: Any = list(value) if isinstance(value, tuple) else value
    return values.index(plain) / (len(values) - 1)


def axis_marks(parameter: Parameter) -> Sequence[tuple[float, str]]:
    """(share, text) of the marks on a parameter's axis."""
    values = parameter.grid(3) if isinstance(parameter, Range) else parameter.probes()
    return [(axis_share(parameter, value), shown_value(value)) for value in values]


def _told(sweep: Sweep, record: Record) -> str:
    score = "no score" if record.score is None else f"{sweep.metric} {record.score:.4g}"
    return f"trial {record.number}: {score}; {shown_values(record.entry.values)}"


def _color(sweep: Sweep, record: Record) -> int:
    if sweep.best is not None and record.number == sweep.best.number:
        return BEST
    return BASELINE if not record.entry.values else OTHERS


def _opacity(sweep: Sweep, record: Record) -> float:
    if _color(sweep, record) != OTHERS:
        return 1.0
    place = [one.number for one in sweep.records].index(record.number)
    return round(0.85 - 0.6 * place / max(1, len(sweep.records) - 1), 2)


def _look(sweep: Sweep, record: Record) -> str:
    dashed = 'stroke-dasharray="4 3" ' if record.outcome is not None and record.outcome.state == "stopped" else ""
    return f'{dashed}stroke-opacity="{_opacity(sweep, record)}"'


def _fill(sweep: Sweep, record: Record) -> str:
    return f'style="fill-opacity: {_opacity(sweep, record)}"'


def _legend(sweep: Sweep, *, baseline: bool = True) -> tuple[tuple[int, str], ...]:
    legend = []
    if sweep.best is not None:
        legend.append((BEST, f"best: trial {sweep.best.number}, {sweep.best.score:.4g}"))
    base = [one for one in sweep.records if not one.entry.values]
    if baseline and base and (sweep.best is None or base[0].number != sweep.best.number):
        legend.append((BASELINE, "the recipe as it is"))
    legend.append((OTHERS, "other trials"))
    return tuple(legend)
