"""What an evaluation leaves: one record a sample, averages a model, as dataclasses and as ``metrics.json``.

A reconstruction that failed keeps its record with the reason. It counts as the worst value in averages of measures that have
one (IoU 0), is left out of the others, and is counted beside them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from vitruvian.errors import InputError
from vitruvian.evaluate.metrics.catalogue import METRICS

FORMAT = 2
CURVE_LIMITS_CM = tuple(0.25 * k for k in range(41))
"""Where the share of the surface within a distance is noted, 0 to 10 cm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleResult:
    """One picture through one model."""

    model: str
    subject_id: str
    view_index: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    """By the names of ``catalogue.METRICS``; empty for a failure."""
    failure: str | None = None
    """Why there is no reconstruction, or none that can be measured."""
    shares_within: tuple[float, ...] = ()
    """Share of both surfaces within each of ``CURVE_LIMITS_CM`` of the other."""
    timings_s: Mapping[str, float] = field(default_factory=dict)
    num_vertices: int = 0
    num_faces: int = 0
    folder: str = ""
    """Where its picture and meshes lie, relative to the evaluation's folder."""
    mesh_file: str | None = None
    """The reconstruction, a GLB file in ``folder``."""

    @property
    def key(self) -> tuple[str, int]:
        return self.subject_id, self.view_index


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelResult:
    """The averages of one model over all its samples (views count separately)."""

    name: str
    weights: str
    num_samples: int
    num_failed: int
    mean: Mapping[str, float]
    median: Mapping[str, float]
    measured: Mapping[str, int]
    """How many samples each average rests on."""
    subjects: Mapping[str, Mapping[str, float]]
    """Mean over the views of each subject."""
    seconds_per_reconstruction: float | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    """The weights' card: method, stage, recipe, data, licence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationReport:
    """A finished evaluation. ``folder`` holds ``metrics.json`` and, a sample, pictures and meshes."""

    folder: Path
    models: tuple[ModelResult, ...]
    samples: tuple[SampleResult, ...]
    settings: Mapping[str, Any]
    """Cell size, number of surface samples, seed, split."""
    data: Mapping[str, Any]
    """Of the data set: fingerprint, folder, card."""
    seconds: float = 0.0
    """Wall time of the whole evaluation."""
    warning: str = ""
    """What must be said before any figure: models that have seen the people, or of which that is not known."""

    @property
    def iou(self) -> float:
        """Mean volume IoU of the first model."""
        return self.models[0].mean["iou"]

    @property
    def mean(self) -> Mapping[str, float]:
        """All averages of the first model."""
        return self.models[0].mean

    @property
    def num_failed(self) -> int:
        return sum(model.num_failed for model in self.models)

    def __str__(self) -> str:
        """A table of all averages, one column a model, for the terminal; of several models the best value has a star."""
        titles = {name: f"{m.title} ({m.unit})" if m.unit else m.title for name, m in METRICS.items()}
        width = max(len(title) for title in titles.values())
        columns = [max(10, len(model.name)) for model in self.models]
        lines = [" " * width + "".join(f"  {model.name:>{wide}}" for model, wide in zip(self.models, columns, strict=True))]
        for name, metric in METRICS.items():
            best = best_models(self.models, name)
            values = [
                (f"{model.mean[name]:.{metric.digits}f}" if name in model.mean else "-") + ("*" if model.name in best else "")
                for model in self.models
            ]
            lines.append(f"{titles[name]:<{width}}" + "".join(f"  {v:>{w}}" for v, w in zip(values, columns, strict=True)))
        counts = [f"{model.num_samples - model.num_failed}/{model.num_samples}" for model in self.models]
        lines.append(f"{'Reconstructed':<{width}}" + "".join(f"  {v:>{w}}" for v, w in zip(counts, columns, strict=True)))
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Plain values; the first model's averages also at the top level."""
        first = self.models[0]
        return {
            "format": FORMAT,
            **first.mean,
            "num_samples": first.num_samples,
            "num_failed": first.num_failed,
            "models": [dataclasses.asdict(model) for model in self.models],
            "settings": dict(self.settings),
            "data": dict(self.data),
            "seconds": self.seconds,
            "warning": self.warning,
            "curve_limits_cm": CURVE_LIMITS_CM,
            "samples": [dataclasses.asdict(sample) for sample in self.samples],
            "measures": {
                name: {"title": m.title, "unit": m.unit, "better": m.better, "description": m.description}
                for name, m in METRICS.items()
            },
        }

    def save(self, **more: Any) -> Path:
        """Write ``metrics.json`` into the folder (through a temporary name), with ``more`` values, and return its path."""
        path = self.folder / "metrics.json"
        temporary = path.with_suffix(".json.tmp")
        values = {**self.to_json(), **more}
        temporary.write_text(json.dumps(values, indent=1, allow_nan=False, default=str) + "\n", encoding="utf-8")
        temporary.replace(path)
        return path


