"""The page of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from vitruvian.evaluate.report.shell import page_text
from vitruvian.evaluate.runs.comparable import Remark
from vitruvian.evaluate.runs.cost import Prices
from vitruvian.evaluate.runs.differences import Difference
from vitruvian.evaluate.runs.figures import Figure
from vitruvian.evaluate.runs.record import RunRecord
from vitruvian.evaluate.runs.table import Row

AXES = {"epochs": "Epochs", "steps": "Steps", "time": "Time", "cost": "Cost"}


def comparison_page(
    runs: Sequence[RunRecord],
    *,
    title: str,
    remarks: Sequence[Remark],
    differences: Sequence[Difference],
    rows: Sequence[Row],
    curves: Sequence[Figure],
    spending: Sequence[Figure],
    prices: Prices,
) -> str:
    """All of it as text; the same runs give the same text."""
    return page_text(
        title=title,
        summary=_summary(runs, rows, remarks),
        warnings=[remark.text for remark in remarks if remark.weight == "warning"],
        sections=[
            _notes([remark.text for remark in remarks if remark.weight == "note"]),
            _differences(runs, differences),
            _table(runs, rows),
            _curves(curves),
            _spending(spending, prices),
        ],
        scripts=["axes.js"],
    )


def _summary(runs: Sequence[RunRecord], rows: Sequence[Row], remarks: Sequence[Remark]) -> str:
    if len(runs) == 1:
        return f"One run, <b>{escape(runs[0].name)}</b>."
    names = [run.name for run in runs]
    text = f"{len(runs)} runs: {escape(', '.join(names[:6]))}{' and more' if len(names) > 6 else ''}."
    if any(remark.weight == "warning" for remark in remarks):
        return text + " They <b>cannot be compared as they stand</b>: see above."
    told: list[str] = []
    for row in rows:
        if row.key.endswith("/best") or not row.best or row.group == "Time and cost" or len(told) == 2:
            continue
        who = " and ".join(escape(names[place]) for place in sorted(row.best))
        told.append(f"best by {escape(row.title)}: <b>{who}</b> ({escape(row.texts[min(row.best)])})")
    cheapest = next((row for row in rows if row.key == "cost" and row.best), None)
    if cheapest is not None:
        place = min(cheapest.best)
        told.append(f"cheapest: <b>{escape(names[place])}</b> ({escape(cheapest.texts[place])})")
    said = "; ".join(told)
    return f"{text} {said[0].upper()}{said[1:]}." if said else text


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<section id="notes"><h2>To know before comparing</h2><ul class="notes">{items}</ul></section>'


def _differences(runs: Sequence[RunRecord], differences: Sequence[Difference]) -> str:
    if len(runs) < 2:
        return ""
    if not differences:
        lead = "Nothing that was recorded: data, options, code and machine are the same."
        return f'<section id="differences"><h2>What differs</h2><p class="lead">{lead}</p></section>'
    body, group = "", ""
    for one in differences:
        if one.group != group:
            group = one.group
            body += f'<tr class="group"><th colspan="{len(runs) + 1}">{escape(group)}</th></tr>'
        cells = "".join(f'<td class="wrap-any">{escape(value)}</td>' for value in one.values)
        body += f'<tr><th scope="row">{escape(one.name)}</th>{cells}</tr>'
    lead = "Only what is not the same for all; everything else that was recorded is."
    return (
        f'<section id="differences"><h2>What differs</h2><p class="lead">{lead}</p><div class="scroll">'
        f'<table class="compared">{_head(runs)}<tbody>{body}</tbody></table></div></section>'
    )


def _table(runs: Sequence[RunRecord], rows: Sequence[Row]) -> str:
    body, group = "", ""
    for row in rows:
        if row.group != group:
            group = row.group
            body += f'<tr class="group"><th colspan="{len(runs) + 1}">{escape(group)}</th></tr>'
        cells = "".join(
            f"<td{' class=best' if place in row.best else ''}>{escape(text)}</td>" for place, text in enumerate(row.texts)
        )
        arrow = {"higher": " <i>↑</i>", "lower": " <i>↓</i>", "": ""}[row.way]
        body += f'<tr><th scope="row">{escape(row.title)}{arrow}</th>{cells}</tr>'
    return (
        '<section id="table"><h2>Side by side</h2><p class="lead">An arrow says which way is better. The best of a row is '
        "marked where the name of a measure tells which way that is; small differences may be chance.</p>"
        f'<div class="scroll"><table class="compared">{_head(runs)}<tbody>{body}</tbody></table></div></section>'
    )


def _head(runs: Sequence[RunRecord]) -> str:
    cells = "".join(
        f'<th scope="col" class="model"><i class="c{k % 6}"></i>{escape(run.name)}</th>' for k, run in enumerate(runs)
    )
    return f"<thead><tr><th></th>{cells}</tr></thead>"


def _curves(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    names = [name for name in AXES if any(name in figure.over for figure in figures)]
    first = names[0]
    buttons = "".join(
        f'<button type="button" data-axis="{name}" aria-pressed="{str(name == first).lower()}">{AXES[name]}</button>'
        for name in names
    )
    chooser = f'<div class="axes"><span>Over</span><span class="segments">{buttons}</span></div>' if len(names) > 1 else ""
    blocks = ""
    stages = list(dict.fromkeys(figure.stage for figure in figures))
    for stage in stages:
        drawn = ""
        for figure in (one for one in figures if one.stage == stage):
            for name in names:
                hidden = "" if name == first else " hidden"
                inside = figure.over[name].html() if name in figure.over else _none(name)
                drawn += f'<div data-over="{name}"{hidden}>{inside}</div>'
        heading = f"<h3>{escape(stage)}</h3>" if len(stages) > 1 else ""
        blocks += f'{heading}<div class="plots">{drawn}</div>'
    lead = (
        "Below each plot the learning rate over the same axis, on a logarithmic scale; dashed lines: where a run dropped it."
        " Time and cost are those of training as it went, without start-ups."
    )
    heading = f'<h2>Metrics against schedule, time and cost</h2><p class="lead">{lead}</p>'
    return f'<section id="curves">{heading}{chooser}{blocks}</section>'


def _none(name: str) -> str:
    return f'<p class="empty">Not all of these runs say what is needed to draw this over {escape(AXES[name].lower())}.</p>'


def _spending(figures: Sequence[Figure], prices: Prices) -> str:
    if not figures:
        return ""
    drawn = "".join(drawing.html() for figure in figures for drawing in figure.over.values())
    lead = (
        f"Cost is what was held, used or not: cores and GPUs of all workers, times hours, at {escape(str(prices))}. Start-ups, "
        "measuring, and steps that were done twice after an interruption are in it; storage and the driver are not."
    )
    return f'<section id="spending"><h2>Time and cost</h2><p class="lead">{lead}</p><div class="plots">{drawn}</div></section>'
