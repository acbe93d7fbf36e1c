"""A trial without Ray: what it reports and leaves, how it is stopped, continued, taken over, and how it fails."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sweep_parts import SPACE

from vitruvian.methods.space import Space
from vitruvian.methods.stage import Recipe, Training
from vitruvian.mlflow_store import experiment_id, quiet_client
from vitruvian.train.history import HISTORY, read_history
from vitruvian.train.receipt import read_receipt
from vitruvian.train.tracking import Tracker
from vitruvian.tune.job import TrialJob, entry_of, run_trial, save_place, take_over
from vitruvian.tune.ledger import Entry
from vitruvian.tune.options import TuneOptions
from vitruvian.tune.prepare import check_trials, train_parts
from vitruvian.tune.proposals import Proposals
from vitruvian.tune.stepped import SteppedTrial, TrialStopped

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))
from refine_stage import RefineStage, load_wave, two_stages
from wave_stage import WaveFolder, WaveStage, wave_recipe

EPOCHS = 4
STAGE = WaveStage(training=Training(epochs=EPOCHS, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=7))
RECIPE: Recipe = wave_recipe(STAGE)


def no_parts(folder: Path, device: Any) -> Any:
    raise AssertionError("the wave has no parts")


STORE: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One for all tests, because a new one takes a second."""
    STORE[:] = [f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"]


def job(tmp_path: Path, **changes: Any) -> TrialJob:
    (uri,) = STORE
    client = quiet_client(uri)
    parent = client.create_run(experiment_id(client, uri, "wave")).info.run_id
    options = TuneOptions(**{"method": "pifu", "space": "wave", "out": tmp_path / "sweep", **changes.pop("options", {})})
    given: dict[str, Any] = {
        "recipe": RECIPE,
        "space": SPACE,
        "data": WaveFolder(),
        "options": options,
        "proposals": Proposals(parameters=SPACE.parameters, search="random", seed=0, mode="min", grid_points=3, baseline=True),
        "key": parent,
        "parent_run_id": parent,
        "tracking_uri": uri,
        "metric": "error",
        "mode": "min",
        "parts": {},
        "load_network": no_parts,
    }
    return TrialJob(**{**given, **changes})


def losses(one: TrialJob, number: int) -> list[float]:
    events = read_history(one.ledger.stage_folder(number) / HISTORY)
    return [event["loss"] for event in events if event["event"] == "step"]


def runs_of(one: TrialJob, number: int) -> list[Any]:
    client = quiet_client(one.tracking_uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments, f"tags.`vitruvian.trial` = '{number}'")
    return [run for run in found if run.data.tags["vitruvian.sweep"] == one.parent_run_id]


def stop_after(one: TrialJob, number: int, epochs: int) -> None:
    stepped = SteppedTrial(lambda report: run_trial(one, number, report))
    assert [stepped.next()["epoch"] for _ in range(epochs)] == list(range(1, epochs + 1))  # type: ignore[index]
    assert stepped.stop()


def test_a_trial_reports_every_epoch_and_leaves_an_outcome(tmp_path: Path) -> None:
    one, said = job(tmp_path), []
    run_trial(one, 1, said.append)
    outcome = one.ledger.outcome(1)
    assert outcome is not None and (outcome.state, outcome.epochs) == ("finished", EPOCHS)
    assert [report["epoch"] for report in said] == [1, 2, 3, 4] and said[-1]["error"] == outcome.score
    assert one.ledger.curve(1) == tuple((report["epoch"], report["error"]) for report in said)
    entry = one.ledger.entry(1)
    assert entry is not None and set(entry.values) == {"rate", "dropout"}
    client = quiet_client(one.tracking_uri)
    run = client.get_run(outcome.run_id)
    assert run.info.status == "FINISHED" and run.data.tags["mlflow.parentRunId"] == one.parent_run_id
    assert run.data.params["tune.rate"] == str(entry.values["rate"])
    assert run.data.params["training.learning_rate"] == str(entry.values["rate"])
    assert run.data.tags["vitruvian.trial"] == "1" and run.data.tags["vitruvian.data_fingerprint"] == "f" * 64
    assert not client.search_registered_models()
    before = losses(one, 1)
    run_trial(one, 1, said.append)  # nothing is left to do
    assert len(said) == 4 and losses(one, 1) == before


def test_a_stopped_trial_continues_as_if_it_had_not_been(tmp_path: Path) -> None:
    one, calm = job(tmp_path / "a"), job(tmp_path / "b")
    stop_after(one, 2, 2)
    assert one.ledger.outcome(2) is None and len(one.ledger.curve(2)) == 2
    assert runs_of(one, 2)[0].info.status == "KILLED"
    said: list[dict[str, Any]] = []
    run_trial(one, 2, said.append)
    assert [report["epoch"] for report in said] == [3, 4]
    run_trial(calm, 2, lambda report: None)
    assert losses(one, 2) == losses(calm, 2)
    ended, undisturbed = one.ledger.outcome(2), calm.ledger.outcome(2)
    assert ended is not None and undisturbed is not None and ended.metrics == undisturbed.metrics


def test_schedulers_that_compare_epochs_hear_of_earlier_ones(tmp_path: Path) -> None:
    one = job(tmp_path, options={"scheduler": "asha"})
    stop_after(one, 1, 2)
    said: list[dict[str, Any]] = []
    run_trial(one, 1, said.append)
    assert [report["epoch"] for report in said] == [1, 2, 3, 4]
    run_trial(one, 1, said.append)
    assert [report["epoch"] for report in said] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert len(losses(one, 1)) == EPOCHS * 5


def test_a_diverged_trial_failed_for_good_and_others_are_tried_again(tmp_path: Path) -> None:
    wild = replace(STAGE, training=replace(STAGE.training, learning_rate=1e30, optimizer="rmsprop"))
    one = job(tmp_path, recipe=wave_recipe(wild))
    run_trial(one, 0, lambda report: None)
    outcome = one.ledger.outcome(0)
    assert outcome is not None and (outcome.state, outcome.score, outcome.retry) == ("failed", None, False)
    assert "Training diverged" in outcome.error
    assert not one.ledger.records()[0].is_open

    other = job(tmp_path / "other", data=WaveFolder(protocol="sphere"))
    run_trial(other, 0, lambda report: None)
    failed = other.ledger.outcome(0)
    assert failed is not None and failed.retry and "made for the protocol 'sphere'" in failed.error
    run_trial(replace(other, data=WaveFolder()), 0, lambda report: None)
    again = other.ledger.outcome(0)
    assert again is not None and again.state == "finished"


def test_a_metric_that_is_not_measured_ends_the_sweep(tmp_path: Path) -> None:
    one = job(tmp_path, metric="iou")
    run_trial(one, 0, lambda report: None)
    outcome = one.ledger.outcome(0)
    assert outcome is not None and outcome.fatal and outcome.retry
    assert outcome.error == "--metric iou: is not measured. Of fit there is error."


def test_a_trial_goes_on_from_another_ones_place(tmp_path: Path) -> None:
    one = job(tmp_path, options={"scheduler": "pbt"})
    place = tmp_path / "place"
    place.mkdir()
    good = SteppedTrial(lambda report: run_trial(one, 1, report))
    for _ in range(2):
        good.next()
    save_place(one, 1, place)
    while good.next() is not None:
        pass
    stop_after(one, 2, 1)
    own = entry_of(one, 2).values
    new = {"rate": 0.5 * one.ledger.entry(1).values["rate"], "dropout": 0.0}  # type: ignore[union-attr]
    assert take_over(one, 2, place, new)
    said: list[dict[str, Any]] = []
    run_trial(one, 2, said.append)
    assert [report["epoch"] for report in said] == [3, 4]
    assert losses(one, 2)[:11] == losses(one, 1)[:11]  # the first step on still starts from the same weights
    assert losses(one, 2)[11] != losses(one, 1)[11]
    entry = one.ledger.entry(2)
    assert entry is not None and entry.values == new
    assert entry.lineage[0] == {"epoch": 2, "from": 1, "values": own}
    receipt = read_receipt(one.ledger.stage_folder(2))
    assert receipt is not None and receipt.finished
    assert len(runs_of(one, 2)) == 1  # the same run goes on


def test_a_paused_trial_goes_on_from_its_own_place(tmp_path: Path) -> None:
    one = job(tmp_path)
    place = tmp_path / "place"
    place.mkdir()
    stop_after(one, 1, 2)
    save_place(one, 1, place)
    entry = entry_of(one, 1)
    assert not take_over(one, 1, place, dict(entry.values))
    with pytest.raises(ValueError, match="trial 7 has no values yet"):
        take_over(one, 7, place, {})
    one.ledger.write_entry(Entry(number=7, values={}, settings={}))
    assert take_over(one, 7, place, dict(entry.values))


def test_parts_that_trials_share_are_trained_once(tmp_path: Path) -> None:
    recipe = two_stages(STAGE, RefineStage(training=STAGE.training))
    space = Space(
        parameters={"rate": replace(SPACE.parameters["rate"], path="refine.training.learning_rate")},  # type: ignore[type-var]
        stages=("refine",),
        metric="error",
        mode="min",
    )
    proposals = Proposals(parameters=space.parameters, search="random", seed=0, mode="min", grid_points=3, baseline=True)
    one = job(tmp_path, recipe=recipe, space=space, proposals=proposals, load_network=load_wave)
    tracker = Tracker(one.tracking_uri, experiment="wave", key="above", name="sweep", tags={}, params={})

    def prepare() -> dict[str, Path]:
        return train_parts(
            recipe, space, one.data, one.options, given={}, key=one.key, tracker=tracker, load=load_wave, progress=False
        )

    parts = prepare()
    assert parts == {"fit": tmp_path / "sweep" / "parts" / "fit" / "weights"}
    written = (parts["fit"] / "card.json").stat().st_mtime_ns
    assert prepare() == parts and (parts["fit"] / "card.json").stat().st_mtime_ns == written
    one = replace(one, parts=parts)
    check_trials(one)
    run_trial(one, 1, lambda report: None)
    outcome = one.ledger.outcome(1)
    assert outcome is not None and outcome.state == "finished" and outcome.score == outcome.metrics["error"]
    assert (one.ledger.stage_folder(1) / "weights" / "fit" / "card.json").exists()
    assert not (one.ledger.folder(1) / "fit").exists()


def test_steps_wait_for_each_other_and_errors_come_out() -> None:
    log: list[str] = []

    def count(report: Any) -> None:
        for k in range(3):
            log.append(f"work {k}")
            report({"k": k})
        log.append("end")

    stepped = SteppedTrial(count)
    assert stepped.next() == {"k": 0} and log == ["work 0"]
    assert stepped.next() == {"k": 1} and log == ["work 0", "work 1"]
    assert stepped.next() == {"k": 2} and stepped.next() is None and stepped.next() is None
    assert log[-1] == "end"

    def break_down(report: Any) -> None:
        raise RuntimeError("no")

    broken = SteppedTrial(break_down)
    with pytest.raises(RuntimeError, match="no"):
        broken.next()
    assert broken.next() is None

    def stubborn(report: Any) -> None:
        try:
            report({})
        except TrialStopped:
            log.append("stopped")
            raise

    waiting = SteppedTrial(stubborn)
    waiting.next()
    assert waiting.stop() and log[-1] == "stopped"
    assert SteppedTrial(count).stop()
