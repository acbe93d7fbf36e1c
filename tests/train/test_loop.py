"""The loop without Ray: exact resumption, batches, accumulation, schedules' place in it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from wave_stage import WaveData, WaveStage, losses, wave_order

from vitruvian.errors import InputError
from vitruvian.methods.stage import Training
from vitruvian.train.checkpoint import CHECKPOINT
from vitruvian.train.history import HISTORY, read_history
from vitruvian.train.loop import Outcome, Settings, TrainingLoop

DATA, HELD_OUT = WaveData(37), WaveData(9)
STAGE = WaveStage(training=Training(epochs=4, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=7))


def run(folder: Path, stage: WaveStage = STAGE, *, data: WaveData = DATA, **settings: object) -> Outcome:
    loop = TrainingLoop(stage, data, HELD_OUT, folder, order=wave_order, settings=Settings(**settings))  # type: ignore[arg-type]
    return loop.run()


class KilledError(Exception):
    pass


class FailingData(WaveData):
    """Raises after a number of reads, like a worker that dies."""

    def __init__(self, reads: int) -> None:
        super().__init__(37)
        self.reads = reads

    def __getitem__(self, index: int) -> dict[str, object]:
        self.reads -= 1
        if self.reads < 0:
            raise KilledError
        return super().__getitem__(index)


def test_it_learns(tmp_path: Path) -> None:
    outcome = run(tmp_path, replace(STAGE, training=replace(STAGE.training, epochs=60)))
    assert outcome.finished and outcome.num_steps == 60 * 5
    table = losses(tmp_path)
    assert sorted(table) == list(range(300))
    assert np.mean(list(table.values())[-10:]) < 0.1 * np.mean(list(table.values())[:5])
    assert outcome.metrics["error"] < 0.2


@pytest.mark.parametrize("reads", [3, 40, 75, 100, 147])
@pytest.mark.parametrize("threads", [0, 2])
def test_an_interrupted_run_has_the_losses_of_an_undisturbed_one(tmp_path: Path, reads: int, threads: int) -> None:
    calm = run(tmp_path / "calm")
    with pytest.raises(KilledError):
        run(tmp_path / "killed", data=FailingData(reads), checkpoint_seconds=0, loader_threads=threads)
    resumed = run(tmp_path / "killed", loader_threads=threads)
    assert losses(tmp_path / "killed") == losses(tmp_path / "calm")
    assert resumed.metrics == calm.metrics
    for name, tensor in calm.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name


def test_a_run_without_a_checkpoint_starts_again_and_its_history_is_whole(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        run(tmp_path / "killed", data=FailingData(60), checkpoint_seconds=1e9)
    assert losses(tmp_path / "killed") and not (tmp_path / "killed" / CHECKPOINT).exists()
    run(tmp_path / "killed")
    run(tmp_path / "calm")
    assert losses(tmp_path / "killed") == losses(tmp_path / "calm")


def test_out_of_time_stops_with_a_checkpoint(tmp_path: Path) -> None:
    run(tmp_path / "calm")
    attempts = 0
    while not (outcome := run(tmp_path / "short", deadline=0.0)).finished:
        attempts += 1
        assert outcome.num_steps == attempts
    assert attempts == 20
    assert losses(tmp_path / "short") == losses(tmp_path / "calm")


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    first = run(tmp_path)
    again = run(tmp_path)
    assert again.num_steps == first.num_steps and again.metrics == first.metrics
    assert len(losses(tmp_path)) == 20


def test_accumulation_does_not_change_the_losses(tmp_path: Path) -> None:
    stage = replace(STAGE, dropout=0.0)
    run(tmp_path / "whole", stage)
    run(tmp_path / "parts", replace(stage, training=replace(stage.training, accumulate=3)))
    whole, parts = losses(tmp_path / "whole"), losses(tmp_path / "parts")
    np.testing.assert_allclose(list(whole.values()), list(parts.values()), rtol=1e-4)


def test_drops_come_after_the_listed_epoch_and_reach_the_optimiser(tmp_path: Path) -> None:
    training = replace(STAGE.training, drop_after_epochs=(0, 2), drop_factor=0.5)
    run(tmp_path, replace(STAGE, training=training))
    rates = {event["epoch"]: event["learning_rate"] for event in read_history(tmp_path / HISTORY) if event["event"] == "step"}
    assert rates == {0: 1e-2, 1: 5e-3, 2: 5e-3, 3: 2.5e-3}
    saved = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert saved["optimizer"]["param_groups"][0]["lr"] == 2.5e-3


def test_samples_per_epoch_cuts_or_repeats_the_data(tmp_path: Path) -> None:
    for wanted, steps in ((10, 2), (37, 5), (100, 13)):
        training = replace(STAGE.training, epochs=1, samples_per_epoch=wanted)
        run(tmp_path / str(wanted), replace(STAGE, training=training))
        assert len(losses(tmp_path / str(wanted))) == steps


def test_divergence_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    training = replace(STAGE.training, learning_rate=1e30, optimizer="rmsprop")
    with pytest.raises(InputError, match=r"diverged.*learning rate below 1e\+30"):
        run(tmp_path, replace(STAGE, training=training))


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(InputError, match="does not fit the network"):
        run(tmp_path, replace(STAGE, width=8))


def test_pictures_follow_their_rhythm_and_the_last_epoch_has_some(tmp_path: Path) -> None:
    run(tmp_path, pictures_every=3)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["epoch-0002-plane.png", "epoch-0003-plane.png"]


@pytest.mark.parametrize("options", [{"precision": "bfloat16"}, {"channels_last": True}, {"clip_gradient_norm": 1e-3}])
def test_training_options_run(tmp_path: Path, options: dict[str, object]) -> None:
    training = replace(STAGE.training, epochs=1, **options)  # type: ignore[arg-type]
    assert run(tmp_path, replace(STAGE, training=training)).finished
