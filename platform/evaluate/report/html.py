"""Write the report: gather the sections, put style, script and meshes into the one page, forbid every outside request."""

from __future__ import annotations

from html import escape
from pathlib import Path

from vitruvian.evaluate.comparison import PairedDifference
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.report.compared import compared_section
from vitruvian.evaluate.report.data import Fact, ReportData
from vitruvian.evaluate.report.figures import SPREAD, values_of, within_plot
from vitruvian.evaluate.report.people import people_section
from vitruvian.evaluate.report.plots import line_plot, strip_plot
from vitruvian.evaluate.report.shell import page_text, write_page
from vitruvian.evaluate.report.tables import (
    facts_section,
    key_figures,
    measures_section,
    sample_table,
    seconds_text,
)
from vitruvian.evaluate.results import EvaluationReport, best_models


def write_report(path: Path, data: ReportData) -> Path:
    """Write the page to ``path`` (through a temporary name) and return it.

    One HTML file without any outside reference: pictures, meshes, script and style lie in it, and its content security policy
    allows nothing else. Raises ``InputError`` when pictures or meshes are missing from the evaluation's folder.
    """
    return write_page(Path(path), page(data))


def page(data: ReportData) -> str:
    """The whole page as text; the same data give the same text."""
    evaluation = data.evaluation
    return page_text(
        title=data.title,
        summary=escape(data.summary) if data.summary else _summary(data),
        warnings=[evaluation.warning] if evaluation.warning else [],
        sections=[
            key_figures(evaluation),
            compared_section(evaluation, data.comparisons),
            people_section(data),
            _distributions(evaluation),
            sample_table(evaluation),
            _training(data),
            facts_section([*data.facts, *_evaluation_facts(evaluation)], data.durations),
            measures_section(evaluation),
        ],
        scripts=["viewer.js", "page.js"],
    )


def _summary(data: ReportData) -> str:
    evaluation = data.evaluation
    model = evaluation.models[0]
    people = len(model.subjects)
    names = [escape(one.name) for one in evaluation.models]
    who = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} each"
    unseen = evaluation.settings.get("split") == "test" and not evaluation.warning
    held_out = f" that {'it' if len(names) == 1 else 'they'} had never seen" if unseen else ""
    pictures = f"{people} people" if people != 1 else "one person"
    pictures += held_out + (" from one picture each" if model.num_samples == people else f" from {model.num_samples} pictures")
    text = f"{who} reconstructed {pictures}. "
    return text + (_alone(evaluation) if len(names) == 1 else _together(data))


def _alone(evaluation: EvaluationReport) -> str:
    model = evaluation.models[0]
    mean = model.mean
    text = ""
    if "iou" in mean:
        text += f"Reconstruction and truth share <b>{100 * mean['iou']:.0f} %</b> of their combined volume on average"
    if "chamfer_cm" in mean:
        text += f"; their surfaces lie <b>{mean['chamfer_cm']:.2f} cm</b> apart"
    if "normal_front_deg" in mean:
        text += f", and in the picture’s view their normals differ by <b>{mean['normal_front_deg']:.0f}°</b>"
    text += "."
    if model.seconds_per_reconstruction is not None:
        text += f" One reconstruction took {seconds_text(model.seconds_per_reconstruction)} on average."
    if model.num_failed:
        text += f" <b>{model.num_failed} of {model.num_samples} failed</b> and count as 0 in the shared volume."
    return text


def _together(data: ReportData) -> str:
    """What can be told between the models, by the shared volume and the distance of the surfaces."""
    told = []
    for one in data.comparisons:
        if one.metric == "iou":
            same = next((two for two in data.comparisons if (two.metric, two.first, two.second)
                         == ("chamfer_cm", one.first, one.second)), None)  # fmt: skip
            told.append(_sentence(one, same))
    volumes = [one for one in data.comparisons if one.metric in ("iou", "chamfer_cm")]
    if len(told) > 1 and all(one.better is None for one in volumes):
        told = ["By shared volume and distance of the surfaces these people <b>cannot tell</b> between any two of them."]
    elif len(told) > 3:
        best = best_models(data.evaluation.models, "iou")
        told = [
            f"Most shared volume on average: <b>{escape(', '.join(sorted(best)))}</b>; below stands which differences count."
        ]
    text = " ".join(told)
    failed = [f"{escape(m.name)} on {m.num_failed} of {m.num_samples}" for m in data.evaluation.models if m.num_failed]
    return text + (f" <b>No reconstruction</b> from {', '.join(failed)}." if failed else "")


def _sentence(volume: PairedDifference, distance: PairedDifference | None) -> str:
    pair = f"{escape(volume.first)} and {escape(volume.second)}"
    volumes = f"{100 * abs(volume.mean):.1f} points of shared volume"
    if volume.better is None and (distance is None or distance.better is None):
        return f"Between {pair} these people <b>cannot tell</b>: the mean difference is {volumes}."
    if distance is not None and volume.better == distance.better:
        by = f"{volumes} and {abs(distance.mean):.2f} cm"
        return f"<b>{escape(volume.better or '')}</b> is better, by {by}."
    parts = []
    for one, words in ((volume, "the shared volume"), (distance, "the distance of the surfaces")):
        if one is not None:
            parts.append(f"by {words} " + (f"<b>{escape(one.better)}</b> is better" if one.better else "they cannot tell"))
    return f"Between {pair}: {' and '.join(parts)}."


def _distributions(evaluation: EvaluationReport) -> str:
    strips = "".join(strip_plot(METRICS[name], values_of(evaluation, name)) for name in SPREAD)
    plots = f'<div class="plots spread"><div>{strips}</div>{line_plot(within_plot(evaluation))}</div>'
    return f'<section id="spread"><h2>How the errors spread</h2>{plots}</section>'


def _training(data: ReportData) -> str:
    if not data.plots:
        return ""
    plots = "".join(line_plot(plot) for plot in data.plots)
    return f'<section id="training"><h2>Training</h2><div class="plots">{plots}</div></section>'


def _evaluation_facts(evaluation: EvaluationReport) -> list[Fact]:
    facts = [
        Fact(label="Weights", value=", ".join(model.weights for model in evaluation.models), group="Evaluation"),
        Fact(label="Data", value=str(evaluation.data.get("folder", "")), group="Evaluation"),
        Fact(label="Fingerprint", value=str(evaluation.data.get("fingerprint", "")), group="Evaluation"),
        Fact(label="Split", value=str(evaluation.settings.get("split", "")), group="Evaluation"),
        Fact(label="Samples", value=str(evaluation.models[0].num_samples), group="Evaluation"),
        Fact(label="Failed", value=str(evaluation.num_failed), group="Evaluation"),
        Fact(label="Took", value=seconds_text(evaluation.seconds), group="Evaluation"),
    ]
    return [fact for fact in facts if fact.value]
