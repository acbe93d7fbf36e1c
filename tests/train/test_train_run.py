"""``train`` in this process: what it leaves in the folder and in MLflow, how it continues, what it refuses."""

import errno
import json
import os
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from wave_stage import WaveFolder, WaveStage, losses, wave_recipe

from vitruvian.errors import InputError
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.coarse_stage import CoarseStage
from vitruvian.methods.stage import Stage, Training
from vitruvian.methods.weights import load_weights
from vitruvian.train.launch import choose_num_workers
from vitruvian.train.lock import hold
from vitruvian.train.options import TrainOptions
from vitruvian.train.results import TrainResult
from vitruvian.train.run import train, train_recipe

STAGE = WaveStage(training=Training(epochs=3, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=7))
DATA = WaveFolder()


@pytest.fixture(autouse=True)
def no_store_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def options(tmp_path: Path, **changes: Any) -> TrainOptions:
    given: dict[str, Any] = {
        "method": "pifu",
        "data": tmp_path,
        "out": tmp_path / "run",
        "num_workers": 0,
        "cpus_per_worker": 1,
    }
    return TrainOptions(**{**given, **changes})


def run(tmp_path: Path, stage: WaveStage = STAGE, *, data: WaveFolder = DATA, **changes: Any) -> TrainResult:
    return train_recipe(wave_recipe(stage), data, options(tmp_path, **changes), progress=False)


def client(result: TrainResult) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=result.tracking_uri)


def test_what_a_run_leaves(tmp_path: Path) -> None:
    result = run(tmp_path, seed=5)
    assert result.finished and result.seconds > 0
    weights = load_weights(result.weights)
    assert weights.card.method == "wave" and weights.card.stage == "fit" and weights.card.recipe == "tiny"
    assert weights.card.options == {"width": 32} and weights.card.data_fingerprint == "f" * 64
    assert weights.card.metrics == result.metrics and weights.card.extra == {"seed": 5, "num_steps": 15, "finished": True}
    assert re.match(r"\d+\.\d+\.\d+", weights.card.code_version)
    assert sorted(losses(result.history.parent)) == list(range(15))
    with Image.open(result.pictures / "epoch-0002-plane.png") as picture:
        assert picture.size == (16, 16)

    mlflow = client(result)
    logged = mlflow.get_run(result.run_id)
    assert result.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert logged.info.status == "FINISHED" and logged.info.run_name == "tiny/fit"
    assert logged.data.params["training.epochs"] == "3" and logged.data.params["seed"] == "5"
    assert logged.data.tags["vitruvian.data_fingerprint"] == "f" * 64
    assert logged.data.tags["vitruvian.code_version"] == weights.card.code_version
    history = mlflow.get_metric_history(result.run_id, "train/loss")
    assert {metric.step: metric.value for metric in history} == losses(result.history.parent)
    assert len(history) == 15
    assert [metric.step for metric in mlflow.get_metric_history(result.run_id, "held_out/error")] == [4, 9, 14]
    artifacts = {file.path for file in mlflow.list_artifacts(result.run_id)}
    assert artifacts == {"model_card", "pictures", "recipe.json", "weights"}
    assert len(mlflow.list_artifacts(result.run_id, "pictures")) == 3
    recipe = json.loads(Path(mlflow.download_artifacts(result.run_id, "recipe.json", str(tmp_path))).read_text())
    assert recipe["stages"]["fit"]["training"]["learning_rate"] == 1e-2
    version = mlflow.get_model_version_by_alias("wave", "tiny")
    assert result.model == f"models:/wave/{version.version}" == "models:/wave/1"
    folder = Path(mlflow.download_artifacts(result.run_id, "weights", str(tmp_path)))
    assert load_weights(folder).card == weights.card


def test_the_same_command_again_adds_nothing(tmp_path: Path) -> None:
    first, second = run(tmp_path), run(tmp_path)
    assert (second.run_id, second.model, second.metrics) == (first.run_id, first.model, first.metrics)
    mlflow = client(second)
    assert len(mlflow.get_metric_history(second.run_id, "train/loss")) == 15
    assert len(mlflow.search_model_versions("name = 'wave'")) == 1


def test_time_up_keeps_the_place_and_the_same_command_goes_on(tmp_path: Path) -> None:
    short = run(tmp_path, max_minutes=1e-9)
    assert not short.finished and short.model is None and len(losses(short.history.parent)) == 1
    assert load_weights(short.weights).card.extra["finished"] is False
    assert client(short).get_run(short.run_id).info.status == "KILLED"
    whole = run(tmp_path)
    assert whole.finished and whole.run_id == short.run_id
    assert len(client(whole).get_metric_history(whole.run_id, "train/loss")) == 15


