"""From a data set folder and weights folders to metrics.json, a report and MLflow."""

import json
from pathlib import Path

import pytest
from made_up import Oracle, person, write_dataset
from mlflow.tracking import MlflowClient

from vitruvian.errors import InputError
from vitruvian.evaluate.evaluate import EvaluateOptions, evaluate
from vitruvian.evaluate.results import load_evaluation

FAST = {"cell_mm": 15.0, "surface_samples": 800}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, ...]:
    """Two folders of weights: one knows the truth, one is fat and does not know the last person."""
    truths = [person(number, view) for number in range(3) for view in range(2)]
    models = {
        "exact": Oracle(truths),
        "fat": Oracle(truths, thicker_m=0.03, fails_on=("made-up-002",)),
    }
    monkeypatch.setattr("vitruvian.evaluate.evaluate.load_reconstructor", lambda folder: models[folder.name])
    return tmp_path / "exact", tmp_path / "fat"


def test_the_held_out_people_are_evaluated(data: Path, weights: tuple[Path, ...], tmp_path: Path) -> None:
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


def test_several_models_and_views_and_a_failure(data: Path, weights: tuple[Path, ...], tmp_path: Path) -> None:
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


def test_another_evaluation_replaces_the_first_and_nothing_else(data: Path, weights: tuple[Path, ...], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    evaluate(EvaluateOptions(data=data, weights=weights[:1], out=out, report=False, **FAST))
    evaluate(EvaluateOptions(data=data, weights=weights[:1], out=out, report=False, max_subjects=1, **FAST))
    assert len(list((out / "samples").iterdir())) == 1 and (out / "notes.txt").read_text() == "mine"
    assert not (out / "report.html").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # between MLflow and its own dependencies
def test_results_are_logged_beside_the_training(data: Path, weights: tuple[Path, ...], tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("pifu", artifact_location=(tmp_path / "artifacts").as_uri())
    run_id = client.create_run(experiment).info.run_id
    options = EvaluateOptions(
        data=data, weights=weights[:1], out=tmp_path / "out", report=False, max_subjects=1,
        mlflow_tracking_uri=uri, mlflow_run_id=run_id, **FAST,
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
                mlflow_tracking_uri=uri, mlflow_run_id="0" * 32, **FAST,
            )
        )  # fmt: skip


def test_bad_folders_are_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing-here"):
        evaluate(EvaluateOptions(data=data, weights=(tmp_path / "nothing-here",), out=tmp_path / "out"))
