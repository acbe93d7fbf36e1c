"""Runs say of themselves what makes them comparable, and ``vitruvian compare`` tells what follows from it."""

import csv
import json
import re
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from refine_stage import RefineStage, load_wave, two_stages
from wave_stage import WaveFolder, WaveStage, wave_recipe

from vitruvian.cli.main import main
from vitruvian.methods.stage import Training
from vitruvian.mlflow_store import RUNS
from vitruvian.train.options import TrainOptions
from vitruvian.train.results import TrainResult
from vitruvian.train.run import train_recipe
from vitruvian.train.trial import Trial

TRAINING = Training(epochs=4, batch_size=8, learning_rate=1e-2, optimizer="adam", validation_samples=7)
PEOPLE = {"test": {"c1": "anna", "c2": "berta"}, "train": {"c3": "carl"}}
DATA = WaveFolder(people_of=PEOPLE)


def run(folder: Path, stage: WaveStage, *, data: WaveFolder = DATA, trial: Trial | None = None, **changes: Any) -> TrainResult:
    options = TrainOptions(method="wave", data=folder, out=folder, num_workers=0, cpus_per_worker=1, **changes)
    return train_recipe(wave_recipe(stage), data, options, trial=trial, progress=False)


def client(uri: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=uri)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three trainings, one of them of other data, and one of two stages, in one store."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        dropped = replace(TRAINING, drop_after_epochs=(1,), drop_factor=0.1)
        run(root / "level", WaveStage(training=TRAINING))
        run(root / "dropped", WaveStage(training=dropped, width=24))
        other = replace(DATA, fingerprint="e" * 64, people_of={"test": {"c9": "zoe"}})
        run(root / "other", WaveStage(training=TRAINING), data=other)
        fit = WaveStage(dropout=0.0, training=replace(TRAINING, epochs=2))
        options = TrainOptions(method="wave", out=root / "both", num_workers=0, cpus_per_worker=1, experiment="two")
        recipe = two_stages(fit, RefineStage(dropout=0.0, training=fit.training))
        train_recipe(recipe, DATA, options, load_network=load_wave, progress=False)
        yield root


@pytest.fixture(autouse=True)
def no_store_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VITRUVIAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def compare(out: Path, *arguments: str) -> dict[str, Any]:
    assert main(["compare", *arguments, "--out", str(out)]) == 0
    return json.loads((out / "comparison.json").read_text())


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["compare", *arguments]) == 2
    return capsys.readouterr().err


def test_a_run_says_what_makes_it_comparable(runs: Path) -> None:
    found = json.loads((runs / "level" / RUNS).read_text())
    run_id = found["runs"]["fit"]
    data = client(found["tracking_uri"]).get_run(run_id).data
    tags, metrics = data.tags, data.metrics
    assert tags["vitruvian.kind"] == "train" and tags["vitruvian.out"] == str(runs / "level")
    assert tags["vitruvian.held_out_people"].startswith("2 (") and tags["vitruvian.data_fingerprint"] == "f" * 64
    assert re.fullmatch(r"[0-9a-f]{16}", tags["vitruvian.recipe_hash"])
    assert re.fullmatch(r"[0-9a-f]{16}", tags["vitruvian.metrics_hash"])
    assert tags["vitruvian.cpu"] and int(tags["vitruvian.cores"]) >= 1
    assert metrics["usage/attempts"] == metrics["usage/workers"] == 1
    assert metrics["usage/seconds"] > 0 and metrics["usage/cpu_seconds"] > 0 and metrics["usage/peak_memory_bytes"] > 1e7
    assert metrics["usage/core_hours"] == pytest.approx(metrics["usage/seconds"] / 3600)
    assert metrics["usage/samples_per_second"] > 0
    seconds = client(found["tracking_uri"]).get_metric_history(run_id, "train/seconds")
    assert sorted(point.step for point in seconds) == list(range(20))


def test_what_a_continued_run_cost_is_the_sum(runs: Path, tmp_path: Path) -> None:
    stage, uri = WaveStage(training=replace(TRAINING, epochs=2)), f"sqlite:///{runs / 'mlflow.db'}"  # a new store takes seconds
    first = run(tmp_path / "run", stage, max_minutes=1e-9, tracking_uri=uri, experiment="continued")
    before = client(first.tracking_uri).get_run(first.run_id).data.metrics
    client(first.tracking_uri).set_tag(first.run_id, "vitruvian.code_version", "0.0.1+gold")
    second = run(tmp_path / "run", stage, tracking_uri=uri, experiment="continued")
    after = client(second.tracking_uri).get_run(second.run_id).data
    assert (before["usage/attempts"], after.metrics["usage/attempts"]) == (1, 2)
    assert after.metrics["usage/cpu_seconds"] > before["usage/cpu_seconds"]
    assert after.metrics["usage/seconds"] > before["usage/seconds"] > 0
    assert after.tags["vitruvian.code_versions"].split()[0] == "0.0.1+gold"
    told = compare(tmp_path / "out", str(tmp_path / "run"))
    assert any("continued with another version" in remark["text"] for remark in told["remarks"])


