"""A data set's run in MLflow: what went in, how it went, what came out; and nothing of it when it is not wanted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from figures import figure, write_folder, write_obj

from vitruvian.datagen.pipeline.tracking import DatagenTracker
from vitruvian.datagen.run import DatagenOptions, DatasetReport, generate
from vitruvian.errors import InputError
from vitruvian.mlflow_store import quiet_client, store_uri
from vitruvian.shards.card import read_card

ITEMS = ("mask", "query_points")


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_folder(tmp_path_factory.mktemp("scans"), 4)
    write_obj(folder / "a_giant.obj", figure(9), scale=100)
    return folder


def options(out: Path, scans: Path, **changes) -> DatagenOptions:
    small = {"views_per_subject": 2, "size_px": 64, "query_points": 500, "items": ITEMS, "num_actors": 0, "held_out": 1}
    return DatagenOptions(**{"out": out, "source": "meshes", "folder": scans, **small, **changes})


@pytest.fixture(scope="module")
def tracked(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> DatasetReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return generate(options(tmp_path_factory.mktemp("runs") / "people", scans), progress=False, track=True)


def runs(root: Path) -> list:
    client = quiet_client(store_uri(None, root))
    return client.search_runs([client.get_experiment_by_name("datagen").experiment_id])


def test_the_run_holds_options_counts_and_the_card(tracked: DatasetReport, tmp_path: Path) -> None:
    assert (tracked.root.parent / "mlflow.db").is_file()
    (run,) = runs(tracked.root)
    assert run.info.status == "FINISHED" and run.info.run_name == "people"
    assert run.data.params["protocol"] == "pifu" and run.data.params["seed"] == "0" and run.data.params["size_px"] == "64"
    assert run.data.tags["vitruvian.code"].startswith("0.") and run.data.tags["vitruvian.out"] == str(tracked.root)
    metrics = run.data.metrics
    assert (metrics["subjects"], metrics["views"], metrics["quarantined"], metrics["bytes"]) == (4, 8, 1, tracked.bytes)
    assert metrics["views_per_second"] > 0
    tags = run.data.tags
    assert tags["vitruvian.kind"] == "datagen" and tags["vitruvian.data_fingerprint"] == tracked.fingerprint
    assert tags["vitruvian.cpu"] and tags["vitruvian.recipe_hash"] and tags["vitruvian.code_version"] == tags["vitruvian.code"]
    assert metrics["usage/cpu_seconds"] > 0 and metrics["usage/peak_memory_bytes"] > 1e7 and metrics["usage/attempts"] == 1
    assert 0 < metrics["usage/core_hours"] * 3600 <= metrics["usage/seconds"]
    assert run.inputs.dataset_inputs[0].dataset.digest == tracked.fingerprint[:36]
    card = read_card(tracked.root)
    assert card["mlflow"] == {"run_id": run.info.run_id, "uri": store_uri(None, tracked.root)}
    files = {Path(file.path).name for file in quiet_client(store_uri(None, tracked.root)).list_artifacts(run.info.run_id)}
    assert files == {"dataset.json", "quarantine.jsonl"}
    stored = quiet_client(store_uri(None, tracked.root)).download_artifacts(run.info.run_id, "dataset.json", str(tmp_path))
    assert json.loads(Path(stored).read_text())["fingerprint"] == tracked.fingerprint


def test_the_card_says_what_one_asks_of_a_data_set(tracked: DatasetReport) -> None:
    card = read_card(tracked.root)
    assert card["splits"] == {"test": {"subjects": 1, "views": 2}, "train": {"subjects": 3, "views": 6}}
    assert card["subjects_by_licence"] == {"as the files in the folder": 4} and card["num_quarantined"] == 1
    assert card["seed"] == 0 and card["protocol"] == "pifu" and card["code"].startswith(card["code_version"])
    assert set(card["items"]) == set(ITEMS) and card["options"]["size_px"] == 64 and card["complete"]


def test_a_continued_run_is_the_same_run_and_a_finished_one_is_left_alone(tracked: DatasetReport, scans: Path) -> None:
    before = runs(tracked.root)[0].info.end_time
    generate(options(tracked.root, scans), progress=False, track=True)
    assert runs(tracked.root)[0].info.end_time == before
    assert read_card(tracked.root)["mlflow"]["run_id"]
    generate(options(tracked.root, scans), progress=False)  # without tracking the link stays
    assert read_card(tracked.root)["mlflow"]["run_id"]
    next((tracked.root / "shards").iterdir()).unlink()
    mended = generate(options(tracked.root, scans), progress=False, track=True)
    (run,) = runs(tracked.root)
    assert mended.new_samples > 0 and run.info.end_time > before and run.info.status == "FINISHED"


def test_an_unusable_store_is_told_and_the_data_are_kept(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"MLflow store .*--tracking-uri"):
        generate(
            options(tmp_path / "data", scans), progress=False, track=True, tracking_uri=f"sqlite:///{tmp_path}/file/mlflow.db"
        )
    kept = generate(options(tmp_path / "data", scans), progress=False)
    assert kept.num_subjects == 4 and "mlflow" not in read_card(tmp_path / "data")
    assert not (tmp_path / "mlflow.db").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somewhere:5000")
    assert store_uri(None, tmp_path / "data") == "http://somewhere:5000"
    assert store_uri("sqlite:///x.db", tmp_path / "data") == "sqlite:///x.db"


def test_a_store_that_goes_away_takes_no_data_with_it(
    scans: Path, tracked: DatasetReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = store_uri(None, tracked.root)  # a new one takes seconds
    root = tmp_path / "people"

    def gone(tracker: DatagenTracker, values: object) -> None:
        raise InputError("MLflow store: no answer.")

    with monkeypatch.context() as patch:
        patch.setattr(DatagenTracker, "_log", gone)
        generate(options(root, scans), progress=False, track=True, tracking_uri=uri)
    said = capsys.readouterr().err
    assert "no answer. The data set is whole" in said
    assert read_card(root)["complete"] and "mlflow" not in read_card(root)
    generate(options(root, scans), progress=False, track=True, tracking_uri=uri)
    run = quiet_client(uri).get_run(read_card(root)["mlflow"]["run_id"])
    assert run.info.status == "FINISHED" and run.data.metrics["views"] == 8


def test_mlflow_is_imported_only_to_track(scans: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from vitruvian.cli.main import main; code = main(sys.argv[1:]); "
        "print('mlflow' in sys.modules); raise SystemExit(code)"
    )
    arguments = ["datagen", "--out", tmp_path / "data", "--source", "meshes", "--folder", scans, "--views-per-subject", "1"]
    arguments += ["--size-px", "32", "--items", "mask", "--num-actors", "0", "--no-track"]
    done = subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False" and "1 quarantined" in done.stderr
    assert not (tmp_path / "mlflow.db").exists()
