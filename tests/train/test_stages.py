"""A recipe of several stages: their order, their parts, what each leaves, how a run of them continues, what is refused."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from refine_stage import RefineStage, load_wave, two_stages
from wave_stage import WaveFolder, WaveStage, losses

from vitruvian.errors import InputError
from vitruvian.methods.run_folders import find_weights
from vitruvian.methods.stage import Recipe, Training
from vitruvian.methods.weights import load_weights, part_folders, read_card, save_weights, weights_sha256
from vitruvian.train.options import TrainOptions
from vitruvian.train.results import TrainResult
from vitruvian.train.run import train_recipe

TRAINING = Training(epochs=3, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=7)
FIT, REFINE = WaveStage(training=TRAINING), RefineStage(training=TRAINING)


class ExtraStage(WaveStage):
    name = "extra"


RECIPE = two_stages(FIT, REFINE, ExtraStage(training=TRAINING), optional=("extra",))


@pytest.fixture(autouse=True)
def no_store_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def run(out: Path, recipe: Recipe = RECIPE, *, data: WaveFolder | None = None, **changes: Any) -> TrainResult:
    options = TrainOptions(method="wave", out=out, num_workers=0, cpus_per_worker=1, **changes)
    return train_recipe(recipe, data or WaveFolder(), options, load_network=load_wave, progress=False)


def client(result: TrainResult) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=result.tracking_uri)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    torch.set_num_threads(1)
    return run(tmp_path_factory.mktemp("trained") / "run")


def out_of(result: TrainResult) -> Path:
    return result.weights.parents[1]


def test_stages_run_in_order_and_the_last_one_is_the_result(trained: TrainResult) -> None:
    assert trained.stage == "refine" and trained.finished
    assert [result.stage for result in trained.earlier] == ["fit"]
    assert not (out_of(trained) / "extra").exists()
    assert len(losses(out_of(trained) / "fit")) == len(losses(out_of(trained) / "refine")) == 15
    assert trained.metrics["error"] < trained.earlier[0].metrics["error"]


def test_weights_are_self_contained(trained: TrainResult) -> None:
    parts = part_folders(trained.weights)
    assert parts == {"fit": trained.weights / "fit"}
    alone, copied = load_weights(out_of(trained) / "fit" / "weights"), load_weights(parts["fit"])
    assert all(torch.equal(alone.state_dict[name], copied.state_dict[name]) for name in alone.state_dict)
    assert alone.card == copied.card
    assert read_card(trained.weights).parts == {"fit": weights_sha256(parts["fit"])}


def test_a_run_folder_stands_for_its_last_weights(trained: TrainResult) -> None:
    out = out_of(trained)
    assert find_weights(out) == find_weights(out / "refine") == trained.weights
    assert find_weights(out, stage="fit") == out / "fit" / "weights"
    with pytest.raises(InputError, match="no weights of extra yet"):
        find_weights(out, stage="extra")
    with pytest.raises(InputError, match="neither a weights folder"):
        find_weights(out.parent)


def test_one_run_in_mlflow_has_those_of_the_stages_below_it(trained: TrainResult) -> None:
    mlflow = client(trained)
    parent = mlflow.get_run(trained.parent_run_id)
    assert parent.info.run_name == "wave/tiny" and parent.info.status == "FINISHED"
    assert parent.data.tags["vitruvian.data_fingerprint"] == "f" * 64 and parent.data.tags["vitruvian.stages"] == "fit refine"
    assert parent.data.params["refine.training.epochs"] == "3"
    assert parent.data.metrics["refine/error"] == pytest.approx(trained.metrics["error"])
    assert {"fit/error", "fit/seconds", "refine/seconds"} < set(parent.data.metrics)
    below = mlflow.search_runs(
        [parent.info.experiment_id], filter_string=f"tags.`mlflow.parentRunId` = '{trained.parent_run_id}'"
    )
    assert {found.info.run_name: found.info.run_id for found in below} == {
        "tiny/fit": trained.earlier[0].run_id,
        "tiny/refine": trained.run_id,
    }
    derived = mlflow.get_run(trained.run_id).data.metrics
    assert derived["derived/samples"] == 37 + 8 and 0 < derived["derived/largest_error"] < 1e-3
    assert trained.earlier[0].model == "models:/wave-fit/1" and trained.model == "models:/wave/1"
    assert {file.path for file in mlflow.list_artifacts(trained.run_id, "weights")} == {
        "weights/card.json",
        "weights/fit",
        "weights/weights.safetensors",
    }


def test_the_same_command_again_adds_nothing(trained: TrainResult) -> None:
    again = run(out_of(trained))
    assert (again.run_id, again.parent_run_id, again.model) == (trained.run_id, trained.parent_run_id, trained.model)
    assert len(client(again).get_metric_history(again.run_id, "train/loss")) == 15
    assert client(again).get_run(again.parent_run_id).info.status == "FINISHED"


def test_optional_stages_come_when_they_are_named(tmp_path: Path) -> None:
    first = run(tmp_path / "run", stages=("fit",))
    assert first.stage == "fit" and first.finished and first.model == "models:/wave-fit/1"
    second = run(tmp_path / "run", stages=("extra", "refine"))
    assert second.stage == "extra" and [result.stage for result in second.earlier] == ["refine"]
    assert (second.model, second.earlier[0].model) == ("models:/wave-extra/1", "models:/wave/1")
    assert second.parent_run_id == first.parent_run_id


def test_once_and_on_the_fly_learn_the_same(tmp_path: Path, trained: TrainResult) -> None:
    exact = replace(REFINE, training=replace(TRAINING, derived_precision="float32"))
    flying = replace(REFINE, once=False)
    fit = f"fit={out_of(trained)}"
    tables = []
    for name, stage in {"once": exact, "flying": flying}.items():
        result = run(tmp_path / name, two_stages(FIT, stage), parts=(fit,))
        assert result.earlier == ()
        tables.append(losses(result.history.parent))
    np.testing.assert_allclose(list(tables[0].values()), list(tables[1].values()), rtol=1e-4)
    rounded = losses(trained.history.parent)
    np.testing.assert_allclose(list(rounded.values()), list(tables[0].values()), rtol=2e-2)
    assert not (tmp_path / "flying" / "refine" / "derived").exists()


def test_time_up_is_shared_by_the_stages_and_the_same_command_goes_on(tmp_path: Path, trained: TrainResult) -> None:
    short = run(tmp_path / "run", max_minutes=1e-9)
    assert (short.stage, short.finished, short.earlier) == ("fit", False, ())
    assert client(short).get_run(short.parent_run_id).info.status == "KILLED"
    run(tmp_path / "run", stages=("fit",))
    deriving = run(tmp_path / "run", max_minutes=1e-9)
    assert (deriving.stage, deriving.finished) == ("refine", False) and deriving.earlier[0].finished
    assert read_card(deriving.weights).extra["num_steps"] == 0
    whole = run(tmp_path / "run")
    assert whole.finished and whole.parent_run_id == short.parent_run_id
    assert losses(whole.history.parent) == losses(trained.history.parent)


def test_a_stage_begun_with_other_parts_is_not_continued(tmp_path: Path) -> None:
    short = run(tmp_path / "run", stages=("fit",))
    run(tmp_path / "run", max_minutes=1e-9)
    other = run(tmp_path / "other", stages=("fit",), seed=4)
    for file in ("weights.safetensors", "card.json"):
        (short.weights / file).write_bytes((other.weights / file).read_bytes())
    with pytest.raises(InputError, match=r"was begun with other weights of fit.*--stages refine --no-resume"):
        run(tmp_path / "run")
    assert run(tmp_path / "run", stages=("refine",), resume=False).finished


def test_no_resume_also_removes_what_was_built_on_a_stage(tmp_path: Path) -> None:
    first = run(tmp_path / "run")
    again = run(tmp_path / "run", stages=("fit",), resume=False, seed=3)
    assert again.finished and not (tmp_path / "run" / "refine").exists()
    assert again.parent_run_id != first.parent_run_id
    second = run(tmp_path / "run", seed=3)
    assert second.finished
    with pytest.raises(InputError, match=r"such as seed: 3 there, 5 now.*name all its stages with --stages"):
        run(tmp_path / "run", stages=("refine",), resume=False, seed=5)


def test_changes_of_stages_that_are_not_there_yet_are_welcome(tmp_path: Path) -> None:
    run(tmp_path / "run", stages=("fit",))
    wider = two_stages(FIT, replace(REFINE, width=8))
    assert run(tmp_path / "run", wider, stages=("refine",)).finished
    with pytest.raises(InputError, match=r"stages.refine.options.width: 8 there, 32 now"):
        run(tmp_path / "run")


def test_weights_to_start_from(tmp_path: Path, trained: TrainResult) -> None:
    start = trained.earlier[0].weights
    slow = replace(FIT, training=replace(TRAINING, learning_rate=1e-9))
    tuned = run(tmp_path / "run", two_stages(slow, REFINE), stages=("fit",), init=(start,))
    assert tuned.metrics["error"] == pytest.approx(trained.earlier[0].metrics["error"], rel=1e-3)
    assert read_card(tuned.weights).extra["started_from"] == weights_sha256(start)
    assert run(tmp_path / "run", two_stages(slow, REFINE), stages=("fit",), init=(start,)).run_id == tuned.run_id
    with pytest.raises(InputError, match=r"stages.fit.init"):
        run(tmp_path / "run", two_stages(slow, REFINE), stages=("fit",))
    with pytest.raises(InputError, match=r"--init .*: the weights are of wave/fit; to be trained are wave/refine"):
        run(tmp_path / "other", stages=("refine",), parts=(f"fit={start}",), init=(start,))
    with pytest.raises(InputError, match=r"--init .*shape"):
        run(tmp_path / "other", two_stages(replace(FIT, width=8), REFINE), init=(start,))
    with pytest.raises(InputError, match=r"is of stage fit, too"):
        run(tmp_path / "other", init=(start, start))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages": ("fitt",)}, r"--stages fitt: wave/tiny has no such stage; it has fit, refine, extra"),
        (
            {"stages": ("refine",)},
            r"uses the network of stage fit, which is not trained.*--stages fit refine.*--part fit=FOLDER",
        ),
        ({"stages": ()}, r"nothing is left to train"),
        ({"parts": ("fit",)}, r"--part fit: write NAME=FOLDER"),
        ({"parts": ("fit=nowhere",)}, r"nowhere: neither a weights folder"),
        ({"parts": ("fat=nowhere",)}, r"--part fat: wave/tiny has no such stage"),
    ],
)
def test_what_cannot_be_trained_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path / "run", **changes)


def test_parts_must_be_of_the_stage_and_of_use(tmp_path: Path, trained: TrainResult) -> None:
    fit, refine = trained.earlier[0].weights, trained.weights
    with pytest.raises(InputError, match=r"are of wave/refine, not wave/fit"):
        run(tmp_path / "run", parts=(f"fit={refine}",))
    with pytest.raises(InputError, match=r"--part fit: its weights are given, and --stages asks to train it"):
        run(tmp_path / "run", stages=("fit", "refine"), parts=(f"fit={fit}",))
    with pytest.raises(InputError, match=r"--part refine: none of the stages to train \(fit\) uses it"):
        run(tmp_path / "run", stages=("fit",), parts=(f"refine={refine}",))


def test_people_on_both_sides_of_the_split_are_named(tmp_path: Path, trained: TrainResult) -> None:
    data = WaveFolder(people_of={"train": {"a": "anna", "b": "bert"}, "test": {"b": "bert", "c": "cleo"}})
    with pytest.raises(InputError, match=r"bert is both to be trained on and held out"):
        run(tmp_path / "run", data=data)


def test_given_weights_that_know_the_held_out_people_are_refused(tmp_path: Path, trained: TrainResult) -> None:
    weights = load_weights(trained.earlier[0].weights)
    save_weights(tmp_path / "fit", weights.state_dict, replace(weights.card, people=["a", "c"]))
    data = WaveFolder(people_of={"train": {"b": "bert"}, "test": {"c": "cleo"}})
    with pytest.raises(
        InputError, match=r"--part .*fit: these weights were trained on people that wave holds out \(cleo is in both"
    ):
        run(tmp_path / "run", data=data, parts=(f"fit={tmp_path / 'fit'}",))
    with pytest.raises(InputError, match=r"--init .*holds out"):
        run(tmp_path / "run", data=data, init=(tmp_path / "fit",))
    fine = WaveFolder(people_of={"train": {"b": "bert"}, "test": {"d": "dora"}})
    result = run(tmp_path / "run", data=fine, parts=(f"fit={tmp_path / 'fit'}",))
    assert read_card(result.weights).people == ["b", "a", "c"]  # whom its part knows, it knows
