"""A real MLflow server, before PostgreSQL where that is installed: training, comparing, fetching through it; and what happens
when it is gone, asks for a password, or is no MLflow server at all."""

import json
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from mlflow_servers import answering, basic, end, find_postgres, free_port, guarded, postgres, start_mlflow
from wave_stage import WaveFolder, WaveStage, losses, wave_recipe

from vitruvian.cli.main import main
from vitruvian.errors import InputError
from vitruvian.methods.references import fetch_weights
from vitruvian.methods.stage import Training
from vitruvian.methods.weights import load_weights
from vitruvian.mlflow_store import experiment_id, quiet_client, read_runs, shown_uri, store_error
from vitruvian.train import follow
from vitruvian.train.options import TrainOptions
from vitruvian.train.results import TrainResult
from vitruvian.train.run import train_recipe

TRAINING = Training(epochs=2, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=7)
STAGE = WaveStage(training=TRAINING)


@dataclass
class Server:
    """An MLflow server that can be ended and started again."""

    store: str
    folder: Path
    port: int
    process: Popen[bytes]

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> None:
        end(self.process)

    def start(self) -> None:
        self.process = start_mlflow(self.store, self.folder / "artifacts", self.port)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    programs = find_postgres()
    with ExitStack() as stack:
        store = f"sqlite:///{folder / 'server.db'}" if programs is None else stack.enter_context(postgres(programs))
        port = free_port()
        running = Server(store, folder, port, start_mlflow(store, folder / "artifacts", port))
        stack.callback(running.end)
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")


def run(out: Path, uri: str, *, stage: WaveStage = STAGE, pause_s: float = 0.0, **changes: Any) -> TrainResult:
    options = TrainOptions(method="wave", out=out, num_workers=0, cpus_per_worker=1, tracking_uri=uri, **changes)
    return train_recipe(wave_recipe(stage), WaveFolder(pause_s=pause_s), options, progress=False)


def logged_steps(result: TrainResult) -> list[int]:
    history = quiet_client(result.tracking_uri).get_metric_history(result.run_id, "train/loss")
    return sorted(point.step for point in history)


def rows(store: str, query: str) -> set[str]:
    """The first column of what PostgreSQL itself answers."""
    import psycopg2

    connection = psycopg2.connect(store.replace("+psycopg2", ""))
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return {str(row[0]) for row in cursor.fetchall()}
    finally:
        connection.close()


def test_train_compare_and_fetch_through_a_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    first = run(here / "runs" / "one", server.uri)
    second = run(here / "runs" / "two", server.uri, stage=replace(STAGE, width=16))
    assert first.unsent == second.unsent == "" and logged_steps(first) == list(range(10))
    experiment = quiet_client(server.uri).get_experiment_by_name("wave")
    assert experiment.artifact_location.startswith("mlflow-artifacts:")
    kept = {path.name for path in (server.folder / "artifacts").rglob("*") if path.is_file()}
    assert {"weights.safetensors", "card.json", "recipe.json", "epoch-0001-plane.png"} <= kept
    assert {path.name for path in here.iterdir()} == {"runs"}  # nothing in a folder of the client
    assert not [path for path in (here / "runs").iterdir() if "mlflow" in path.name]

    assert main(["compare", "runs/one", "models:/wave/2", "--out", "out", "--tracking-uri", server.uri]) == 0
    told = json.loads((here / "out" / "comparison.json").read_text())
    assert [one["run_id"] for one in told["runs"]] == [first.run_id, second.run_id]
    assert [one["name"] for one in told["differences"]] == ["width"] and "width" in capsys.readouterr().out

    if server.store.startswith("postgresql"):
        assert rows(server.store, "SELECT run_uuid FROM runs WHERE name = 'tiny/fit'") >= {first.run_id, second.run_id}

    folder = fetch_weights("models:/wave@tiny", store=server.uri, cache=tmp_path / "empty")
    assert load_weights(folder).card == load_weights(second.weights).card and tmp_path / "empty" in folder.parents


