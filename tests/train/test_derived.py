"""Derived items: computed once, by one process or several, kept through kills and full disks, and read as they were written."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from refine_stage import RefineStage
from wave_stage import WaveData, WaveStage, losses, wave_order

from vitruvian.errors import InputError
from vitruvian.methods.stage import Training
from vitruvian.train import derived_store
from vitruvian.train.derive import derived_key, held_out_visited, visited
from vitruvian.train.derived_store import DerivedStore
from vitruvian.train.history import HISTORY, read_history
from vitruvian.train.loop import Settings
from vitruvian.train.with_derived import Ready, with_derived

DATA, HELD_OUT = WaveData(37), WaveData(9)
STAGE = RefineStage(training=Training(epochs=3, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=3))


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived_store, "SAMPLES_A_FILE", 8)


def part() -> torch.nn.Module:
    torch.manual_seed(3)
    return WaveStage().network().eval().requires_grad_(False)


def prepared(folder: Path, stage: RefineStage = STAGE, *, network: Any = None, key: str = "k", **settings: Any) -> Ready:
    parts = {"fit": network or part()}
    given: dict[str, Any] = {"key": key, "order": wave_order, "settings": Settings(**settings)}
    return with_derived(stage, parts, DATA, HELD_OUT, folder, **given)


class Counting(torch.nn.Module):
    """Counts its calls, and dies at one of them."""

    def __init__(self, dies_at: int | None = None) -> None:
        super().__init__()
        self.network, self.calls, self.dies_at = part(), 0, dies_at

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        self.calls += 1
        return self.network(points)


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_items_are_what_the_stage_derives(tmp_path: Path, precision: Any) -> None:
    stage = replace(STAGE, training=replace(STAGE.training, derived_precision=precision))
    ready = prepared(tmp_path, stage)
    assert ready.complete and ready.held_out is not None and len(ready.train) == 37
    error = 0.0
    for index in (0, 7, 8, 36):
        row = ready.train[index]
        with torch.no_grad():
            expected = STAGE.derive(DATA[index], {"fit": part()})["around"]
        assert row["around"].dtype == np.float32 and row["index"] == index
        error = max(error, float(np.abs(row["around"] - expected).max()))
    assert error == 0 if precision == "float32" else 0 < error < 1e-3
    told = [event for event in read_history(tmp_path / HISTORY) if event["event"] == "derived"]
    assert len(told) == 1 and told[0]["samples"] == 37 + 5 and told[0]["largest_error"] >= error
    files = list((tmp_path / "derived").rglob("*.arrow"))
    assert len(files) == 5 + 1 and told[0]["bytes"] == sum(path.stat().st_size for path in files)


def test_only_held_out_samples_that_are_looked_at_are_computed(tmp_path: Path) -> None:
    ready = prepared(tmp_path)
    assert ready.held_out is not None
    assert held_out_visited(9, STAGE.training).tolist() == [0, 2, 3, 4, 6]  # thirds for the metrics, quarters for the pictures
    assert "around" in ready.held_out[4]
    with pytest.raises(KeyError, match="sample 5 has no derived items"):
        ready.held_out[5]


def test_training_samples_that_no_epoch_visits_are_left_out() -> None:
    training = replace(STAGE.training, samples_per_epoch=4, epochs=3)
    assert visited(37, training, wave_order).tolist() == sorted(
        {index for epoch in range(3) for index in wave_order(epoch)[:4]}
    )
    assert visited(37, STAGE.training, wave_order).tolist() == list(range(37))
    assert visited(37, replace(STAGE.training, samples_per_epoch=40), wave_order).tolist() == list(range(37))


def test_a_killed_computation_goes_on_at_its_last_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepared(tmp_path, network=Counting(dies_at=21))
    assert len(list((tmp_path / "derived").rglob("*.arrow"))) == 2
    again = Counting()
    ready = prepared(tmp_path, network=again)
    assert ready.complete and again.calls == 37 + 5 - 16
    third = Counting()
    prepared(tmp_path, network=third)
    assert third.calls == 0
    calm = prepared(tmp_path / "calm")
    for index in range(37):
        np.testing.assert_array_equal(ready.train[index]["around"], calm.train[index]["around"])


def test_out_of_time_keeps_what_is_there(tmp_path: Path) -> None:
    starts = 0
    while not prepared(tmp_path, deadline=0.0).complete:
        starts += 1
        assert len(list((tmp_path / "derived").rglob("*.arrow"))) == starts
    assert starts == 5  # a file at least each time


def test_items_of_other_weights_are_not_taken_and_do_not_stay(tmp_path: Path) -> None:
    prepared(tmp_path)
    other = Counting()
    prepared(tmp_path, network=other, key="another")
    assert other.calls == 42 and [path.name for path in (tmp_path / "derived").iterdir()] == ["another"]


def test_the_key_is_of_everything_that_the_items_depend_on() -> None:
    def key(stage: RefineStage = STAGE, fingerprint: str = "f", part: str = "p") -> str:
        return derived_key(stage, fingerprint=fingerprint, parts={"fit": part})

    longer = replace(STAGE, training=replace(STAGE.training, epochs=9))
    finer = replace(STAGE, training=replace(STAGE.training, derived_precision="float32"))
    assert key() == key(longer)
    assert len({key(), key(replace(STAGE, width=8)), key(fingerprint="g"), key(part="q"), key(finer)}) == 5


def test_a_full_disk_says_so_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, calls = pa.OSFile, []

    def full(path: str, mode: str) -> Any:
        calls.append(path)
        if len(calls) == 4:
            Path(path).write_bytes(b"half a file")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, mode)

    monkeypatch.setattr(pa, "OSFile", full)
    with pytest.raises(InputError, match=r"derived.*the disk is full.*run the same command again"):
        prepared(tmp_path)
    assert sorted(path.name for path in (tmp_path / "derived" / "k" / "train").iterdir()) == [
        f"derived-{number:06d}.arrow" for number in range(3)
    ]
    network = Counting()
    assert prepared(tmp_path, network=network).complete and network.calls == 42 - 24


def test_a_disk_that_will_be_too_small_is_said_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 100

    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    with pytest.raises(InputError, match=r"derived items of 34 more samples would take .* GB"):
        prepared(tmp_path)


def test_values_beyond_sixteen_bits_are_refused(tmp_path: Path) -> None:
    store = DerivedStore(tmp_path, range(2), precision="float16")
    with pytest.raises(InputError, match=r"x has values up to 70000.*derived_precision=float32"):
        store.write(0, [{"x": np.array([1.0])}, {"x": np.array([70000.0])}])
    with pytest.raises(ValueError, match="same names and shapes"):
        store.write(0, [{"x": np.zeros(1)}, {"x": np.zeros(2)}])
    whole = {"x": np.arange(3, dtype=np.uint8), "y": np.array(True)}
    store.write(0, [whole, whole])
    assert store[1]["x"].tolist() == [0, 1, 2] and store[1]["x"].dtype == np.uint8 and store[1]["y"] == np.True_


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    prepared(tmp_path)
    file = tmp_path / "derived" / "k" / "train" / "derived-000001.arrow"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=r"derived-000001.arrow: is missing or damaged.*Delete it"):
        prepared(tmp_path).train[8]


def test_more_files_than_may_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived_store, "OPEN_FILES", 2)
    ready = prepared(tmp_path)
    order = np.random.default_rng(0).permutation(37).tolist()
    seen = {index: ready.train[index]["around"] for index in order}
    calm = prepared(tmp_path)
    assert all(np.array_equal(seen[index], calm.train[index]["around"]) for index in order)


def test_the_history_keeps_what_was_derived_and_forgets_the_counting(tmp_path: Path) -> None:
    from vitruvian.train.loop import TrainingLoop

    ready = prepared(tmp_path)
    assert {event["event"] for event in read_history(tmp_path / HISTORY)} == {"deriving", "derived"}
    loop = TrainingLoop(
        STAGE, ready.train, ready.held_out, tmp_path, order=wave_order, settings=Settings(), parts={"fit": part()}
    )
    assert loop.run().finished and len(losses(tmp_path)) == 15
    assert [event["event"] for event in read_history(tmp_path / HISTORY)][:2] == ["derived", "start"]
