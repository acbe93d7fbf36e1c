"""Which plots an evaluation calls for: the same in the page and as picture files."""

from __future__ import annotations

from collections.abc import Sequence

from vitruvian.evaluate.comparison import PairedDifference
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.report.data import Curve, Plot
from vitruvian.evaluate.report.drawing import Drawing
from vitruvian.evaluate.report.plots import Values, bar_drawing, difference_drawing, line_drawing, strip_drawing
from vitruvian.evaluate.results import CURVE_LIMITS_CM, EvaluationReport

SPREAD = ("iou", "chamfer_cm", "normal_front_deg")
BARS = ("iou", "chamfer_cm", "fscore_2cm", "normal_front_deg", "vertex_chamfer_e4", "normal_front_cosine")
DIFFERENCES = ("iou", "chamfer_cm", "normal_front_deg")


def values_of(evaluation: EvaluationReport, name: str) -> Values:
    """A measure of every sample by its model."""
    return {
        model.name: [
            (f"{sample.subject_id}, view {sample.view_index}", sample.metrics[name])
            for sample in evaluation.samples
            if sample.model == model.name and name in sample.metrics
        ]
        for model in evaluation.models
    }


def spread_drawings(evaluation: EvaluationReport) -> dict[str, Drawing]:
    """Every sample as a dot, a plot a measure."""
    drawn = {f"spread-{name}": strip_drawing(METRICS[name], values_of(evaluation, name)) for name in SPREAD}
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def bar_drawings(evaluation: EvaluationReport) -> dict[str, Drawing]:
    """Means of the models side by side, a plot a measure."""
    drawn = {f"bars-{name}": bar_drawing(METRICS[name], values_of(evaluation, name)) for name in BARS}
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def difference_drawings(comparisons: Sequence[PairedDifference]) -> dict[str, Drawing]:
    """Paired differences by person, a plot a measure."""
    drawn = {}
    for name in DIFFERENCES:
        rows = [one for one in comparisons if one.metric == name]
        drawn[f"differences-{name}"] = difference_drawing(METRICS[name], rows)
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def within_plot(evaluation: EvaluationReport) -> Plot:
    """The share of the surfaces within a distance: one curve a model."""
    curves = []
    for model in evaluation.models:
        rows = [sample.shares_within for sample in evaluation.samples if sample.model == model.name and sample.shares_within]
        means = [100 * sum(column) / len(rows) for column in zip(*rows, strict=True)]
        points = tuple(zip(CURVE_LIMITS_CM, means, strict=True)) if rows else ()
        curves.append(Curve(name=model.name, points=points))
    return Plot(title="Surface within a distance of the other (%)", curves=tuple(curves), x_label="distance (cm)")


def comparison_figures(evaluation: EvaluationReport, comparisons: Sequence[PairedDifference]) -> dict[str, str]:
    """Every plot as the text of an SVG file, by name."""
    drawings = {**bar_drawings(evaluation), **spread_drawings(evaluation), **difference_drawings(comparisons)}
    within = line_drawing(within_plot(evaluation))
    if within is not None:
        drawings["within"] = within
    return {name: drawing.svg() for name, drawing in drawings.items()}
