"""What an evaluation leaves beside its page for other programs: tables as CSV and Markdown, plots as SVG pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from vitruvian.evaluate.comparison import PairedDifference, verdict
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.report.figures import comparison_figures
from vitruvian.evaluate.results import EvaluationReport, best_models

TABLE_CSV, TABLE_MARKDOWN, SAMPLES_CSV, PLOTS = "table.csv", "table.md", "samples.csv", "plots"


def write_files(report: EvaluationReport, comparisons: Sequence[PairedDifference]) -> tuple[Path, ...]:
    """Write ``table.csv``, ``table.md``, ``samples.csv`` and ``plots/*.svg`` into the evaluation's folder; their paths."""
    contents = {
        TABLE_CSV: table_csv(report),
        TABLE_MARKDOWN: table_markdown(report, comparisons),
        SAMPLES_CSV: samples_csv(report),
        **{f"{PLOTS}/{name}.svg": picture for name, picture in comparison_figures(report, comparisons).items()},
    }
    folder = report.folder / PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        if f"{PLOTS}/{old.name}" not in contents:
            old.unlink()
    for name, content in contents.items():
        (report.folder / name).write_text(content, encoding="utf-8")
    return tuple(report.folder / name for name in contents)


def table_csv(report: EvaluationReport) -> str:
    """One row a model and measure: mean and median as they were measured, not rounded."""
    rows: list[Sequence[object]] = [("model", "measure", "unit", "better", "mean", "median", "samples", "failed")]
    for model in report.models:
        for name, metric in METRICS.items():
            if name in model.mean:
                counts = (model.measured[name], model.num_failed)
                row = (model.name, name, metric.unit, metric.better, model.mean[name], model.median[name], *counts)
                rows.append(row)
    return _csv(rows)


def samples_csv(report: EvaluationReport) -> str:
    """One row a picture and model."""
    rows: list[Sequence[object]] = [("model", "subject", "view", "failure", "seconds", *METRICS)]
    for sample in report.samples:
        values = [sample.metrics.get(name, "") for name in METRICS]
        seconds = sum(sample.timings_s.values()) if sample.timings_s else ""
        rows.append((sample.model, sample.subject_id, sample.view_index, sample.failure or "", seconds, *values))
    return _csv(rows)


def table_markdown(report: EvaluationReport, comparisons: Sequence[PairedDifference]) -> str:
    """Means of all models, the best in bold, and what can be told of the differences."""
    head = " | ".join(_cell(model.name) for model in report.models)
    lines = [f"| Mean over pictures | {head} |", "|---|" + "---:|" * len(report.models)]
    for name, metric in METRICS.items():
        best = best_models(report.models, name)
        cells = []
        for model in report.models:
            text = f"{model.mean[name]:.{metric.digits}f}" if name in model.mean else "–"
            cells.append(f"**{text}**" if model.name in best else text)
        arrow = "↑" if metric.better == "higher" else "↓"
        unit = f", {metric.unit}" if metric.unit else ""
        lines.append(f"| {metric.title}{unit} {arrow} | {' | '.join(cells)} |")
    counts = [f"{model.num_samples - model.num_failed} of {model.num_samples}" for model in report.models]
    lines.append(f"| Reconstructed | {' | '.join(counts)} |")
    text = "\n".join(lines) + "\n"
    if report.warning:
        text = f"> **Warning.** {report.warning}\n\n{text}"
    for first, second in dict.fromkeys((one.first, one.second) for one in comparisons):
        rows = [one for one in comparisons if (one.first, one.second) == (first, second) and METRICS[one.metric].headline]
        text += f"\n{first} and {second}, by person:\n\n" + "".join(f"- {verdict(one)}\n" for one in rows)
    return text


def _csv(rows: Sequence[Sequence[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
