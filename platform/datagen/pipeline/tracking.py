"""A data set's run in MLflow: options, counts while it is made, the card and the quarantine list at the end.

MLflow takes seconds to import and a new SQLite store seconds to set up. So both happen on a thread, while the actors work; the
driver has little else to do. A store that cannot be used is reported as soon as it is known, not after hours of work.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vitruvian.datagen.pipeline.actors import Spent
from vitruvian.errors import InputError
from vitruvian.mlflow_store import RUN_KEY, experiment_id, quiet_client, store_error
from vitruvian.provenance import DATA_FINGERPRINT
from vitruvian.storage.url import is_url
from vitruvian.usage import machine_words

EXPERIMENT = "datagen"
USAGE = "usage/"
INTERVAL_S = 10.0
"""Between two records of progress."""
AWAY_S = 120.0
"""Between two attempts to reach a store that has gone away."""
_BATCH = 100
"""Parameters in a request, as MLflow allows."""


class DatagenTracker:
    """One MLflow run, created or found again by ``key``."""

    def __init__(self, uri: str, *, key: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> None:
        self.uri = uri
        self.run_id = ""
        self._client: Any = None
        self._error: Exception | None = None
        self._last = 0.0
        self._interval_s = INTERVAL_S
        self._began = time.monotonic()
        self._before: dict[str, float] = {}
        self._usage = dict.fromkeys(("core_hours", "cpu_seconds", "peak_memory_bytes"), 0.0)
        self._machines: dict[str, Mapping[str, Any]] = {}
        self._thread = threading.Thread(target=self._open, args=(key, name, dict(tags), dict(params)), daemon=True)
        self._thread.start()

    def _open(self, key: str, name: str, tags: dict[str, str], params: dict[str, Any]) -> None:
        try:
            client = quiet_client(self.uri)
            experiment = experiment_id(client, self.uri, EXPERIMENT)
            found = client.search_runs([experiment], filter_string=f"tags.`{RUN_KEY}` = '{key}'")
            if found:
                self.run_id = found[0].info.run_id
                client.update_run(self.run_id, status="RUNNING")
                self._before = {name: value for name, value in found[0].data.metrics.items() if name.startswith(USAGE)}
                for tag, text in tags.items():
                    client.set_tag(self.run_id, tag, text)
            else:
                from mlflow.entities import Param

                self.run_id = client.create_run(experiment, run_name=name, tags={RUN_KEY: key, **tags}).info.run_id
                entries = [Param(parameter, str(value)[:500]) for parameter, value in params.items()]
                for start in range(0, len(entries), _BATCH):
                    client.log_batch(self.run_id, params=entries[start : start + _BATCH])
            self._client = client
        except Exception as error:  # whatever the store's own dependencies raise; told by ``check`` and ``finish``
            self._error = error

    def check(self) -> None:
        """InputError when the store turned out to be unusable."""
        if self._error is not None:
            raise store_error(self.uri, self._error) from self._error

    def spent(self, spent: Spent) -> None:
        """What a block took; what earlier starts of the command spent is added to it."""
        self._usage["core_hours"] += spent.core_seconds / 3600
        self._usage["cpu_seconds"] += spent.cpu_seconds
        self._usage["peak_memory_bytes"] = max(self._usage["peak_memory_bytes"], spent.peak_memory_bytes)
        self._machines[str(spent.machine)] = spent.machine

    def _usage_so_far(self) -> dict[str, float]:
        values = {**self._usage, "seconds": time.monotonic() - self._began, "attempts": 1.0}
        whole = {name: value + self._before.get(f"{USAGE}{name}", 0.0) for name, value in values.items()}
        peak = max(values["peak_memory_bytes"], self._before.get(f"{USAGE}peak_memory_bytes", 0.0))
        return {f"{USAGE}{name}": value for name, value in {**whole, "peak_memory_bytes": peak}.items()}

    def progress(self, count: Callable[[], Mapping[str, float]]) -> None:
        """Record counts so far, every few seconds; ``subjects`` is the step. Nothing before the store is open, and nothing is
        lost when it is away for a while, or for good: the end says it all again."""
        self.check()
        now = time.monotonic()
        if self._client is not None and now - self._last >= self._interval_s:
            try:
                self._log(count())
                self._interval_s = INTERVAL_S
            except InputError as error:
                if self._interval_s == INTERVAL_S:
                    print(f"{error} Data generation goes on.", file=sys.stderr)
                self._interval_s = AWAY_S
            self._last = time.monotonic()

    def finish(self, card: Mapping[str, Any], values: Mapping[str, float], files: tuple[Path, ...]) -> None:
        """The end of a whole data set. InputError when it cannot be recorded."""
        self._thread.join()
        self.check()
        try:
            self._log(values)
            self._client.log_dict(self.run_id, dict(card), "dataset.json")
            self._client.set_tag(self.run_id, DATA_FINGERPRINT, card["fingerprint"])
            for name, text in machine_words(list(self._machines.values())).items():
                self._client.set_tag(self.run_id, f"vitruvian.{name}", text)
            for path in files:
                self._client.log_artifact(self.run_id, str(path))
            self._log_dataset(card)
            self._client.set_terminated(self.run_id, "FINISHED")
        except Exception as error:
            raise store_error(self.uri, error) from error

    def abandon(self, status: str) -> None:
        """``FAILED`` or ``KILLED``: the run ended early. Whatever ended it matters more than what MLflow says now."""
        self._thread.join(timeout=30)
        if self._client is not None:
            try:
                self._client.set_terminated(self.run_id, status)
            except Exception as error:
                self._error = error

    def _log(self, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now, step = int(time.time() * 1000), int(values["subjects"])
        whole = {**values, **self._usage_so_far()}
        try:
            self._client.log_batch(self.run_id, metrics=[Metric(name, float(v), now, step) for name, v in whole.items()])
        except Exception as error:
            raise store_error(self.uri, error) from error

    def _log_dataset(self, card: Mapping[str, Any]) -> None:
        """So that the data set is listed, by its fingerprint, among MLflow's data sets."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        folder = card["folder"]
        kind = folder.partition("://")[0] if is_url(folder) else "local"
        name, source = folder.rstrip("/").rpartition("/")[2], f'{{"uri": "{folder}"}}'
        dataset = Dataset(name=name, digest=card["fingerprint"][:36], source_type=kind, source=source)
        self._client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "generated")])])
