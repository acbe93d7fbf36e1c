"""Write the report: gather the sections, put style, script and meshes into the one page, forbid every outside request."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from vitruvian import __version__
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.report.data import Curve, Fact, Plot, ReportData
from vitruvian.evaluate.report.people import people_section
from vitruvian.evaluate.report.plots import line_plot, strip_plot
from vitruvian.evaluate.report.tables import (
    facts_section,
    key_figures,
    labels,
    measures_section,
    model_label,
    sample_table,
    seconds_text,
)
from vitruvian.evaluate.results import CURVE_LIMITS_CM, EvaluationReport

DISTRIBUTIONS = ("iou", "chamfer_cm", "normal_front_deg")


def write_report(path: Path, data: ReportData) -> Path:
    """Write the page to ``path`` (through a temporary name) and return it.

    One HTML file without any outside reference: pictures, meshes, script and style lie in it, and its content security policy
    allows nothing else. Raises ``InputError`` when pictures or meshes are missing from the evaluation's folder.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(page(data), encoding="utf-8")
    temporary.replace(path)
    return path


def page(data: ReportData) -> str:
    """The whole page as text; the same data give the same text."""
    evaluation = data.evaluation
    script = "(() => {\n" + _part("viewer.js") + _part("page.js") + "})();"
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return Template(_part("template.html")).substitute(
        script_hash=f"sha256-{digest}",
        version=escape(__version__),
        title=escape(data.title),
        style=_part("page.css"),
        summary=escape(data.summary) if data.summary else _summary(evaluation),
        keys=key_figures(evaluation),
        people=people_section(data),
        distributions=_distributions(evaluation),
        table=sample_table(evaluation),
        training=_training(data),
        facts=facts_section([*data.facts, *_evaluation_facts(evaluation)], data.durations),
        measures=measures_section(evaluation),
        footer=f"Written by Vitruvian {escape(__version__)}. This page is one file and loads nothing from elsewhere.",
        script=script,
    )


def _summary(evaluation: EvaluationReport) -> str:
    model = evaluation.models[0]
    people = len(model.subjects)
    mean = model.mean
    held_out = " that it had never seen" if evaluation.settings.get("split") == "test" else ""
    pictures = f"{people} people" if people != 1 else "one person"
    pictures += held_out + (" from one picture each" if model.num_samples == people else f" from {model.num_samples} pictures")
    text = f"{escape(model_label(model))} reconstructed {pictures}. "
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


def _distributions(evaluation: EvaluationReport) -> str:
    names = labels(evaluation)
    strips = ""
    for metric in (METRICS[name] for name in DISTRIBUTIONS):
        values = {
            names[model.name]: [
                (f"{sample.subject_id}, view {sample.view_index}", sample.metrics[metric.name])
                for sample in evaluation.samples
                if sample.model == model.name and metric.name in sample.metrics
            ]
            for model in evaluation.models
        }
        strips += strip_plot(metric, values)
    curves = []
    for model in evaluation.models:
        rows = [sample.shares_within for sample in evaluation.samples if sample.model == model.name and sample.shares_within]
        if rows:
            shares = [100 * sum(column) / len(rows) for column in zip(*rows, strict=True)]
            curves.append(Curve(name=names[model.name], points=tuple(zip(CURVE_LIMITS_CM, shares, strict=True))))
    within = line_plot(
        Plot(title="Surface within a distance of the other (%)", curves=tuple(curves), x_label="distance (cm)")
    )  # fmt: skip
    plots = f'<div class="plots spread"><div>{strips}</div>{within}</div>'
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


def _part(name: str) -> str:
    return (files("vitruvian.evaluate.report") / name).read_text(encoding="utf-8")