def test_two_runs_side_by_side(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    told = compare(out, str(runs / "level"), str(runs / "dropped" / "fit"), "--cpu-hour-price", "36", "--currency", "EUR")
    names = {(one["group"], one["name"]) for one in told["differences"]}
    assert {("Recipe", "width"), ("Recipe", "training.drop_after_epochs")} <= names
    assert not {name for group, name in names if group in ("Data", "Machine")}
    assert not [remark for remark in told["remarks"] if "data differ" in remark["text"] or "held out" in remark["text"]]
    values = told["runs"][0]["values"]
    assert values["cost"] == pytest.approx(values["seconds"] * 0.01, rel=1e-6)
    assert values["fit/error"] > 0 and told["best"]["fit/error"]
    printed = capsys.readouterr().out
    assert "width" in printed and "cost (EUR)" in printed and str(out / "comparison.html") in printed
    rows = list(csv.DictReader((out / "curves.csv").read_text().splitlines()))
    losses = [row for row in rows if row["run"] == "level" and row["metric"] == "train/loss"]
    assert [int(row["step"]) for row in losses] == list(range(20)) and float(losses[-1]["epoch"]) == 4.0
    assert float(losses[-1]["cost"]) == pytest.approx(float(losses[-1]["seconds"]) * 0.01, rel=1e-6)
    assert [row["run"] for row in csv.DictReader((out / "runs.csv").read_text().splitlines())] == ["level", "dropped"]
    plots = {path.name for path in (out / "plots").glob("*.svg")}
    assert {f"fit-{what}-{axis}.svg" for what in ("loss", "error") for axis in ("epochs", "steps", "time", "cost")} <= plots
    for path in (out / "plots").glob("*.svg"):
        ElementTree.parse(path)
    drawn = (out / "plots" / "fit-error-epochs.svg").read_text()
    assert drawn.count('class="drop c1"') == 2 and "drop c0" not in drawn  # in the plot and in the schedule below, at epoch 2
    page = (out / "comparison.html").read_text()
    assert "default-src 'none'" in page and not re.search(r"""(?:src|href)=["'](?!data:)""", page)


def test_what_does_not_compare_is_said_first(runs: Path, tmp_path: Path) -> None:
    told = compare(tmp_path, str(runs / "level"), str(runs / "other"), "--metrics", "error")
    warned = [remark["text"] for remark in told["remarks"] if remark["weight"] == "warning"]
    assert any(
        text.startswith("The data differ (by fingerprint): level: ffffffffffff; other: eeeeeeeeeeee.") for text in warned
    )
    assert any(text.startswith("Other people are held out: level: 2 (") for text in warned)
    page = (tmp_path / "comparison.html").read_text()
    assert page.index("The data differ") < page.index("What differs") and "cannot be compared as they stand" in page


def test_dirty_code_other_metrics_and_machines_are_said(runs: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(runs, store)  # the store's runs are changed below
    uri = f"sqlite:///{store / 'mlflow.db'}"
    first, second = (json.loads((store / name / RUNS).read_text())["runs"]["fit"] for name in ("level", "dropped"))
    change = client(uri)
    for run_id, diff, cpu in ((first, "none", "Slow"), (second, "abcd1234", "Fast")):
        change.set_tag(run_id, "vitruvian.code_diff", diff)
        change.set_tag(run_id, "vitruvian.cpu", cpu)
        change.set_tag(run_id, "vitruvian.metrics_hash", cpu)
    change.set_terminated(second, "FAILED")
    told = compare(tmp_path / "out", first, second[:9], "--tracking-uri", uri)
    texts = [remark["text"] for remark in told["remarks"]]
    dirty = [text for text in texts if "not committed" in text]
    assert len(dirty) == 1 and dirty[0].startswith("dropped:") and "abcd1234" in dirty[0]
    assert any("defined differently" in text for text in texts)
    assert any(text.startswith("Machines or workers differ: level: Slow; dropped: Fast") for text in texts)
    assert any(text == "dropped: failed; figures are those so far." for text in texts)


def test_a_run_of_two_stages_is_one_column(runs: Path, tmp_path: Path) -> None:
    told = compare(tmp_path, str(runs / "both"), str(runs / "level"))
    both = told["runs"][0]
    assert [stage["stage"] for stage in both["stages"]] == ["fit", "refine"]
    assert both["values"]["fit/error"] and both["values"]["refine/error"] and told["runs"][1]["values"]["refine/error"] is None
    stages = [client(both["tracking_uri"]).get_run(stage["run_id"]).data.metrics for stage in both["stages"]]
    assert both["values"]["seconds"] == pytest.approx(sum(metrics["usage/seconds"] for metrics in stages))


def test_registered_models_names_and_experiments(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"sqlite:///{runs / 'mlflow.db'}"
    told = compare(tmp_path, "models:/wave/1", "models:/wave@tiny", "--tracking-uri", uri, "--name", "first", "newest")
    assert [one["name"] for one in told["runs"]] == ["first", "newest"]
    assert told["runs"][0]["run_id"] == json.loads((runs / "level" / RUNS).read_text())["runs"]["fit"]
    told = compare(tmp_path, "--experiment", "wave", "--tracking-uri", uri)
    assert [one["name"] for one in told["runs"]] == ["level", "dropped", "other"]
    told = compare(tmp_path, "--experiment", "two", "--tracking-uri", uri)
    assert [one["name"] for one in told["runs"]] == ["both"]
    said = refused(capsys, "tiny/fit", "--tracking-uri", uri)
    assert re.search(r"[45] runs are meant", said) and str(runs / "other") in said
    assert "no run of this id or name" in refused(capsys, "nobody", "--tracking-uri", uri)
    assert "has only" in refused(capsys, "--experiment", "nothing", "--tracking-uri", uri)
    assert "no such model" in refused(capsys, "models:/wave/77", "--tracking-uri", uri)
    assert "neither mlflow.json nor run.json" in refused(capsys, str(tmp_path))
    assert "1 names for 2 runs" in refused(capsys, str(runs / "level"), str(runs / "other"), "--name", "a")


def test_a_registered_version_has_its_model_card(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uri = f"sqlite:///{runs / 'mlflow.db'}"
    store = client(uri)
    version = store.get_model_version("wave", "1")
    assert version.description.startswith("# models:/wave/1: wave, fit") and "7 samples, from 2 people" in version.description
    files = Path(store.download_artifacts(version.run_id, "model_card", str(tmp_path)))
    assert (files / "card.md").read_text() == version.description and "<h1>" in (files / "card.html").read_text()
    assert main(["weights", "card", "models:/wave/1", "--tracking-uri", uri]) == 0
    assert capsys.readouterr().out == version.description
    store.update_model_version("wave", "1", description="")  # as if it had been killed in between
    run(runs / "level", WaveStage(training=TRAINING))
    assert store.get_model_version("wave", "1").description == version.description


def test_a_folder_without_its_note_is_found_by_its_key(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "level", tmp_path / "old")
    (tmp_path / "old" / RUNS).unlink()
    told = compare(tmp_path / "out", str(tmp_path / "old"), "--tracking-uri", f"sqlite:///{runs / 'mlflow.db'}")
    assert told["runs"][0]["run_id"] == json.loads((runs / "level" / RUNS).read_text())["runs"]["fit"]


def test_a_folder_at_a_url(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = compare(tmp_path, (runs / "both").as_uri(), f"{(runs / 'both').as_uri()}/refine")
    assert [len(one["stages"]) for one in told["runs"]] == [2, 1]
    assert "has no mlflow.json" in refused(capsys, runs.as_uri())


def test_a_sweep_stands_for_its_trials(runs: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{runs / 'mlflow.db'}"
    from vitruvian.mlflow_store import experiment_id, quiet_client

    mlflow = quiet_client(uri)
    sweep = mlflow.create_run(
        experiment_id(mlflow, uri, "sweeps"), run_name="rates", tags={"vitruvian.kind": "tune"}
    ).info.run_id
    for number, rate in enumerate((1e-2, 1e-3)):
        stage = WaveStage(training=replace(TRAINING, epochs=1, learning_rate=rate))
        trial = Trial(name=f"trial-{number}", key=f"{sweep}/{number}", parent_run_id=sweep, after_epoch=lambda *_: None)
        run(tmp_path / f"trial-{number}", stage, trial=trial, tracking_uri=uri, experiment="sweeps")
    for reference in ("rates", sweep[:8]):
        told = compare(tmp_path / "out", reference, "--tracking-uri", uri)
        assert [one["name"] for one in told["runs"]] == ["trial-0", "trial-1"]
        assert {one["name"] for one in told["differences"]} == {"training.learning_rate"}
