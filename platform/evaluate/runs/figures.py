"""Which plots a comparison calls for: the same in the page and as picture files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vitruvian.evaluate.report.curves import running_mean
from vitruvian.evaluate.report.drawing import Drawing
from vitruvian.evaluate.report.tables import seconds_text
from vitruvian.evaluate.runs.axes import Axis, axes_of, drops_of, place_on, placed
from vitruvian.evaluate.runs.cost import Prices
from vitruvian.evaluate.runs.differences import stage_names
from vitruvian.evaluate.runs.drawings import Line, bars_drawing, reached_drawing, schedule_drawing
from vitruvian.evaluate.runs.measures import direction, evaluated, evaluated_names, held_out_names, last
from vitruvian.evaluate.runs.record import HELD_OUT, RATE, RunRecord, StageRecord

LOSS = "train/loss"
MAX_REACHED = 4
"""Metrics of each kind whose values are drawn over their cost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One plot, over each axis that its runs have."""

    name: str
    """Of its files."""
    stage: str
    over: dict[str, Drawing]
    """By the axis's name; ``""`` for plots that have none to choose."""


def curve_figures(runs: Sequence[RunRecord], stage: str, prices: Prices, chosen: Sequence[str] = ()) -> list[Figure]:
    """The training loss and every held-out metric of a stage, over epochs, steps, time and cost, with the schedule below."""
    there = [(number, run.name, record) for number, run in enumerate(runs) if (record := run.stage(stage)) is not None]
    there = [(number, name, record) for number, name, record in there if LOSS in record.curves]
    if not there:
        return []
    axes = axes_of([record for _, _, record in there], prices)
    prefix = f"{stage}-" if stage else ""
    figures = []
    for metric in (LOSS, *(f"{HELD_OUT}{name}" for name in held_out_names([r for _, _, r in there], chosen))):
        drawings = {axis.name: _drawn(there, metric, axis, prices) for axis in axes}
        found = {name: drawing for name, drawing in drawings.items() if drawing is not None}
        if found:
            figures.append(Figure(name=f"{prefix}{_file_name(metric)}", stage=stage, over=found))
    return figures


def _drawn(there: Sequence[tuple[int, str, StageRecord]], metric: str, axis: Axis, prices: Prices) -> Drawing | None:
    lines = []
    for number, name, record in there:
        place = place_on(axis, record, prices)
        points = placed(record.curves.get(metric, ()), place)
        drops = [x for step in drops_of(record) if (x := place(step - 1)) is not None]
        rates = placed(record.curves.get(RATE, ()), place)
        lines.append(Line(number, name, running_mean(points) if metric == LOSS and points else points, rates, drops))
    if metric == LOSS:
        return schedule_drawing("Training loss", lines, axis.label, log_y=True, note="running mean over 3 % of the steps")
    name = metric.removeprefix(HELD_OUT)
    return schedule_drawing(f"Held-out {name}{_better(name)}", lines, axis.label)


def spending_figures(runs: Sequence[RunRecord], prices: Prices, chosen: Sequence[str] = ()) -> list[Figure]:
    """Time, CPU time and cost of each run, and what each reached for it."""
    found: dict[str, Drawing | None] = {}
    seconds = [(k, run.name, value) for k, run in enumerate(runs) if (value := run.total("seconds")) is not None]
    cpu = [(k, run.name, value) for k, run in enumerate(runs) if (value := run.total("cpu_seconds")) is not None]
    costs = [(k, run.name, value) for k, run in enumerate(runs) if (value := prices.of_run(run)) is not None]
    hours = max((value for _, _, value in (*seconds, *cpu)), default=0.0)
    unit, word = (3600.0, "hours") if hours >= 7200 else (60.0, "minutes") if hours >= 120 else (1.0, "seconds")
    found["wall"] = bars_drawing(
        f"Wall time ({word})", [(k, name, value / unit, seconds_text(value)) for k, name, value in seconds], note="all attempts"
    )
    found["cpu"] = bars_drawing(
        f"CPU time ({word})",
        [(k, name, value / unit, seconds_text(value)) for k, name, value in cpu],
        note="of all workers, all attempts",
    )
    found["cost"] = bars_drawing(
        f"Cost ({prices.currency})", [(k, name, value, money(value, prices)) for k, name, value in costs], note=str(prices)
    )
    price = {k: value for k, _, value in costs}
    for stage in stage_names(runs)[-1:]:
        named = [name for name in held_out_names([run.stage(stage) for run in runs], chosen) if direction(name)]
        for metric in named[:MAX_REACHED]:
            dots = [
                (k, run.name, price[k], value)
                for k, run in enumerate(runs)
                if k in price and (value := last(run.stage(stage), metric)) is not None
            ]
            if len(dots) > 1:
                title = f"Held-out {metric} for its cost{_better(metric)}"
                found[f"reached-{_file_name(metric)}"] = reached_drawing(title, dots, f"cost ({prices.currency})")
    for metric in evaluated_names(runs, chosen)[:MAX_REACHED]:
        dots = [
            (k, run.name, price[k], evaluated(run)[metric])
            for k, run in enumerate(runs)
            if k in price and metric in evaluated(run)
        ]
        if len(dots) > 1 and direction(metric):
            title = f"Evaluated {metric} for its cost{_better(metric)}"
            found[f"reached-evaluated-{_file_name(metric)}"] = reached_drawing(title, dots, f"cost ({prices.currency})")
    return [Figure(name=name, stage="", over={"": drawing}) for name, drawing in found.items() if drawing is not None]


def money(value: float, prices: Prices) -> str:
    """``0.0123 USD``: three digits at least, two decimals at least."""
    text = f"{value:.2f}" if value >= 1 or value == 0 else f"{value:.3g}"
    return f"{text} {prices.currency}"


def _better(name: str) -> str:
    return {"higher": " ↑", "lower": " ↓", "": ""}[direction(name)]


def _file_name(metric: str) -> str:
    return "".join(
        letter if letter.isalnum() or letter in "-_" else "-" for letter in metric.replace("train/", "").replace(HELD_OUT, "")
    )
