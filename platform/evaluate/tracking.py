"""Put an evaluation into MLflow: beside the training that it judges, or as a comparison of its own with a run a model."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.evaluate.comparison import PairedDifference
from vitruvian.evaluate.files import PLOTS, SAMPLES_CSV, TABLE_CSV, TABLE_MARKDOWN
from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.results import FORMAT, EvaluationReport, ModelResult
from vitruvian.mlflow_store import experiment_id, quiet_client, store_error
from vitruvian.provenance import DATA_FINGERPRINT, HELD_OUT, METRICS_HASH, people_tag, provenance_tags, short_hash
from vitruvian.shards.people import person_code

EXPERIMENT = "evaluation"
PARENT = "mlflow.parentRunId"
MAX_PICTURES = 16


def log_evaluation(
    report: EvaluationReport,
    comparisons: Sequence[PairedDifference] = (),
    *,
    tracking_uri: str,
    run_id: str | None = None,
) -> str:
    """Log averages, tables, plots, comparison pictures and the page; returns the id of the run that holds them.

    Without ``run_id``: a new run of the experiment ``evaluation`` with the differences between models, and below it one run a
    model with its averages under their own names. With it: into that run, averages as ``heldout/iou`` (of several models
    ``heldout/NAME/iou``) and files below ``heldout``. Raises ``InputError`` when there is no such run or store.
    """
    try:
        client = quiet_client(tracking_uri)
    except Exception as error:  # MLflow's stores raise whatever their own dependencies raise
        raise store_error(tracking_uri, error) from error

    from mlflow.exceptions import MlflowException  # after the client, which imports MLflow without its warnings

    try:
        if run_id is not None:
            return _beside_training(client, report, run_id)
        return _comparison(client, report, comparisons, tracking_uri)
    except MlflowException as error:
        if run_id is not None:
            raise InputError(f"mlflow-run-id {run_id}: cannot be written to ({error.message}).") from None
        raise store_error(tracking_uri, error) from error


def _beside_training(client: Any, report: EvaluationReport, run_id: str) -> str:
    client.get_run(run_id)
    values: dict[str, float] = {}
    for model in report.models:
        prefix = "heldout" if len(report.models) == 1 else f"heldout/{model.name}"
        values |= {f"{prefix}/{name}": value for name, value in _averages(model).items()}
    _log_metrics(client, run_id, values)
    for tag, text in _tags(report).items():  # the training's own stay as they are
        client.set_tag(run_id, tag.replace("vitruvian.", "vitruvian.evaluation.", 1), text)
    _log_files(client, run_id, report, "heldout")
    return run_id


def _tags(report: EvaluationReport) -> dict[str, str]:
    """What evaluations must have in common to be compared: the people, and how they are measured."""
    card = report.data.get("card", {})
    people = {person_code(card, sample.subject_id) for sample in report.samples}
    return {
        DATA_FINGERPRINT: str(report.data.get("fingerprint", "")),
        HELD_OUT: people_tag(people),
        METRICS_HASH: short_hash([FORMAT, sorted(METRICS), report.settings]),
    }


def _comparison(client: Any, report: EvaluationReport, comparisons: Sequence[PairedDifference], uri: str) -> str:
    experiment = experiment_id(client, uri, EXPERIMENT)
    names = " / ".join(model.name for model in report.models)
    tags = {**_tags(report), **provenance_tags("evaluate"), "vitruvian.models": names}
    if report.warning:
        tags["vitruvian.warning"] = report.warning
    parent: str = client.create_run(experiment, run_name=names[:250], tags=tags).info.run_id
    try:
        _log_params(client, parent, {**report.settings, "data": report.data.get("folder", "")})
        for model in report.models:
            child = client.create_run(experiment, run_name=model.name, tags={**tags, PARENT: parent}).info.run_id
            card = {
                name: model.card.get(name, "") for name in ("method", "stage", "recipe", "data_fingerprint", "code_version")
            }
            _log_params(client, child, {"weights": model.weights, **card})
            _log_metrics(client, child, {**_averages(model), **_people(model)})
            client.set_terminated(child)
        differences = {}
        for one in comparisons:
            pair = f"{one.second} minus {one.first}"
            differences[_key(f"difference/{pair}/{one.metric}")] = one.mean
            for end, value in (("low", one.low), ("high", one.high)):
                if value is not None:
                    differences[_key(f"difference/{pair}/{one.metric}_{end}")] = value
        _log_metrics(client, parent, {**differences, "usage/seconds": report.seconds})
        _log_files(client, parent, report, None)
    except BaseException:
        client.set_terminated(parent, "FAILED")
        raise
    client.set_terminated(parent)
    return parent


def _averages(model: ModelResult) -> dict[str, float]:
    counts = {"samples": float(model.num_samples), "failed": float(model.num_failed)}
    seconds = model.seconds_per_reconstruction
    return {**model.mean, **counts, **({} if seconds is None else {"seconds_per_reconstruction": seconds})}


def _people(model: ModelResult) -> dict[str, float]:
    return {"people": float(len(model.subjects))}


def _log_metrics(client: Any, run_id: str, values: Mapping[str, float]) -> None:
    from mlflow.entities import Metric

    now = round(1000 * time.time())
    metrics = [Metric(_key(name), float(value), now, 0) for name, value in values.items()]
    for start in range(0, len(metrics), 900):
        client.log_batch(run_id, metrics=metrics[start : start + 900])


def _log_params(client: Any, run_id: str, values: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(name, str(value)[:500]) for name, value in values.items()])


def _log_files(client: Any, run_id: str, report: EvaluationReport, folder: str | None) -> None:
    base = "" if folder is None else f"{folder}/"
    for name in ("metrics.json", TABLE_CSV, TABLE_MARKDOWN, SAMPLES_CSV, "report.html"):
        if (report.folder / name).is_file():
            client.log_artifact(run_id, str(report.folder / name), folder)
    for plot in sorted((report.folder / PLOTS).glob("*.svg")):
        client.log_artifact(run_id, str(plot), f"{base}{PLOTS}")
    for place in list(dict.fromkeys(sample.folder for sample in report.samples))[:MAX_PICTURES]:
        path: Path = report.folder / place / "comparison.png"
        if path.is_file():
            client.log_artifact(run_id, str(path), f"{base}{place}")


def _key(name: str) -> str:
    """Letters that MLflow allows in the name of a metric."""
    return "".join(letter if letter.isalnum() or letter in "_-. :/" else "_" for letter in name)
