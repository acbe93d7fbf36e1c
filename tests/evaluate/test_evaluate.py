"""From a data set folder and weights folders to metrics.json, a report and MLflow."""

import csv
import dataclasses
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from made_up import CARD, Oracle, person, write_dataset
from mlflow.tracking import MlflowClient

from vitruvian.cli.evaluate import gathered
from vitruvian.cli.main import main
from vitruvian.errors import InputError
from vitruvian.evaluate.evaluate import EvaluateOptions, evaluate
from vitruvian.evaluate.evaluation import Truth
from vitruvian.evaluate.results import load_evaluation
from vitruvian.methods.weights import Card, save_weights
from vitruvian.shards import ShardDataset
from vitruvian.shards.people import person_code

FAST = {"cell_mm": 15.0, "surface_samples": 800, "mlflow": False}

LOGGED = {**FAST, "mlflow": True}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Two folders of weights: one knows the truth, one is fat and does not know the last person."""
    truths = [person(number, view) for number in range(3) for view in range(2)]
    models = {
        "exact": Oracle(truths),
        "fat": Oracle(truths, thicker_m=0.03, fails_on=("made-up-002",)),
    }
    for model in models:
        save_weights(tmp_path / model, {}, models[model].card)
    monkeypatch.setattr("vitruvian.evaluate.models.load_reconstructor", lambda folder: models[folder.name])
    return str(tmp_path / "exact"), str(tmp_path / "fat")


def test_the_held_out_people_are_evaluated(data: Path, weights: tuple[str, ...], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    options = EvaluateOptions(data=data, weights=weights[:1], out=tmp_path / "out", **FAST)
    report = evaluate(options, progress=lambda done, whole: told.append((done, whole)))
    assert told == [(1, 2), (2, 2)]
    assert [sample.key for sample in report.samples] == [("made-up-001", 0), ("made-up-002", 0)]
    assert report.iou == 1.0 and report.mean["chamfer_cm"] < 0.05 and report.num_failed == 0
    values = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert values["iou"] == 1.0 and values["num_samples"] == 2 and len(values["samples"]) == 2
    assert values["models"][0]["card"]["recipe"] == "tiny" and values["data"]["fingerprint"] == report.data["fingerprint"]
    assert load_evaluation(tmp_path / "out") == report
    assert "made-up-002" in (tmp_path / "out" / "report.html").read_text()


def test_several_models_and_views_and_a_failure(data: Path, weights: tuple[str, ...], tmp_path: Path) -> None:
    options = EvaluateOptions(data=data, weights=weights, out=tmp_path / "out", views=None, **FAST)
    report = evaluate(options)
    assert len(report.samples) == 2 * 4 and [model.name for model in report.models] == ["exact", "fat"]
    exact, fat = report.models
    assert (exact.num_failed, fat.num_failed) == (0, 2)
    assert exact.mean["iou"] == 1.0
    measured = [sample.metrics["iou"] for sample in report.samples if sample.model == "fat" and sample.failure is None]
    assert fat.mean["iou"] == pytest.approx(sum(measured) / 4) and fat.subjects["made-up-002"]["iou"] == 0.0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "no surface &lt;crosses&gt; the level" in page and "<crosses>" not in page


def test_another_evaluation_replaces_the_first_and_nothing_else(data: Path, weights: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    evaluate(EvaluateOptions(data=data, weights=weights[:1], out=out, report=False, **FAST))
    evaluate(EvaluateOptions(data=data, weights=weights[:1], out=out, report=False, max_subjects=1, **FAST))
    assert len(list((out / "samples").iterdir())) == 1 and (out / "notes.txt").read_text() == "mine"
    assert not (out / "report.html").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between MLflow and its own dependencies
def test_results_are_logged_beside_the_training(data: Path, weights: tuple[str, ...], tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("pifu", artifact_location=(tmp_path / "artifacts").as_uri())
    run_id = client.create_run(experiment).info.run_id
    options = EvaluateOptions(
        data=data, weights=weights[:1], out=tmp_path / "out", report=False, max_subjects=1,
        mlflow_tracking_uri=uri, mlflow_run_id=run_id, **LOGGED,
    )  # fmt: skip
    report = evaluate(options)
    metrics = client.get_run(run_id).data.metrics
    assert metrics["heldout/iou"] == report.iou and metrics["heldout/failed"] == 0
    assert {item.path for item in client.list_artifacts(run_id, "heldout")} >= {"heldout/metrics.json", "heldout/samples"}
    assert client.get_run(run_id).info.status == "RUNNING"
    with pytest.raises(InputError, match="mlflow-run-id"):
        evaluate(
            EvaluateOptions(
                data=data, weights=weights[:1], out=tmp_path / "out", report=False, max_subjects=1,
                mlflow_tracking_uri=uri, mlflow_run_id="0" * 32, **LOGGED,
            )
        )  # fmt: skip


def test_bad_folders_are_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing-here"):
        evaluate(EvaluateOptions(data=data, weights=(str(tmp_path / "nothing-here"),), mlflow=False, out=tmp_path / "out"))


class Counting(Oracle):
    """Counts the pictures that it is asked for, and may stop like an interrupted command."""

    def __init__(self, truths: list[Truth], *, stop_after: int | None = None) -> None:
        super().__init__(truths)
        self.asked, self.stop_after = 0, stop_after

    def reconstruct(self, *arguments: Any, **more: Any) -> Any:
        if self.asked == self.stop_after:
            raise KeyboardInterrupt
        self.asked += 1
        return super().reconstruct(*arguments, **more)


def test_an_interrupted_evaluation_goes_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truths = [person(number, view) for number in range(3) for view in range(2)]
    save_weights(tmp_path / "w", {}, CARD)
    options = EvaluateOptions(data=data, weights=(str(tmp_path / "w"),), out=tmp_path / "out", views=None, report=False, **FAST)

    def run(model: Counting, options: EvaluateOptions = options) -> Any:
        monkeypatch.setattr("vitruvian.evaluate.models.load_reconstructor", lambda folder: model)
        return evaluate(options)

    first = Counting(truths, stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        run(first)
    assert not (tmp_path / "out" / "metrics.json").exists()
    second = Counting(truths)
    resumed = run(second)
    assert (first.asked, second.asked) == (2, 2)
    whole = run(Counting(truths), dataclasses.replace(options, out=tmp_path / "whole"))
    assert resumed.samples == whole.samples and resumed.models == whole.models
    again, afresh, finer = Counting(truths), Counting(truths), Counting(truths)
    run(again)
    run(afresh, dataclasses.replace(options, resume=False))
    run(finer, dataclasses.replace(options, cell_mm=12.0))
    assert (again.asked, afresh.asked, finer.asked) == (0, 4, 4), "results of other settings are not taken"


def _trained_on(people: list[str]) -> Card:
    return dataclasses.replace(CARD, people=people)


def test_people_that_a_model_has_seen_are_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = _trained_on([person_code({"source": "", "seed": 0}, "made-up-002")])
    new = _trained_on([person_code({"source": "", "seed": 0}, "made-up-000")])
    models = {}
    for name, card in (("seen", seen), ("new", new), ("unknown", CARD)):
        save_weights(tmp_path / name, {}, card)
        models[name] = Oracle([person(number) for number in range(3)])
        models[name].card = card
    save_weights(tmp_path / "part-seen", {}, new)
    save_weights(tmp_path / "part-seen" / "weights" / "coarse", {}, seen)
    models["part-seen"] = models["new"]
    monkeypatch.setattr("vitruvian.evaluate.models.load_reconstructor", lambda folder: models[folder.name])

    def options(name: str, **more: Any) -> EvaluateOptions:
        return EvaluateOptions(data=data, weights=(str(tmp_path / name),), out=tmp_path / "out", **{**FAST, **more})

    for name in ("seen", "part-seen"):
        with pytest.raises(InputError, match=r"1 of the 2 people .*made-up-002.*allow-seen-people"):
            evaluate(options(name))
    assert evaluate(options("new")).warning == ""
    assert "not known" in evaluate(options("unknown")).warning
    allowed = evaluate(options("seen", allow_seen_people=True))
    assert "was trained on 1 of these 2 people" in allowed.warning
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.index('role="alert"') < page.index('class="summary"') and "that it had never seen" not in page


def test_the_training_half_of_the_same_data_set_was_seen(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = dataclasses.replace(CARD, data_fingerprint=ShardDataset(data).fingerprint)  # weights from before codes of people
    save_weights(tmp_path / "w", {}, card)
    model = Oracle([person(number) for number in range(3)])
    monkeypatch.setattr("vitruvian.evaluate.models.load_reconstructor", lambda folder: model)
    options = EvaluateOptions(data=data, weights=(str(tmp_path / "w"),), out=tmp_path / "out", report=False, **FAST)
    assert evaluate(options).warning == ""
    with pytest.raises(InputError, match="made-up-000"):
        evaluate(dataclasses.replace(options, split="train"))


def test_tables_and_plots_for_other_programs(data: Path, weights: tuple[str, ...], tmp_path: Path) -> None:
    names = ("Known truth", "Fat | man")
    report = evaluate(EvaluateOptions(data=data, weights=weights, name=names, out=tmp_path / "out", report=False, **FAST))
    rows = list(csv.DictReader((tmp_path / "out" / "table.csv").read_text(encoding="utf-8").splitlines()))
    iou = {row["model"]: float(row["mean"]) for row in rows if row["measure"] == "iou"}
    assert iou == {model.name: model.mean["iou"] for model in report.models}
    samples = list(csv.DictReader((tmp_path / "out" / "samples.csv").read_text(encoding="utf-8").splitlines()))
    assert len(samples) == 4 and "no surface" in samples[3]["failure"] and samples[3]["iou"] == ""
    text = (tmp_path / "out" / "table.md").read_text()
    assert "| Fat \\| man |" in text and "| **1.000** |" in text and "2 people are too few to tell" in text
    for plot in ("bars-iou", "spread-chamfer_cm", "differences-iou", "within"):
        ElementTree.parse(tmp_path / "out" / "plots" / f"{plot}.svg")
    assert (tmp_path / "out" / "samples" / "0000-made-up-001-view00" / "Fat___man.glb").is_file()
    values = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert {one["metric"] for one in values["comparisons"]} >= {"iou", "chamfer_cm"}
    assert all(one["better"] is None for one in values["comparisons"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between MLflow and its own dependencies
def test_a_comparison_is_a_run_with_one_below_it_for_each_model(data: Path, weights: tuple[str, ...], tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    options = EvaluateOptions(data=data, weights=weights, out=tmp_path / "out", mlflow_tracking_uri=uri, **LOGGED)
    report = evaluate(dataclasses.replace(options, name=("A", "B")))
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("evaluation")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"A / B", "A", "B"} and all(run.info.status == "FINISHED" for run in runs.values())
    parent = runs["A / B"]
    for model in report.models:
        child = runs[model.name]
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.metrics["iou"] == model.mean["iou"] and child.data.metrics["failed"] == model.num_failed
        assert child.data.params["weights"] == model.weights
    assert parent.data.metrics["difference/B minus A/iou"] == pytest.approx(report.models[1].mean["iou"] - 1.0)
    names = {item.path for item in client.list_artifacts(parent.info.run_id)}
    assert names >= {"metrics.json", "table.csv", "table.md", "samples.csv", "report.html", "plots", "samples"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between MLflow and its own dependencies
def test_models_are_fetched_from_the_registry(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("pifu", artifact_location=(tmp_path / "artifacts").as_uri())
    run_id = client.create_run(experiment).info.run_id
    save_weights(tmp_path / "made", {}, CARD)
    client.log_artifacts(run_id, str(tmp_path / "made"), "weights")
    client.create_registered_model("pifu")
    client.create_model_version("pifu", source=f"runs:/{run_id}/weights", run_id=run_id)
    client.set_registered_model_alias("pifu", "tiny", "1")
    model = Oracle([person(number) for number in range(3)])
    monkeypatch.setattr("vitruvian.evaluate.models.load_reconstructor", lambda folder: model)
    options = EvaluateOptions(
        data=data, weights=("models:/pifu@tiny",), out=tmp_path / "out", mlflow_tracking_uri=uri, report=False, **FAST
    )
    assert evaluate(options).models[0].weights == "models:/pifu@tiny"
    assert evaluate(dataclasses.replace(options, weights=("models:/pifu/1",))).iou == 1.0
    for wrong, words in (("models:/pifu@gone", "no such model"), ("models:/pifu", "NAME@ALIAS")):
        with pytest.raises(InputError, match=words):
            evaluate(dataclasses.replace(options, weights=(wrong,)))


def test_the_command_compares_models(
    data: Path, weights: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exact, fat = weights
    command = ["evaluate", "--data", data, "--out", tmp_path / "out", "--weights", exact, "--name", "Known truth"]
    command += [f"--weights={fat}", "--name", "Fat", "--no-mlflow", "--cell-mm", 15, "--surface-samples", 800]
    assert main([str(part) for part in command]) == 0
    said = capsys.readouterr().out
    assert re.search(r"Known truth +Fat\n", said) and "1.000*" in said and "WARNING: It is not known" in said
    assert "Volume IoU: 2 people are too few to tell" in said and f"Open {tmp_path / 'out' / 'report.html'}" in said
    assert not (tmp_path / "mlflow.db").exists()


def test_options_can_be_written_once_or_often() -> None:
    written = ["--weights", "a", "b", "--data", "d", "--weights", "c", "--name=x", "--weights=e", "--no-report"]
    assert gathered(written, ("--weights", "--name")) == [
        "--weights", "a", "b", "c", "e", "--data", "d", "--name", "x", "--no-report",
    ]  # fmt: skip
    assert gathered(["--help"], ("--weights",)) == ["--help"]