def load_evaluation(folder: Path) -> EvaluationReport:
    """The evaluation that lies in ``folder``. Raises ``InputError`` when there is none or it cannot be read."""
    path = Path(folder) / "metrics.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run `vitruvian evaluate` with this folder as output first.") from None
    except ValueError as error:
        raise InputError(f"{path}: is not JSON ({error}); evaluate again.") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise InputError(f"{path}: is not an evaluation of format {FORMAT}; evaluate again with this version.")
    samples = [{**sample, "shares_within": tuple(sample["shares_within"])} for sample in values["samples"]]
    return EvaluationReport(
        folder=Path(folder),
        models=tuple(ModelResult(**model) for model in values["models"]),
        samples=tuple(SampleResult(**sample) for sample in samples),
        settings=values["settings"],
        data=values["data"],
        seconds=values["seconds"],
        warning=values["warning"],
    )


def best_models(models: Sequence[ModelResult], name: str) -> set[str]:
    """Names of the models whose mean of a measure is best as it is shown; empty unless several have it and they differ."""
    metric = METRICS[name]
    shown = {model.name: round(model.mean[name], metric.digits) for model in models if name in model.mean}
    if len(set(shown.values())) < 2:
        return set()
    top = (max if metric.better == "higher" else min)(shown.values())
    return {model for model, value in shown.items() if value == top}


def summarize(
    name: str, weights: str, samples: Sequence[SampleResult], card: Mapping[str, Any] | None = None
) -> ModelResult:  # fmt: skip
    """Average the samples of one model by the rule of this module. Raises ``ValueError`` without samples."""
    if not samples:
        raise ValueError(f"summarize: there is no sample of model {name!r}.")
    means, medians, counts = _average(samples)
    by_subject: dict[str, list[SampleResult]] = {}
    for sample in samples:
        by_subject.setdefault(sample.subject_id, []).append(sample)
    seconds = [sum(sample.timings_s.values()) for sample in samples if sample.timings_s]
    return ModelResult(
        name=name,
        weights=weights,
        num_samples=len(samples),
        num_failed=sum(sample.failure is not None for sample in samples),
        mean=means,
        median=medians,
        measured=counts,
        subjects={subject: _average(rows)[0] for subject, rows in by_subject.items()},
        seconds_per_reconstruction=fmean(seconds) if seconds else None,
        card=card or {},
    )


def _average(samples: Iterable[SampleResult]) -> tuple[dict[str, float], dict[str, float], dict[str, int]]:
    samples = list(samples)
    means, medians, counts = {}, {}, {}
    for name, metric in METRICS.items():
        values = [sample.metrics[name] for sample in samples if name in sample.metrics]
        if metric.of_nothing is not None:
            values += [metric.of_nothing for sample in samples if sample.failure is not None]
        if values:
            means[name], medians[name], counts[name] = fmean(values), median(values), len(values)
    return means, medians, counts
