"""The written parts of a report: key figures, the table of all samples, facts, durations and what the measures mean."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from vitruvian.evaluate.metrics.catalogue import METRICS, Metric
from vitruvian.evaluate.report.data import Duration, Fact
from vitruvian.evaluate.results import EvaluationReport

TABLE_METRICS = (
    "iou",
    "chamfer_cm",
    "p2s_reconstruction_to_truth_cm",
    "p2s_truth_to_reconstruction_cm",
    "fscore_1cm",
    "fscore_2cm",
    "normal_front_deg",
    "normal_surface_deg",
    "silhouette_iou",
)


def figure(metric: Metric, value: float | None) -> str:
    """``1.84 cm`` with the unit small, or a dash."""
    if value is None:
        return "–"
    unit = metric.unit if metric.unit in ("", "°") else f" {metric.unit}"
    return f"{value:.{metric.digits}f}<small>{unit}</small>"


def key_figures(evaluation: EvaluationReport) -> str:
    """The headline averages of the only model; several are compared in a table instead."""
    if len(evaluation.models) > 1:
        return ""
    model = evaluation.models[0]
    rows = "".join(
        f"<div><dt>{escape(metric.title)}</dt><dd>{figure(metric, model.mean[metric.name])}</dd></div>"
        for metric in METRICS.values()
        if metric.headline and metric.name in model.mean
    )
    return f'<dl class="keys">{rows}</dl>'


def sample_table(evaluation: EvaluationReport) -> str:
    """Every sample of every model, sortable, with mean and median; failures stay in it with their reason."""
    several = len(evaluation.models) > 1
    metrics = [METRICS[name] for name in TABLE_METRICS]
    head = _head("Person", 'class="text"') + _head("View") + (_head("Model", 'class="text"') if several else "")
    for metric in metrics:
        first = "descending" if metric.better == "higher" else "ascending"
        title = metric.title + (f" ({metric.unit})" if metric.unit else "")
        head += _head(title, f'data-first="{first}" title="{escape(metric.description)}"')
    rows = ""
    for sample in evaluation.samples:
        cells = f"<td>{escape(sample.subject_id)}</td><td>{sample.view_index}</td>"
        cells += f'<td class="text">{escape(sample.model)}</td>' if several else ""
        if sample.failure is not None:
            blank = '<td data-value="" hidden></td>' * (len(metrics) - 1)
            cells += f'<td class="failed" data-value="" colspan="{len(metrics)}">Failed: {escape(sample.failure)}</td>{blank}'
        else:
            cells += "".join(_cell(metric, sample.metrics.get(metric.name)) for metric in metrics)
        rows += f"<tr>{cells}</tr>"
    foot = ""
    for model in evaluation.models:
        for word, values in (("Mean", model.mean), ("Median", model.median)):
            title = f"{word} of {model.num_samples}" + (f", {model.num_failed} failed" if model.num_failed else "")
            foot += f"<tr><td>{title}</td><td></td>" + (f'<td class="text">{escape(model.name)}</td>' if several else "")
            foot += "".join(_cell(metric, values.get(metric.name)) for metric in metrics) + "</tr>"
    return (
        '<section id="samples"><h2>All samples</h2><p class="lead">Each picture is one sample. A failed reconstruction counts '
        "as 0 where a measure has a worst value, and is left out of averages of distances and angles.</p>"
        f'<div class="scroll"><table class="sortable"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody><tfoot>{foot}</tfoot>'
        "</table></div></section>"
    )


def facts_section(facts: Sequence[Fact], durations: Sequence[Duration]) -> str:
    """Groups of facts in the order of their first fact, and how long each step took."""
    groups: dict[str, list[Fact]] = {}
    for fact in facts:
        groups.setdefault(fact.group, []).append(fact)
    blocks = "".join(
        f"<div><h3>{escape(group)}</h3><dl>"
        + "".join(f"<dt>{escape(fact.label)}</dt><dd>{escape(fact.value)}</dd>" for fact in members)
        + "</dl></div>"
        for group, members in groups.items()
    )
    if durations:
        longest = max(duration.seconds for duration in durations) or 1.0
        bars = "".join(
            f"<span>{escape(d.step)}</span>"
            f'<span><span class="bar" style="display:block;width:{100 * d.seconds / longest:.1f}%"></span></span>'
            f'<span class="time">{seconds_text(d.seconds)}</span>'
            for d in durations
        )
        total = seconds_text(sum(duration.seconds for duration in durations))
        blocks += f'<div><h3>Time: {total} in all</h3><div class="bars">{bars}</div></div>'
    return f'<section id="facts"><h2>How it was made</h2><div class="facts">{blocks}</div></section>' if blocks else ""


def measures_section(evaluation: EvaluationReport) -> str:
    """What each measure means, and all averages, so that no number stands without its definition."""
    models = evaluation.models
    rows = "".join(
        f"<dt>{escape(metric.title)}</dt>"
        + '<dd class="value">'
        + " · ".join(figure(metric, model.mean.get(metric.name)) for model in models)
        + f"</dd><dd>{escape(metric.description)}</dd>"
        for metric in METRICS.values()
    )
    settings = evaluation.settings
    how = (
        f"Volumes on cells of {settings.get('cell_mm', 6):g} mm over the union of both boxes; distances from "
        f"{settings.get('surface_samples', 10_000):,} area-uniform points on each outer surface to the nearest point of the "
        f"other (seed {settings.get('seed', 0)}). Figures are means over all samples"
    )
    how += f", in the order {escape(', '.join(model.name for model in models))}." if len(models) > 1 else "."
    return (
        f'<section id="measures"><h2>What the measures mean</h2><p class="lead">{how}</p>'
        f'<dl class="measures">{rows}</dl></section>'
    )


def seconds_text(seconds: float) -> str:
    """``0.42 s``, ``8.3 s``, ``4 min 05 s``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _head(title: str, attributes: str = "") -> str:
    return f'<th scope="col" {attributes}><button type="button">{escape(title)}</button></th>'


def _cell(metric: Metric, value: float | None) -> str:
    if value is None:
        return '<td data-value="">–</td>'
    return f'<td data-value="{value:.6g}">{value:.{metric.digits}f}</td>'
