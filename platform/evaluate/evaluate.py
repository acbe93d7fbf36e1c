"""Evaluate models on held-out people: read the data set, load the models, measure, write and log."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian import __version__
from vitruvian.evaluate.comparison import compare_models
from vitruvian.evaluate.evaluation import SAMPLE_FILES, evaluate_samples, file_stem
from vitruvian.evaluate.files import write_files
from vitruvian.evaluate.judge import Measuring, Truth
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.models import Model, load_models
from vitruvian.evaluate.options import EvaluateOptions
from vitruvian.evaluate.overlap import Seen, refuse_seen, seen_people, warning
from vitruvian.evaluate.report import ReportData, write_report
from vitruvian.evaluate.results import FORMAT, EvaluationReport, SampleResult, summarize
from vitruvian.mlflow_store import store_uri
from vitruvian.shards import ShardDataset
from vitruvian.storage.folders import working_folder
from vitruvian.storage.url import beside

ITEMS = ("rgb", "mask", "mesh")
MODELS = "models"
"""Sub-folder for weights from the registry."""


def evaluate(options: EvaluateOptions, *, progress: Callable[[int, int], None] | None = None) -> EvaluationReport:
    """Evaluate, write ``out/metrics.json``, tables, plots, ``out/samples/`` and ``out/report.html``, log, return the results.

    A picture that a model cannot reconstruct is a result like any other, with its reason. ``progress`` is told the numbers of
    pictures done and in all. Raises ``InputError`` for folders that are not what they should be, a split without people, and
    people whom a model was trained on.
    """
    tracking_uri = store_uri(options.mlflow_tracking_uri, beside(options.out))
    with working_folder(options.out, what="evaluation", wanted=lambda name: not name.startswith(f"{MODELS}/")) as out:
        return _evaluate(options, out, tracking_uri, progress)


def _evaluate(
    options: EvaluateOptions, out: Path, tracking_uri: str, progress: Callable[[int, int], None] | None
) -> EvaluationReport:
    start = time.perf_counter()
    models = load_models(tuple(map(str, options.weights)), options.name, cache=out / MODELS, tracking_uri=tracking_uri)
    dataset = _open(options)
    samples_of_subjects = [dataset.sample_indices(position) for position in range(len(dataset.subjects))]
    chosen = choose_samples(samples_of_subjects, max_subjects=options.max_subjects, views=options.views)
    seen = _seen(models, dataset, options)
    measuring = Measuring(
        cell_m=options.cell_mm / 1000, num_samples=options.surface_samples, seed=options.seed, threads=options.threads
    )
    out.mkdir(parents=True, exist_ok=True)
    if (out / "metrics.json").exists():  # no older figures stand beside new meshes
        (out / "metrics.json").unlink()
        (out / "report.html").unlink(missing_ok=True)
    samples = evaluate_samples(
        _truths(dataset, chosen),
        {model.name: model.reconstructor for model in models},
        out,
        measuring,
        identities={model.name: _identity(model, dataset, measuring) for model in models} if options.resume else None,
        progress=None if progress is None else lambda done: progress(done, len(chosen)),
    )
    _remove_what_is_old(out, samples, models)
    report = EvaluationReport(
        folder=out,
        models=tuple(
            summarize(
                model.name,
                model.origin,
                [sample for sample in samples if sample.model == model.name],
                _card(model),
            )
            for model in models
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
        warning=warning(seen, len(samples_of_subjects[: options.max_subjects])),
    )
    comparisons = compare_models(report.models, seed=options.seed)
    report.save(comparisons=[{**dataclasses.asdict(one), "better": one.better} for one in comparisons])
    write_files(report, comparisons)
    if options.report:
        write_report(out / "report.html", ReportData(evaluation=report, comparisons=comparisons))
    if options.mlflow:
        from vitruvian.evaluate.tracking import log_evaluation  # MLflow takes seconds to import

        log_evaluation(report, comparisons, tracking_uri=tracking_uri, run_id=options.mlflow_run_id)
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


def _open(options: EvaluateOptions) -> ShardDataset:
    """The chosen split; with the stored normals where they are those of the published protocol."""
    dataset = ShardDataset(options.data, items=ITEMS, split=options.split)
    if dataset.card.get("protocol") == "geopifu" and "normal" in dataset.card["items"]:
        return ShardDataset(options.data, items=(*ITEMS, "normal"), split=options.split)
    return dataset


def _seen(models: Sequence[Model], dataset: ShardDataset, options: EvaluateOptions) -> list[Seen]:
    subjects = [(subject.subject_id, subject.split) for subject in dataset.subjects[: options.max_subjects]]
    seen = [seen_people(model.name, model.cards, dataset.card, dataset.fingerprint, subjects) for model in models]
    if not options.allow_seen_people:
        refuse_seen(seen, len(subjects))
    return seen


def _truths(dataset: ShardDataset, chosen: Sequence[int]) -> Iterator[Truth]:
    dataset.will_read(chosen)
    published = dataset.card.get("protocol") == "geopifu"
    for index in chosen:
        stored: dict[str, Any] = dataset[index]
        center = np.asarray(stored["center_m"], np.float64).tolist()
        yield Truth(
            subject_id=stored["subject_id"],
            view_index=int(stored["view_index"]),
            picture=np.ascontiguousarray(stored["rgb"]),
            mask=np.ascontiguousarray(stored["mask"]),
            camera=stored["camera"],
            mesh=stored["mesh"],
            similarity=((center[0], center[1], center[2]), float(stored["units_per_metre"])) if published else None,
            normal=stored.get("normal"),
        )


def _identity(model: Model, dataset: ShardDataset, measuring: Measuring) -> str:
    """What a model's results follow from, beside the picture: their digest."""
    settings = dataclasses.asdict(dataclasses.replace(measuring, threads=1))
    values = [FORMAT, __version__, sorted(METRICS), model.digest, dataset.fingerprint, settings]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _card(model: Model) -> dict[str, Any]:
    """The card without its people: a report need not list thousands of codes."""
    card = dataclasses.asdict(model.reconstructor.card)
    return {**card, "people": len(card["people"])}


def _remove_what_is_old(out: Path, samples: Sequence[SampleResult], models: Sequence[Model]) -> None:
    """Remove what earlier evaluations left in ``out``: pictures and models that this one does not have. Other files stay."""
    folders = {Path(sample.folder).name for sample in samples}
    files = {f"{file_stem(model.name)}{ending}" for model in models for ending in (".glb", ".json")} | set(SAMPLE_FILES)
    for place in (out / "samples").iterdir():
        if not re.fullmatch(r"\d{4,}-.+-view\d{2,}", place.name) or not (place / "camera.json").is_file():
            continue
        if place.name not in folders:
            shutil.rmtree(place, ignore_errors=True)
            continue
        for file in place.iterdir():
            if file.name not in files and file.suffix in (".glb", ".json"):
                file.unlink()
