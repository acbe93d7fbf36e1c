"""Put an evaluation beside the training that it judges, in MLflow."""

from __future__ import annotations

import time
import warnings

from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from vitruvian.errors import InputError
from vitruvian.evaluate.results import EvaluationReport

MAX_PICTURES = 16


def log_evaluation(report: EvaluationReport, *, tracking_uri: str | None = None, run_id: str | None = None) -> str:
    """Log averages (``heldout/iou``...; of several models ``heldout/NAME/iou``), ``metrics.json`` and comparison pictures.

    Into the run ``run_id``, or a new run of the experiment ``evaluation`` when it is None. ``tracking_uri`` None: the one that
    MLflow is set to. Returns the run's id; raises ``InputError`` when there is no such run.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations between MLflow and its own dependencies
        return _log(report, tracking_uri, run_id)


def _log(report: EvaluationReport, tracking_uri: str | None, run_id: str | None) -> str:
    client = MlflowClient(tracking_uri=tracking_uri)
    own_run = run_id is None
    if run_id is None:
        experiment = client.get_experiment_by_name("evaluation")
        experiment_id = client.create_experiment("evaluation") if experiment is None else experiment.experiment_id
        run_id = client.create_run(experiment_id, run_name=report.models[0].name).info.run_id
    values: dict[str, float] = {}
    for model in report.models:
        prefix = "heldout" if len(report.models) == 1 else f"heldout/{model.name}"
        values |= {f"{prefix}/{name}": value for name, value in model.mean.items()}
        values |= {f"{prefix}/samples": model.num_samples, f"{prefix}/failed": model.num_failed}
    try:
        client.get_run(run_id)
        timestamp = round(1000 * time.time())
        client.log_batch(run_id, metrics=[Metric(name, float(value), timestamp, 0) for name, value in values.items()])
    except MlflowException as error:
        raise InputError(f"mlflow-run-id {run_id}: cannot be written to ({error.message}).") from None
    client.log_artifact(run_id, str(report.folder / "metrics.json"), "heldout")
    pictures = sorted({sample.folder for sample in report.samples})[:MAX_PICTURES]
    for folder in pictures:
        path = report.folder / folder / "comparison.png"
        client.log_artifact(run_id, str(path), f"heldout/{folder}")
    if own_run:
        client.set_terminated(run_id)
    return run_id
