"""The part of a report that compares models: averages side by side, what can be told of the differences, and plots."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from vitruvian.evaluate.comparison import CONFIDENCE, FEWEST, PairedDifference
from vitruvian.evaluate.metrics.catalogue import METRICS, Metric
from vitruvian.evaluate.report.figures import bar_drawings, difference_drawings
from vitruvian.evaluate.report.tables import figure, seconds_text
from vitruvian.evaluate.results import EvaluationReport, best_models


def compared_section(evaluation: EvaluationReport, comparisons: Sequence[PairedDifference]) -> str:
    """Nothing for a single model."""
    if len(evaluation.models) < 2:
        return ""
    plots = [*bar_drawings(evaluation).values(), *difference_drawings(comparisons).values()]
    figures = "".join(drawing.html() for drawing in plots)
    people = len(evaluation.models[0].subjects)
    lead = (
        f"Averages over all pictures. Whether a difference says anything of other people is judged by person: the mean of the "
        f"paired differences over {people} people has a bootstrap interval of {100 * CONFIDENCE:.0f} %, and when that holds 0, "
        "these people cannot tell. Each interval stands for itself; of many, some miss 0 by chance."
    )
    if people < FEWEST:
        lead += f" Fewer than {FEWEST} people never can."
    return (
        f'<section id="compared"><h2>Which is better</h2><p class="lead">{lead}</p>{_table(evaluation, comparisons)}'
        f'{_pairs(evaluation, comparisons)}<div class="plots compared">{figures}</div></section>'
    )


def _table(evaluation: EvaluationReport, comparisons: Sequence[PairedDifference]) -> str:
    """A row a measure, a column a model; of two models also the difference and what it says."""
    models = evaluation.models
    pair = {one.metric: one for one in comparisons} if len(models) == 2 else {}
    head = "".join(f'<th scope="col" class="model"><i class="c{k % 6}"></i>{escape(m.name)}</th>' for k, m in enumerate(models))
    head += '<th scope="col">Difference, 95 % interval</th><th scope="col" class="text">Better</th>' if pair else ""
    rows = ""
    for published in (False, True):
        metrics = [metric for metric in METRICS.values() if metric.published == published]
        title = "As published with Geo-PIFu" if published else "On volumes, surfaces and views"
        rows += f'<tr class="group"><th colspan="{len(models) + 3}">{title}</th></tr>'
        rows += "".join(_row(evaluation, metric, pair.get(metric.name), bool(pair)) for metric in metrics)
    counts = "".join(f"<td>{model.num_samples - model.num_failed} of {model.num_samples}</td>" for model in models)
    times = "".join(
        f"<td>{'–' if model.seconds_per_reconstruction is None else seconds_text(model.seconds_per_reconstruction)}</td>"
        for model in models
    )
    blank = '<td></td><td class="text"></td>' if pair else ""
    rows += f'<tr class="group"><th colspan="{len(models) + 3}">Running</th></tr>'
    rows += f'<tr><th scope="row">Reconstructed</th>{counts}{blank}</tr><tr><th scope="row">Time each</th>{times}{blank}</tr>'
    table = f'<table class="compared"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _row(evaluation: EvaluationReport, metric: Metric, one: PairedDifference | None, paired: bool) -> str:
    best = best_models(evaluation.models, metric.name)
    cells = "".join(
        f"<td{' class=best' if model.name in best else ''}>{figure(metric, model.mean.get(metric.name))}</td>"
        for model in evaluation.models
    )
    if paired:
        cells += '<td>–</td><td class="text"></td>' if one is None else f"<td>{_interval(one)}</td>{_verdict(one)}"
    arrow = "↑" if metric.better == "higher" else "↓"
    return f'<tr><th scope="row" title="{escape(metric.description)}">{escape(metric.title)} <i>{arrow}</i></th>{cells}</tr>'


def _interval(one: PairedDifference) -> str:
    metric = METRICS[one.metric]
    mean = _signed(one.mean, metric)
    if one.low is None or one.high is None:
        return mean
    return f"{mean} <small>({_signed(one.low, metric)} to {_signed(one.high, metric)})</small>"


def _verdict(one: PairedDifference) -> str:
    if one.better is None:
        return '<td class="text"><span class="pill none">cannot be told</span></td>'
    return f'<td class="text"><span class="pill">{escape(one.better)}</span></td>'


def _pairs(evaluation: EvaluationReport, comparisons: Sequence[PairedDifference]) -> str:
    """Of more than two models: every pair by the headline measures."""
    if len(evaluation.models) < 3:
        return ""
    headline = [metric for metric in METRICS.values() if metric.headline]
    head = "".join(f'<th scope="col">{escape(metric.title)}</th>' for metric in headline)
    rows = ""
    for first, second in dict.fromkeys((one.first, one.second) for one in comparisons):
        found = {one.metric: one for one in comparisons if (one.first, one.second) == (first, second)}
        cells = ""
        for metric in headline:
            one = found.get(metric.name)
            word = "–" if one is None else one.better or "cannot be told"
            kind = "" if one is not None and one.better else " none"
            hint = "" if one is None else escape(_plain_interval(one))
            cells += f'<td><span class="pill{kind}" title="{hint}">{escape(word)}</span></td>'
        rows += f'<tr><th scope="row">{escape(first)} / {escape(second)}</th>{cells}</tr>'
    return (
        '<h3>Better of two, by person</h3><div class="scroll"><table class="compared pairs"><thead><tr><th></th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _plain_interval(one: PairedDifference) -> str:
    metric = METRICS[one.metric]
    text = f"{one.second} minus {one.first}: {_signed(one.mean, metric)} {metric.unit}".rstrip()
    return text if one.low is None or one.high is None else f"{text}, {_signed(one.low, metric)} to {_signed(one.high, metric)}"


def _signed(value: float, metric: Metric) -> str:
    text = f"{value:+.{metric.digits}f}"
    return "0" if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")
