"""Words for weights: folders, runs, what comes with the package, and entries of MLflow's registry."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vitruvian.errors import InputError
from vitruvian.methods.builtin import builtin_weights
from vitruvian.methods.references import (
    default_cache,
    default_store,
    fetch_weights,
    registered_models,
    registered_version,
)
from vitruvian.methods.weights import weights_sha256
from vitruvian.mlflow_store import experiment_id, quiet_client


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """``walker`` with two versions, the first ``champion``; ``runner`` with one and no alias; ``ghost`` without files."""
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = quiet_client(uri)
    experiment = experiment_id(client, uri, "people")
    for name, count in (("walker", 2), ("runner", 1), ("ghost", 1), ("empty", 0)):
        client.create_registered_model(name)
        for _ in range(count):
            run = client.create_run(experiment).info.run_id
            if name != "ghost":
                client.log_artifacts(run, str(builtin_weights("pifu")), "weights")
            client.create_model_version(name, source=f"runs:/{run}/weights", run_id=run)
    client.set_registered_model_alias("walker", "champion", "1")
    client.create_registered_model("foreign")
    client.create_model_version("foreign", source="/somewhere/else")
    return uri


def test_folders_runs_and_words_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    builtin = builtin_weights("pifu")
    assert fetch_weights("pifu") == builtin == fetch_weights(str(builtin))
    run = tmp_path / "run" / "shape" / "weights"
    shutil.copytree(builtin, run)
    assert fetch_weights(str(run.parent)) == run
    (tmp_path / "run" / "run.json").write_text('{"stages": ["shape"]}')
    assert fetch_weights("run") == Path("run/shape/weights")
    (tmp_path / "pifu").mkdir()
    assert fetch_weights("pifu") == builtin  # a folder of that name that holds something else
    shutil.copytree(builtin, tmp_path / "pifu", dirs_exist_ok=True)  # a folder that has the name of a word is the folder
    assert fetch_weights("pifu") == Path("pifu")
    with pytest.raises(InputError, match=r"weights nobody: there is no such folder.*\(pifu"):
        fetch_weights("nobody")


def test_an_alias_a_version_and_the_latest(store: str, tmp_path: Path) -> None:
    by_alias = fetch_weights("models:/walker@champion", store=store, cache=tmp_path)
    assert by_alias == fetch_weights("models:/walker/1", store=store, cache=tmp_path)
    assert weights_sha256(by_alias) == weights_sha256(builtin_weights("pifu"))
    second = fetch_weights("models:/walker/latest", store=store, cache=tmp_path)
    assert second != by_alias and registered_version("models:/walker/latest", store=store).version == "2"
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["w", "w"]  # two copies and no leftovers
    before = by_alias.stat().st_mtime_ns
    fetch_weights("models:/walker@champion", store=store, cache=tmp_path)
    assert by_alias.stat().st_mtime_ns == before  # what is there is not fetched again


def test_all_models_of_a_registry(store: str) -> None:
    expected = ["models:/foreign/latest", "models:/ghost/latest", "models:/runner/latest", "models:/walker@champion"]
    assert registered_models(store) == expected


def test_what_is_not_there_is_said(store: str, tmp_path: Path) -> None:
    for wrong, words in (
        ("models:/walker@gone", "no such model"),
        ("models:/walker/9", "no such model"),
        ("models:/nobody/latest", "no such model"),
        ("models:/walker", "write models:/NAME@ALIAS"),
        ("models:/ghost/1", "its files cannot be fetched from run"),
        ("models:/foreign/1", "is not a model that `vitruvian train` registered"),
    ):
        with pytest.raises(InputError, match=words):
            fetch_weights(wrong, store=store, cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_where_the_store_and_the_copies_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert default_store() is None
    with pytest.raises(InputError, match="where is the registry"):
        fetch_weights("models:/walker@champion")
    (tmp_path / "mlflow.db").touch()
    assert default_store() == f"sqlite:///{tmp_path / 'mlflow.db'}"
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mlflow.db").touch()
    assert default_store() == f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert default_store() == "http://localhost:5000"
    monkeypatch.setenv("VITRUVIAN_CACHE", "/tmp/here")
    assert default_cache() == Path("/tmp/here/weights")