def test_another_run_in_the_folder_is_refused_and_no_resume_replaces_it(tmp_path: Path) -> None:
    first = run(tmp_path)
    with pytest.raises(InputError, match=r"1 differ, such as seed: 0 there, 1 now\).*--no-resume"):
        run(tmp_path, seed=1)
    with pytest.raises(InputError, match=r"stages\.fit\.options\.width: 32 there, 8 now"):
        run(tmp_path, replace(STAGE, width=8))
    with pytest.raises(InputError, match="such as data"):
        run(tmp_path, data=WaveFolder(fingerprint="e" * 64))
    second = run(tmp_path, seed=1, resume=False)
    assert second.run_id != first.run_id and second.model == "models:/wave/2"


def test_two_runs_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    with hold(tmp_path / "run" / ".lock", wait_s=0), pytest.raises(InputError, match="another training run is writing here"):
        run(tmp_path)


def test_the_environment_names_the_store_and_an_option_overrules_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{tmp_path}/elsewhere/store.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert run(tmp_path).tracking_uri == uri
    with pytest.raises(InputError, match=r"MLflow store nowhere://.*MLFLOW_TRACKING_URI"):
        run(tmp_path, tracking_uri="nowhere://", resume=False)


def test_a_failure_in_training_is_reported_and_filed(tmp_path: Path) -> None:
    stage = replace(STAGE, training=replace(STAGE.training, learning_rate=1e30, optimizer="rmsprop"))
    with pytest.raises(InputError, match="Training diverged"):
        run(tmp_path, stage)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes"):
        run(tmp_path, BrokenStage(training=STAGE.training), resume=False)


class BrokenStage(WaveStage):
    def loss(self, network: Any, batch: Any) -> Any:
        return super().loss(network, {**batch, "points": batch["points"][..., :1]})


@pytest.mark.parametrize("at", [1, 3, 9])
def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    calls: list[int] = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("vitruvian.train.checkpoint.os.fsync", full)
        with pytest.raises(InputError, match=r"run/fit: the disk is full.*run the same command again"):
            run(tmp_path / "full", checkpoint_seconds=0.0)
    assert not list((tmp_path / "full" / "run" / "fit").glob("*.tmp"))
    whole = run(tmp_path / "full")
    assert whole.finished
    assert losses(whole.history.parent) == losses(run(tmp_path / "calm").history.parent)


def test_data_of_another_protocol_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"made for the protocol 'sphere'.*reads 'plane'.*--protocol plane"):
        run(tmp_path, data=WaveFolder(protocol="sphere"))


def test_how_many_workers_there_are_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(cores: int, gpus: int, stage: Stage = STAGE, **changes: Any) -> int:
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        given = {"num_workers": None, "cpus_per_worker": None, **changes}
        return choose_num_workers(options(tmp_path, **given), [stage])

    assert (chosen(1, 0), chosen(2, 0), chosen(16, 0)) == (1, 2, 2)
    assert (chosen(16, 4), chosen(16, 4, device="cpu")) == (4, 2)
    assert (chosen(4, 0, cpus_per_worker=4), chosen(4, 0, cpus_per_worker=2)) == (1, 2)
    assert (chosen(16, 4, num_workers=0), chosen(1, 0, num_workers=3)) == (0, 3)
    rival = CoarseStage(options=CoarseNetworkOptions(use_3d_gan=True), training=STAGE.training)
    assert rival.rival is not None and chosen(16, 4, rival) == 1


def test_names_and_folders_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no method 'pofu'; choose from .*pifu"):
        train(options(tmp_path, method="pofu"))
    with pytest.raises(InputError, match="no recipe 'huge'; choose from fast, paper, tiny"):
        train(options(tmp_path, recipe="huge"))
    with pytest.raises(InputError, match=r"is not a data set folder.*vitruvian datagen"):
        train(options(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_workers": -1}, "num-workers is -1"),
        ({"epochs": -1}, "epochs is -1"),
        ({"batch_size": 0}, "batch-size is 0"),
        ({"max_minutes": 0.0}, "max-minutes is 0.0"),
    ],
)
def test_options_are_checked(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainOptions(method="pifu", data=tmp_path, out=tmp_path, **changes)
