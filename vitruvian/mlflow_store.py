"""Where runs are recorded: one MLflow store for data generation, training and evaluation, opened the same quiet way."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError

RUN_KEY = "vitruvian.run"
"""Tag by which a run is found again."""
RUNS = "mlflow.json"
"""In a result's folder: which runs of which store are its own."""
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
"""A server that is gone is noticed within seconds; MLflow's own settings take minutes. Who has set them keeps them."""
_SQLITE = "sqlite:///"
_DATABASES = ("postgresql", "mysql", "mssql")
_STORES_WORDS = ("mlflow", "sqlalchemy", "requests", "urllib3", "psycopg2", "botocore", "google")


def store_uri(explicit: str | None, out: Path) -> str:
    """The explicit store, else MLFLOW_TRACKING_URI, else ``mlflow.db`` beside ``out``, shared by the runs next to it."""
    return explicit or os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{out.absolute().parent / 'mlflow.db'}"


def quiet_client(uri: str) -> Any:
    """An ``MlflowClient``; a new SQLite store is set up by one process at a time, else all of them would fail."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
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
    """The experiment of this name, created if need be; beside an SQLite store its files lie in ``mlflow-artifacts``, a server
    keeps them itself."""
    with _alone(uri):
        found = client.get_experiment_by_name(name)
        if found is None:
            beside = None
            if uri.startswith(_SQLITE):
                beside = (Path(uri.removeprefix(_SQLITE)).parent / "mlflow-artifacts" / name).absolute().as_uri()
            elif uri.startswith(_DATABASES):
                beside = _beside_database(uri, name)
            found = client.get_experiment(client.create_experiment(name, artifact_location=beside))
        if is_remote(uri) and not _is_on_this_machine(uri) and _is_local(found.artifact_location):
            raise InputError(
                f"MLflow store {shown_uri(uri)}: its experiment {name!r} keeps files in {found.artifact_location}, a folder of "
                "the server's machine that is not reached from here. Start the server so that files go through it (mlflow "
                "server --artifacts-destination FOLDER_OR_BUCKET), and use an experiment made since (--experiment NAME)."
            )
        return str(found.experiment_id)


def _beside_database(uri: str, name: str) -> str:
    """A database holds no files; MLflow would put them into whatever folder this process was started in."""
    root = os.environ.get("MLFLOW_DEFAULT_ARTIFACT_ROOT")
    if not root:
        raise InputError(
            f"MLflow store {shown_uri(uri)}: is a database, which holds no files. Start a server before it "
            "(mlflow server --backend-store-uri DATABASE --artifacts-destination FOLDER_OR_BUCKET) and give the server's "
            "address, or say where files go with MLFLOW_DEFAULT_ARTIFACT_ROOT."
        )
    return f"{root.rstrip('/')}/{name}"


def is_remote(uri: str) -> bool:
    """Whether a store is an MLflow server rather than a database that this process opens itself."""
    return uri.startswith(("http://", "https://"))


def shown_uri(uri: str) -> str:
    """The address without a password, for messages and files."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", uri)


def is_store_failure(error: BaseException) -> bool:
    """Whether an error comes from the store or the way to it, and not from our own code."""
    kinds = type(error).__mro__
    return isinstance(error, OSError | InputError) or any(kind.__module__.split(".")[0] in _STORES_WORDS for kind in kinds)


def store_error(uri: str, error: Exception) -> InputError:
    """What is wrong with a store in one readable line: MLflow's stores raise whatever their own dependencies raise."""
    if isinstance(error, InputError):
        return error
    text = str(error)
    shown = f"MLflow store {shown_uri(uri)}"
    if is_remote(uri):
        status = getattr(getattr(error, "response", None), "status_code", None)
        found = re.search(r"failed with (?:error code|status code) (\d{3})|(\d{3}) (?:Client|Server) Error", text)
        status = status or (int(found[1] or found[2]) if found else None)
        if status in (401, 403):
            given = [name for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_TOKEN") if os.environ.get(name)]
            what = f"refuses what {given[0]} says" if given else "asks who you are"
            return InputError(
                f"{shown}: the server {what} (HTTP {status}). Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                "MLFLOW_TRACKING_TOKEN."
            )
        if status in (404, 405) or "valid JSON format" in text:
            return InputError(
                f"{shown}: something answers there, but not as an MLflow server does. Check the address (--tracking-uri or "
                "MLFLOW_TRACKING_URI): it is that of the server's page, without what follows #."
            )
        if "error responses" in text or (status is not None and status >= 500):
            return InputError(f"{shown}: the server answers with errors of its own (HTTP {status or 500}). Its log says more.")
        if any(word in text for word in ("Max retries", "Connection", "timed out", "NameResolution", "InvalidURL")):
            reason = "its name is not known" if "NameResolution" in text else "no answer"
            return InputError(
                f"{shown}: {reason}. Is the server running (mlflow server) and reached from here? Check --tracking-uri or "
                "MLFLOW_TRACKING_URI."
            )
    if isinstance(error, ModuleNotFoundError) and "psycopg" in text:
        return InputError(
            f"{shown}: PostgreSQL's driver is missing ({text}). pip install psycopg2-binary, and begin the address with "
            "postgresql+psycopg2://"
        )
    words = shown_uri(text.splitlines()[0]) if text else ""
    return InputError(f"{shown}: {type(error).__name__}: {words}. Check --tracking-uri or MLFLOW_TRACKING_URI.")


def note_runs(folder: Path, uri: str, runs: Mapping[str, str]) -> None:
    """Write down in a result's folder where it is recorded: run ids by the name of the part, beside those that are there."""
    before = read_runs(folder)[1]
    content = {"tracking_uri": shown_uri(uri), "runs": {**before, **{name: run for name, run in runs.items() if run}}}
    temporary = folder / f"{RUNS}.tmp"
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    temporary.replace(folder / RUNS)


def read_runs(folder: Path) -> tuple[str, dict[str, str]]:
    """The store and the runs that ``note_runs`` left; nothing if it left none."""
    try:
        return parse_runs((folder / RUNS).read_bytes())
    except OSError:
        return "", {}


def parse_runs(content: bytes) -> tuple[str, dict[str, str]]:
    """What a file of ``note_runs`` says; nothing if it is damaged."""
    try:
        found = json.loads(content)
        return str(found["tracking_uri"]), {str(name): str(run) for name, run in found["runs"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", {}


def _is_on_this_machine(uri: str) -> bool:
    return re.match(r"https?://(?:[^/@]*@)?(?:localhost|127\.|\[::1\])", uri) is not None


def _is_local(location: str) -> bool:
    return location.startswith("file:") or ("://" not in location and not location.startswith(("mlflow-artifacts:", "dbfs:")))


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Hold a lock beside an SQLite store; others need none."""
    if not uri.startswith(_SQLITE):
        yield
        return
    with Path(uri.removeprefix(_SQLITE) + ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
