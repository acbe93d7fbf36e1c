"""On Ray Train: a killed worker, a killed driver and two workers end with the losses of an undisturbed run in one process."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import refine_stage
import torch
import wave_stage
from refine_stage import RefineStage, load_wave, two_stages
from wave_stage import WaveFolder, WaveStage, losses, wave_recipe

from vitruvian.methods.stage import Training
from vitruvian.methods.weights import load_weights
from vitruvian.ray_local import start_ray
from vitruvian.train.history import HISTORY, read_history
from vitruvian.train.options import TrainOptions
from vitruvian.train.results import TrainResult
from vitruvian.train.run import train_recipe

# Ray's modules use each other's deprecated parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*")

STAGE = WaveStage(training=Training(epochs=8, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=7))
NUM_STEPS = 40
SLOW = WaveFolder(pause_s=0.02)
"""About six seconds of training, so that there is time to be killed."""


@pytest.fixture(scope="module")
def running_ray() -> Iterator[None]:
    with start_ray(2):
        yield


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for module in (wave_stage, refine_stage):
        ray.cloudpickle.register_pickle_by_value(module)  # the workers cannot import it


def run(out: Path, *, num_workers: int, stage: WaveStage = STAGE, data: WaveFolder = SLOW, **changes: Any) -> TrainResult:
    cpus = 1
    options = TrainOptions(method="wave", data=out, out=out, num_workers=num_workers, cpus_per_worker=cpus, **changes)
    return train_recipe(wave_recipe(stage), data, options, progress=False)


def steps_of(folder: Path) -> list[dict[str, Any]]:
    return [event for event in read_history(folder / HISTORY) if event["event"] == "step"]


def kill_worker_at(folder: Path, step: int) -> threading.Thread:
    """Once ``step`` is done, kill -9 the process that does it."""

    def watch() -> None:
        deadline = time.monotonic() + 300
        while len(steps_of(folder)) < step and time.monotonic() < deadline:
            time.sleep(0.02)
        assert steps_of(folder), "training did not start"
        pid = [event["pid"] for event in read_history(folder / HISTORY) if event["event"] == "start"][-1]
        assert pid != os.getpid()
        os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def attempts(folder: Path) -> int:
    return len([event for event in read_history(folder / HISTORY) if event["event"] == "start"])


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path: Path, running_ray: None) -> None:
    calm = run(tmp_path / "calm", num_workers=0, data=WaveFolder())
    killer = kill_worker_at(tmp_path / "killed" / "fit", 13)
    killed = run(tmp_path / "killed", num_workers=1, checkpoint_seconds=0.3)
    killer.join()
    assert attempts(tmp_path / "killed" / "fit") == 2
    assert losses(tmp_path / "killed" / "fit") == losses(tmp_path / "calm" / "fit")
    assert killed.metrics == calm.metrics
    calm_weights, killed_weights = load_weights(calm.weights).state_dict, load_weights(killed.weights).state_dict
    assert all(torch.equal(calm_weights[name], killed_weights[name]) for name in calm_weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient
    client = MlflowClient(tracking_uri=killed.tracking_uri)
    logged = client.get_metric_history(killed.run_id, "train/loss")
    assert {metric.step: metric.value for metric in logged} == losses(tmp_path / "killed" / "fit")
    assert len(logged) == NUM_STEPS
    assert client.get_run(killed.run_id).info.status == "FINISHED"
    assert killed.model is not None and client.get_model_version_by_alias("wave", "tiny").run_id == killed.run_id
    assert not (tmp_path / "killed" / "fit" / "ray").exists()


@pytest.mark.slow
def test_a_killed_driver_changes_nothing(tmp_path: Path, running_ray: None) -> None:
    out, folder = tmp_path / "killed", tmp_path / "killed" / "fit"
    code = f"import test_ray; from pathlib import Path; test_ray.run_as_program(Path({str(out)!r}))"
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {"PYTHONPATH": path}
    driver = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        deadline = time.monotonic() + 300
        while len(steps_of(folder)) < 17 and time.monotonic() < deadline:
            assert driver.poll() is None
            time.sleep(0.02)
    finally:
        driver.kill()
        driver.wait()
    before = len(steps_of(folder))
    assert 17 <= before < NUM_STEPS
    again = run(out, num_workers=1, checkpoint_seconds=0.3)
    run(tmp_path / "calm", num_workers=0, data=WaveFolder())
    assert attempts(folder) >= 2
    assert losses(folder) == losses(tmp_path / "calm" / "fit")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient
    logged = MlflowClient(tracking_uri=again.tracking_uri).get_metric_history(again.run_id, "train/loss")
    assert sorted(metric.step for metric in logged) == list(range(NUM_STEPS))


def run_as_program(out: Path) -> None:
    ray.cloudpickle.register_pickle_by_value(wave_stage)
    with start_ray(1):
        run(out, num_workers=1, checkpoint_seconds=0.3)


@pytest.mark.slow
def test_two_workers_train_as_one_does_and_survive_a_death(tmp_path: Path, running_ray: None) -> None:
    """37 samples in batches of 8: the last batch of an epoch leaves the workers unequal parts."""
    stage = replace(STAGE, dropout=0.0, training=replace(STAGE.training, accumulate=2))
    one = run(tmp_path / "one", num_workers=0, data=WaveFolder(), stage=stage)
    killer = kill_worker_at(tmp_path / "two" / "fit", 20)
    two = run(tmp_path / "two", num_workers=2, stage=stage, checkpoint_seconds=0.3)
    killer.join()
    assert attempts(tmp_path / "two" / "fit") == 2
    expected, got = losses(tmp_path / "one" / "fit"), losses(tmp_path / "two" / "fit")
    assert list(expected) == list(got) == list(range(NUM_STEPS))
    np.testing.assert_allclose(list(got.values()), list(expected.values()), rtol=2e-3)
    assert two.metrics["error"] == pytest.approx(one.metrics["error"], rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [1, 2])
def test_deaths_while_deriving_and_mid_epoch_change_nothing(tmp_path: Path, running_ray: None, num_workers: int) -> None:
    """Two stages: the second one's worker dies while it computes what the first network says of the samples, and again while
    it learns from that."""
    fit = replace(STAGE, dropout=0.0, training=replace(STAGE.training, epochs=2))
    refine = RefineStage(dropout=0.0, training=replace(STAGE.training, accumulate=2))
    dying = RefineStage(dropout=0.0, training=refine.training, dies_at=34, marker=str(tmp_path / "died"))
    folder = tmp_path / "killed" / "refine"

    def options(name: str, num_workers: int) -> TrainOptions:
        return TrainOptions(
            method="wave", out=tmp_path / name, num_workers=num_workers, cpus_per_worker=1, checkpoint_seconds=0.3
        )

    calm = train_recipe(two_stages(fit, refine), WaveFolder(), options("calm", 0), load_network=load_wave, progress=False)
    killer = kill_worker_at(folder, 13)
    recipe = two_stages(fit, dying)
    killed = train_recipe(recipe, SLOW, options("killed", num_workers), load_network=load_wave, progress=False)
    killer.join()
    assert (tmp_path / "died").exists() and attempts(folder) == 2
    expected, got = losses(calm.history.parent), losses(folder)
    assert list(expected) == list(got) == list(range(NUM_STEPS))
    if num_workers == 1:
        assert got == expected and killed.metrics == calm.metrics
    else:
        np.testing.assert_allclose(list(got.values()), list(expected.values()), rtol=2e-3)
