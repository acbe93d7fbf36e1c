"""A run in MLflow: what went in, every loss, metrics, pictures, the weights, and their place in the model registry.

Only the driver speaks to MLflow, from the history that the workers leave. So a new SQLite store has one first user, the workers
need no MLflow, and after an interruption only what is not there yet is sent.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vitruvian.mlflow_store import RUN_KEY, experiment_id, is_store_failure, quiet_client, store_error
from vitruvian.provenance import CODE_VERSION
from vitruvian.train.history import Event
from vitruvian.train.registration import describe_version
from vitruvian.usage import Usage

BATCH = 900
"""Metrics a request; MLflow takes up to 1000."""
PARAMS = 100
CODE_VERSIONS = "vitruvian.code_versions"
"""Tag: every version that a run was continued with, in their order."""


class Tracker:
    """One MLflow run, created or found by its key."""

    def __init__(
        self,
        uri: str,
        *,
        experiment: str,
        key: str,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
        files: Mapping[str, Mapping[str, Any]] | None = None,
        patient: bool = False,
    ) -> None:
        """``files``: contents of JSON files by name. ``InputError`` if the store cannot be used; ``patient``: if it does not
        answer now, that is said, and ``flush`` tries again."""
        self.uri = uri
        self.run_id = ""
        """Empty as long as the store has not answered."""
        self._wanted = (experiment, key, name, tags, params, files or {})
        self._early: list[Event] = []
        self._waiting: list[Event] = []
        try:
            self._open()
        except Exception as error:  # MLflow's stores raise whatever their own dependencies raise
            if not patient or not is_store_failure(error):
                raise store_error(uri, error) from error
            print(f"{store_error(uri, error)} Training goes on; {name} is recorded later.", file=sys.stderr)

    def _open(self) -> None:
        experiment, key, name, tags, params, files = self._wanted
        self._client = quiet_client(self.uri)
        self._find_or_create(experiment_id(self._client, self.uri, experiment), key, name, tags, params)
        for file, content in files.items():
            self._client.log_dict(self.run_id, dict(content), file)
        early, self._early = self._early, []
        self.add(early)

    def _find_or_create(self, experiment: str, key: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> None:
        found = self._client.search_runs([experiment], filter_string=f"tags.`{RUN_KEY}` = '{key}'")
        if found:
            run_id = found[0].info.run_id
            self._client.update_run(run_id, status="RUNNING")
            before = found[0].data.tags.get(CODE_VERSIONS, found[0].data.tags.get(CODE_VERSION, "")).split()
            versions = " ".join(dict.fromkeys([*before, tags.get(CODE_VERSION, "")])).strip()
            for tag, value in {**tags, **({CODE_VERSIONS: versions} if versions else {})}.items():
                self._client.set_tag(run_id, tag, value)
            self.run_id = run_id
            logged = self._client.get_metric_history(self.run_id, "train/loss")
            self._next_step = max((metric.step for metric in logged), default=-1) + 1
            ends = self._client.get_metric_history(self.run_id, "epoch")
            self._next_epoch = int(max((metric.value for metric in ends), default=-1)) + 1
            self._has_derived = bool(self._client.get_metric_history(self.run_id, "derived/bytes"))
            return
        from mlflow.entities import Param

        run = self._client.create_run(experiment, run_name=name, tags={RUN_KEY: key, **tags})
        self.run_id = run.info.run_id
        self._next_step = self._next_epoch = 0
        self._has_derived = False
        entries = [Param(name, str(value)[:500]) for name, value in params.items()]
        for start in range(0, len(entries), PARAMS):
            self._client.log_batch(self.run_id, params=entries[start : start + PARAMS])

    def add(self, events: Sequence[Event]) -> None:
        """Keep what the run does not have yet (steps, ends of epochs, what was derived) for the next ``flush``."""
        if not self.run_id:  # what it has is not known yet
            self._early += events
            return
        for event in events:
            if event["event"] == "step" and event["step"] >= self._next_step:
                self._next_step = event["step"] + 1
                self._waiting.append(event)
            elif event["event"] == "epoch" and event["epoch"] >= self._next_epoch:
                self._next_epoch = event["epoch"] + 1
                self._waiting.append(event)
            elif event["event"] == "derived" and not self._has_derived:
                self._has_derived = True
                self._waiting.append(event)

    def flush(self) -> None:
        """Send what waits. What could not be sent (the exception says why) waits on."""
        if not self.run_id:
            self._open()
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        while self._waiting:
            metrics: list[Any] = []
            taken = 0
            for event in self._waiting:
                values = _metrics(event)
                if metrics and len(metrics) + len(values) > BATCH:
                    break
                metrics += [Metric(name, value, now, event.get("step", 0)) for name, value in values.items()]
                taken += 1
            self._client.log_batch(self.run_id, metrics=metrics)
            del self._waiting[:taken]

    def add_file(self, path: Path, folder: str | None = None) -> None:
        self._client.log_artifact(self.run_id, str(path), folder)

    def add_metrics(self, values: Mapping[str, float], *, step: int = 0) -> None:
        """Values of a moment; ``step`` 0 for those that have no step."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self.run_id, metrics=[Metric(name, float(value), now, step) for name, value in values.items()])

    def add_usage(self, usage: Usage, *, step: int, samples_per_second: float | None) -> None:
        """What the run has cost so far, over all attempts, and on what machines."""
        rate = {} if samples_per_second is None else {"usage/samples_per_second": samples_per_second}
        self.add_metrics({**usage.metrics, **rate}, step=step)
        for tag, value in usage.tags.items():
            self._client.set_tag(self.run_id, tag, value)

    def register(self, weights: Path, *, model: str, alias: str, tags: Mapping[str, str]) -> str:
        """Store the weights folder with the run, make it the newest version of ``model``, with ``alias`` pointing at it, and
        have it described by its model card.

        Returns the version. A run registers once; a second call finishes what the first one did not.
        """
        from mlflow.exceptions import MlflowException

        found = [one for one in self._client.search_model_versions(f"name = '{model}'") if one.run_id == self.run_id]
        if not found:
            self._client.log_artifacts(self.run_id, str(weights), "weights")
            try:
                self._client.get_registered_model(model)
            except MlflowException:
                self._client.create_registered_model(model)
            source = f"runs:/{self.run_id}/weights"
            found = [self._client.create_model_version(model, source=source, run_id=self.run_id, tags=dict(tags))]
            self._client.set_registered_model_alias(model, alias, found[0].version)
        elif alias not in self._client.get_registered_model(model).aliases:  # killed before it was set
            self._client.set_registered_model_alias(model, alias, found[0].version)
        version = str(found[0].version)
        if not found[0].description:
            describe_version(self._client, model=model, version=version, run_id=self.run_id, weights=weights)
        return version

    def end(self, status: str) -> None:
        """``FINISHED``, ``FAILED`` or ``KILLED`` (interrupted; it may be continued)."""
        self._client.set_terminated(self.run_id, status)


def _metrics(event: Event) -> dict[str, float]:
    if event["event"] == "epoch":
        return {"epoch": event["epoch"], **{f"held_out/{name}": value for name, value in event["metrics"].items()}}
    if event["event"] == "derived":
        return {f"derived/{name}": event[name] for name in ("samples", "bytes", "seconds", "largest_error")}
    known = {"event", "step", "epoch"}
    return {f"train/{name}": value for name, value in event.items() if name not in known}