def test_a_server_that_vanishes_takes_no_training_with_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(follow, "FLUSH_S", 0.1)
    out = tmp_path / "run"

    def watch() -> None:
        history = out / "fit" / "history.jsonl"
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and (not history.exists() or history.read_text().count('"step"') < 6):
            time.sleep(0.02)
        server.end()

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = run(out, server.uri, pause_s=0.03, experiment="vanishing")
    watcher.join()
    assert result.finished and result.model is None and "no answer" in result.unsent
    said = capsys.readouterr().err
    assert "no answer" in said and "Training goes on" in said
    assert load_weights(result.weights).card.metrics == result.metrics and sorted(losses(out / "fit")) == list(range(10))
    with pytest.raises(InputError, match=r"no answer\. Is the server running"):
        run(tmp_path / "another", server.uri)  # one that has not begun is told at once

    server.start()
    again = run(out, server.uri, experiment="vanishing")
    assert again.unsent == "" and again.run_id == result.run_id and again.model is not None
    assert logged_steps(again) == list(range(10))
    assert quiet_client(server.uri).get_run(again.run_id).info.status == "FINISHED"
    assert again.metrics == result.metrics


def test_a_password_or_a_token_is_passed_on_and_asked_for(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(guarded(server.uri, basic("anna", "secret"))) as uri:
        with pytest.raises(InputError, match=r"asks who you are \(HTTP 401\). Set MLFLOW_TRACKING_USERNAME"):
            run(tmp_path / "run", uri)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "anna")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "guessed")
        with pytest.raises(InputError, match="refuses what MLFLOW_TRACKING_USERNAME says"):
            run(tmp_path / "run", uri)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
        assert run(tmp_path / "run", uri, experiment="guarded").model is not None
        inside = uri.replace("http://", "http://anna:secret@")
        assert run(tmp_path / "run", inside, experiment="guarded").unsent == ""
        assert read_runs(tmp_path / "run")[0] == uri.replace("http://", "http://anna:***@") == shown_uri(inside)
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    with answering(guarded(server.uri, "Bearer abc")) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abd")
        with pytest.raises(InputError, match="refuses what MLFLOW_TRACKING_TOKEN says"):
            experiment_id_of(uri)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
        assert experiment_id_of(uri)


def experiment_id_of(uri: str) -> str:
    try:
        return experiment_id(quiet_client(uri), uri, "wave")
    except Exception as error:
        raise store_error(uri, error) from error


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"nothing here", "not as an MLflow server does"),
        (200, b"<html>hello</html>", "not as an MLflow server does"),
        (403, b"", "asks who you are (HTTP 403)"),
        (500, b"", "errors of its own"),
    ],
)
def test_what_is_no_mlflow_server_is_said(status: int, body: bytes, words: str) -> None:
    with answering(lambda *_: (status, body)) as uri, pytest.raises(InputError) as caught:
        experiment_id_of(uri)
    assert words in str(caught.value) and uri in str(caught.value)


def test_nobody_and_nowhere() -> None:
    with pytest.raises(InputError, match="no answer"):
        experiment_id_of(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(InputError, match="nowhere://x"):
        experiment_id_of("nowhere://x")
    said = str(store_error("postgresql://anna:secret@db/mlflow", OSError("cannot open postgresql://anna:secret@db/mlflow")))
    assert said.count("anna:***@db") == 2 and "secret" not in said
    said = str(store_error("postgresql://db/mlflow", ModuleNotFoundError("No module named 'psycopg'")))
    assert "postgresql+psycopg2://" in said


def test_files_go_where_they_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a folder of the server's own machine, and with a bare database not in whatever folder a command is started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.entities import Experiment

    class Client:
        location: str | None = None

        def get_experiment_by_name(self, name: str) -> Any:
            return None if self.location is None else Experiment("7", name, self.location, "active")

        def create_experiment(self, name: str, artifact_location: str) -> str:
            self.location = artifact_location
            return "7"

        def get_experiment(self, number: str) -> Any:
            return Experiment(number, "wave", self.location, "active")

    client = Client()
    for client.location, refused in (
        ("/srv/mlruns/7", True),
        ("file:///srv/7", True),
        ("mlflow-artifacts:/7", False),
        ("s3://b/7", False),
    ):
        if refused:
            with pytest.raises(InputError, match=r"is not reached from here.*--artifacts-destination"):
                experiment_id(client, "https://mlflow.example.org", "wave")
        else:
            assert experiment_id(client, "https://mlflow.example.org", "wave") == "7"
    database = "postgresql+psycopg2://anna:secret@db/mlflow"
    client.location = None
    with pytest.raises(InputError, match=r"anna:\*\*\*@db/mlflow: is a database, which holds no files.*mlflow server"):
        experiment_id(client, database, "wave")
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://bucket/files/")
    assert experiment_id(client, database, "wave") == "7" and client.location == "s3://bucket/files/wave"
