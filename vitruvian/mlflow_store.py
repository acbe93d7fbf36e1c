"""Where runs are recorded: one MLflow store for data generation, training and evaluation, opened the same quiet way."""

from __future__ import annotations

import fcntl
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError

RUN_KEY = "vitruvian.run"
"""Tag by which a run is found again."""
_SQLITE = "sqlite:///"


def store_uri(explicit: str | None, out: Path) -> str:
    """The explicit store, else MLFLOW_TRACKING_URI, else ``mlflow.db`` beside ``out``, shared by the runs next to it."""
    return explicit or os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{out.absolute().parent / 'mlflow.db'}"


def quiet_client(uri: str) -> Any:
    """An ``MlflowClient``; a new SQLite store is set up by one process at a time, else all of them would fail."""
    if uri.startswith(_SQLITE):
        Path(uri.removeprefix(_SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with warnings.catch_warnings(), _alone(uri):
        warnings.simplefilter("ignore")  # deprecations between MLflow and its own dependencies
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):  # importing MLflow sets its level
            logging.getLogger(name).setLevel(logging.WARNING)
        if uri.startswith(_SQLITE) and "?" not in uri:
            _set_up(Path(uri.removeprefix(_SQLITE)))
        return MlflowClient(tracking_uri=uri)


def _set_up(path: Path) -> None:
    """A new store gets its name when it is whole: MLflow cannot open one whose making was killed between two tables."""
    if path.exists():
        return
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    unfinished = path.with_name(f".{path.name}.unfinished")
    for leftover in (unfinished, unfinished.with_name(f"{unfinished.name}-journal")):
        leftover.unlink(missing_ok=True)
    SqlAlchemyStore(f"{_SQLITE}{unfinished}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH).engine.dispose()
    unfinished.replace(path)


def experiment_id(client: Any, uri: str, name: str) -> str:
    """The experiment of this name, created if need be; beside an SQLite store its files lie in ``mlflow-artifacts``."""
    with _alone(uri):
        found = client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        beside = None
        if uri.startswith(_SQLITE):
            beside = (Path(uri.removeprefix(_SQLITE)).parent / "mlflow-artifacts" / name).absolute().as_uri()
        return client.create_experiment(name, artifact_location=beside)


def store_error(uri: str, error: Exception) -> InputError:
    """MLflow's stores raise whatever their own dependencies raise: one readable line of it."""
    words = str(error).splitlines()[0] if str(error) else ""
    return InputError(f"MLflow store {uri}: {type(error).__name__}: {words}. Check --tracking-uri or MLFLOW_TRACKING_URI.")


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Hold a lock beside an SQLite store; others need none."""
    if not uri.startswith(_SQLITE):
        yield
        return
    with Path(uri.removeprefix(_SQLITE) + ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
