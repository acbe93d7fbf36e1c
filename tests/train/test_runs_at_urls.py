"""A run at a URL: what it leaves there, and that it goes on from there on a machine that has never seen it."""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from refine_stage import RefineStage, load_wave, two_stages
from wave_stage import WaveFolder, WaveStage

from vitruvian.errors import InputError
from vitruvian.methods.stage import Recipe, Training
from vitruvian.methods.weights import weights_sha256
from vitruvian.storage import mirror
from vitruvian.storage.faults import StorageError
from vitruvian.storage.folders import origin_of
from vitruvian.storage.local import cache_folder
from vitruvian.storage.objects import Stored, list_files, read_bytes
from vitruvian.storage.url import Url
from vitruvian.train.options import TrainOptions
from vitruvian.train.results import TrainResult
from vitruvian.train.run import train_recipe

TRAINING = Training(epochs=3, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=7)
RECIPE = two_stages(WaveStage(training=TRAINING), RefineStage(training=TRAINING))


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Url:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITRUVIAN_CACHE", str(tmp_path / "cache"))
    return Url(f"memory://runs-{secrets.token_hex(6)}") / "wave"


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """The same run, undisturbed, on a disk."""
    torch.set_num_threads(1)
    return run(tmp_path_factory.mktemp("calm") / "run")


def run(out: Path | Url, recipe: Recipe = RECIPE, **changes: Any) -> TrainResult:
    options = TrainOptions(method="wave", out=out, num_workers=0, cpus_per_worker=1, checkpoint_seconds=0.0, **changes)
    return train_recipe(recipe, WaveFolder(), options, load_network=load_wave, progress=False)


def losses_at(url: Url, stage: str) -> list[tuple[int, float]]:
    events = [json.loads(line) for line in read_bytes(url / stage / "history.jsonl").splitlines()]
    return [(event["step"], event["loss"]) for event in events if event["event"] == "step"]


def losses_of(result: TrainResult) -> list[tuple[int, float]]:
    events = [json.loads(line) for line in result.history.read_text().splitlines()]
    return [(event["step"], event["loss"]) for event in events if event["event"] == "step"]


def test_what_a_run_leaves_at_a_url(url: Url, calm: TrainResult, tmp_path: Path) -> None:
    result = run(url)
    assert result.finished and losses_at(url, "refine") == losses_of(calm) == losses_of(result)
    assert origin_of(result.weights) == url / "refine" / "weights"
    assert weights_sha256(result.weights) == weights_sha256(calm.weights)
    here = calm.weights.parents[1]
    expected = {path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file() and path.name != ".lock"}
    usage = {name for name in expected if "/usage/" in name}
    found = {name for name in list_files(url) if "/usage/" not in name}
    assert found == expected - usage and len([name for name in list_files(url) if "/usage/" in name]) == len(usage)
    assert (tmp_path / "runs" / "mlflow.db").is_file()
    assert not list((cache_folder() / "scratch").iterdir())
    assert json.loads(read_bytes(url / "mlflow.json"))["runs"]["refine"] == result.run_id

    def trained() -> dict[str, Stored]:
        return {name: stored for name, stored in list_files(url).items() if "/" in name}

    before = trained()
    again = run(url)
    assert again.finished and again.run_id == result.run_id and trained() == before


def test_it_goes_on_where_another_machine_stopped(
    url: Url, calm: TrainResult, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for attempt in range(4):
        monkeypatch.setenv("VITRUVIAN_CACHE", str(tmp_path / f"cache-{attempt}"))
        assert not run(url, max_minutes=1e-9).finished
        assert not (tmp_path / f"cache-{attempt}" / "runs").exists() or len(losses_at(url, "fit")) == attempt + 1
    monkeypatch.setenv("VITRUVIAN_CACHE", str(tmp_path / "cache-last"))
    result = run(url)
    assert result.finished and losses_at(url, "refine") == losses_of(calm)
    assert losses_at(url, "fit") == losses_of(calm.earlier[0])


def test_a_stage_is_started_afresh_and_its_dependents_go(url: Url, calm: TrainResult) -> None:
    run(url)
    with pytest.raises(InputError, match="other settings"):
        run(url, seed=1)
    refined = replace(RECIPE.stages[1], training=replace(TRAINING, epochs=1))
    result = run(url, replace(RECIPE, stages=(RECIPE.stages[0], refined)), stages=("refine",), resume=False)
    assert len(losses_at(url, "refine")) == 5 and result.finished
    run(url, stages=("fit",), resume=False)
    assert not [name for name in list_files(url) if name.startswith("refine/")]
    assert losses_at(url, "fit") == losses_of(calm.earlier[0])


def test_weights_at_a_url_are_parts_and_starts(url: Url, calm: TrainResult, tmp_path: Path) -> None:
    run(url, stages=("fit",))
    other = url.parent / "other"
    result = run(other, parts=(f"fit={url}",))
    assert [stage.stage for stage in (*result.earlier, result)] == ["refine"]
    assert losses_at(other, "refine") == losses_of(calm)
    started = run(tmp_path / "here", stages=("fit",), init=(url / "fit" / "weights",))
    assert losses_of(started) != losses_of(calm.earlier[0])


def test_training_goes_on_while_the_store_is_away(url: Url, calm: TrainResult, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, began, refused = mirror.upload, threading.Event(), []

    def sometimes(path: Path, to: Url) -> None:
        began.set()
        if len(refused) < 3:
            refused.append(to)
            raise StorageError(f"{to}: no good answer.", passing=True)
        upload(path, to)

    monkeypatch.setattr(mirror, "upload", sometimes)
    result = run(url)
    assert began.is_set() and len(refused) == 3 and result.finished and losses_at(url, "refine") == losses_of(calm)


def test_training_ends_when_the_store_will_not_take_it(url: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path, to: Url) -> None:
        raise StorageError(f"{to}: cannot be written, access was denied.")

    monkeypatch.setattr(mirror, "upload", denied)
    slow = replace(RECIPE, stages=(WaveStage(training=replace(TRAINING, epochs=10_000)),))
    began = time.monotonic()
    with pytest.raises(InputError, match="access was denied"):
        run(url, slow)
    assert time.monotonic() - began < 120
