"""Evaluate weights on held-out people: read the data set, load the models, measure, write and log."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.errors import InputError
from vitruvian.evaluate.evaluation import Measuring, Truth, evaluate_samples
from vitruvian.evaluate.options import EvaluateOptions
from vitruvian.evaluate.report import ReportData, write_report
from vitruvian.evaluate.results import EvaluationReport, summarize
from vitruvian.methods.registry import load_reconstructor
from vitruvian.shards import ShardDataset


def evaluate(options: EvaluateOptions, *, progress: Callable[[int, int], None] | None = None) -> EvaluationReport:
    """Evaluate, write ``out/metrics.json``, ``out/samples/`` and ``out/report.html``, log, and return the results.

    A picture that a model cannot reconstruct is a result like any other, with its reason. ``progress`` is told the numbers of
    pictures done and in all. Raises ``InputError`` for folders that are not what they should be, and a split without people.
    """
    start = time.perf_counter()
    reconstructors = [load_reconstructor(folder) for folder in options.weights]
    titles = [f"{reconstructor.card.method} {reconstructor.card.recipe}" for reconstructor in reconstructors]
    models = dict(zip(model_names(options.weights, titles), reconstructors, strict=True))
    dataset = ShardDataset(options.data, items=("rgb", "mask", "mesh"), split=options.split)
    samples_of_subjects = [dataset.sample_indices(position) for position in range(len(dataset.subjects))]
    chosen = choose_samples(samples_of_subjects, max_subjects=options.max_subjects, views=options.views)
    _clear(options.out)
    measuring = Measuring(
        cell_m=options.cell_mm / 1000, num_samples=options.surface_samples, seed=options.seed, threads=options.threads
    )
    samples = evaluate_samples(
        _truths(dataset, chosen),
        models,
        options.out,
        measuring,
        progress=None if progress is None else lambda done: progress(done, len(chosen)),
    )
    report = EvaluationReport(
        folder=options.out,
        models=tuple(
            summarize(
                name,
                str(folder),
                [sample for sample in samples if sample.model == name],
                dataclasses.asdict(reconstructor.card),
            )
            for (name, reconstructor), folder in zip(models.items(), options.weights, strict=True)
        ),
        samples=tuple(samples),
        settings={
            "split": options.split,
            "cell_mm": options.cell_mm,
            "surface_samples": options.surface_samples,
            "seed": options.seed,
            "views": options.views,
        },
        data={"folder": str(options.data), "fingerprint": dataset.fingerprint, "card": dict(dataset.card)},
        seconds=time.perf_counter() - start,
    )
    report.save()
    if options.report:
        write_report(options.out / "report.html", ReportData(evaluation=report))
    if options.mlflow_tracking_uri is not None or options.mlflow_run_id is not None:
        from vitruvian.evaluate.tracking import log_evaluation  # MLflow takes seconds to import

        log_evaluation(report, tracking_uri=options.mlflow_tracking_uri, run_id=options.mlflow_run_id)
    return report


def choose_samples(
    samples_of_subjects: Sequence[Sequence[int]], *, max_subjects: int | None = None, views: int | None = 1
) -> list[int]:
    """Of the first subjects' samples (one sequence a subject, in the order of their views) so many each, spread evenly and
    beginning with the first."""
    chosen: list[int] = []
    for samples in samples_of_subjects[:max_subjects]:
        count = len(samples) if views is None else min(views, len(samples))
        chosen += [samples[k * len(samples) // count] for k in range(count)]
    return chosen


def model_names(folders: Sequence[Path], titles: Sequence[str]) -> list[str]:
    """A short, distinct name for each weights folder: its title where these differ between all, else as much of the end of its
    path as tells it from the others."""
    parts = [folder.resolve().parts for folder in folders]
    if len(set(parts)) < len(parts):
        raise InputError("weights: the same folder is given twice; give each once.")
    if len(set(titles)) == len(titles):
        return list(titles)
    depth = 1
    while len({part[-depth:] for part in parts}) < len(parts):
        depth += 1
    return ["-".join(part[-depth:]).replace("/", "") or "model" for part in parts]


def _truths(dataset: ShardDataset, chosen: Sequence[int]) -> Iterator[Truth]:
    for index in chosen:
        stored: dict[str, Any] = dataset[index]
        yield Truth(
            subject_id=stored["subject_id"],
            view_index=int(stored["view_index"]),
            picture=np.ascontiguousarray(stored["rgb"]),
            mask=np.ascontiguousarray(stored["mask"]),
            camera=stored["camera"],
            mesh=stored["mesh"],
        )


def _clear(out: Path) -> None:
    """Remove what an earlier evaluation left in ``out``; other files stay."""
    if (out / "metrics.json").exists():
        (out / "metrics.json").unlink()
        shutil.rmtree(out / "samples", ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
