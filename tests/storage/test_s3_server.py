"""The commands on an S3 server, as a user runs them, kills them and starts them again on another machine."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from s3_commands import PEOPLE, SMALL_NETWORK, kill_when, run

from vitruvian.cli.main import main
from vitruvian.datagen.options import DatagenOptions
from vitruvian.methods.builtin import builtin_weights
from vitruvian.methods.weights import weights_sha256
from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.manifest import MANIFEST, RECENT, read_manifest
from vitruvian.storage.local import cache_folder
from vitruvian.storage.objects import list_files, read_bytes, read_if_there, upload
from vitruvian.storage.url import Url
from vitruvian.train.history import HISTORY, Event

Move = Callable[[str], Path]


@pytest.fixture(scope="module")
def local_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same people on a disk."""
    root = tmp_path_factory.mktemp("local") / "people"
    run("datagen", "--out", root, "--num-actors", "0", "--no-track", *PEOPLE)
    return root


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Move:
    """``machine("second")``: from now on this process is on a machine of its own: home, cache, current folder."""

    def move(name: str) -> Path:
        folder = tmp_path / name
        (folder / "home").mkdir(parents=True)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("HOME", str(folder / "home"))
        monkeypatch.setenv("VITRUVIAN_CACHE", str(folder / "cache"))
        return folder

    return move


def events(text: bytes | None) -> list[Event]:
    whole, _, _ = (text or b"").decode().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def losses(found: list[Event]) -> list[tuple[int, float]]:
    return [(event["step"], event["loss"]) for event in found if event["event"] == "step"]


@pytest.mark.slow
def test_people_are_made_at_a_url_killed_and_finished_elsewhere(
    bucket: Url,
    local_people: Path,
    s3_environment: dict[str, str],
    machine: Move,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    people = bucket / "people"
    command = ("datagen", "--out", people, "--num-actors", "0", *PEOPLE)
    kill_when(lambda: len(read_manifest(people)) >= 1, *command, folder=tmp_path / "first", environment=s3_environment)
    before = read_manifest(people)
    assert 1 <= len(before) < 3 and RECENT in list_files(people)
    second = machine("second")
    capsys.readouterr()
    run(*command)
    said = capsys.readouterr().out
    assert f"this run made {2 * (3 - len(before))} views" in said and f"{people} (complete)" in said
    assert read_manifest(people) == read_manifest(local_people)
    names = list_files(people)
    assert sorted(names) == sorted(
        ["dataset.json", MANIFEST, "quarantine.jsonl", *(f"shards/block-{k:06d}.arrow" for k in range(3))]
    )
    for name in names:
        if name.startswith("shards/") or name == "quarantine.jsonl":
            assert read_bytes(people / name) == (local_people / name).read_bytes()
    assert (second / "runs/mlflow.db").is_file() and not list((second / "cache").rglob("*.arrow"))

    run("datagen", "inspect", people, "--out", "sheet.png")
    assert (second / "sheet.png").stat().st_size > 1000
    copies = [path for path in (cache_folder() / "objects").rglob("*") if path.is_file()]
    assert len(copies) == 3
    run("datagen", "cache", people, "--items", "rgb", "mask")
    assert "made" in capsys.readouterr().out and len(list((second / "cache/lmdb").glob("*.lmdb"))) == 1


@pytest.mark.slow
def test_trained_from_url_to_url_killed_and_continued_on_a_fresh_machine(
    bucket: Url,
    local_people: Path,
    s3_environment: dict[str, str],
    machine: Move,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    people, trained = bucket / "people", bucket / "runs" / "small"
    copy_folder(local_people, people)
    command = ("train", "pifu", "--data", people, "--out", trained, "--num-workers", "0", *SMALL_NETWORK)

    def halfway() -> bool:
        there = list_files(trained / "shape")
        return "checkpoint.pt" in there and len(losses(events(read_if_there(trained / "shape" / HISTORY)))) >= 3

    kill_when(halfway, *command, folder=tmp_path / "first", environment=s3_environment)
    killed = losses(events(read_bytes(trained / "shape" / HISTORY)))
    second = machine("second")
    run(*command)
    assert f"weights of shape: {trained}/shape/weights" in capsys.readouterr().out
    reference = machine("reference")
    run("train", "pifu", "--data", local_people, "--out", reference / "run", "--num-workers", "0", *SMALL_NETWORK)

    found = events(read_bytes(trained / "shape" / HISTORY))
    assert len([event for event in found if event["event"] == "start"]) == 2 and found[-1]["event"] == "epoch"
    expected = losses(events((reference / "run/shape" / HISTORY).read_bytes()))
    assert losses(found) == expected and 3 <= len(killed) < len(expected)
    assert expected[: len(killed)] == killed and all(math.isfinite(loss) for _, loss in expected)
    machine("third")
    card = json.loads(read_bytes(trained / "shape/weights/card.json"))
    assert card["weights"]["sha256"] == weights_sha256(reference / "run/shape/weights")
    assert (second / "runs/mlflow.db").is_file()
    left = {name.split("/")[1] for name in list_files(trained) if name.startswith("shape/")}
    assert left == {"checkpoint.pt", HISTORY, "parts.json", "pictures", "receipt.json", "usage", "weights"}

    out = bucket / "evaluation"
    evaluation = ("evaluate", "--data", people, "--weights", trained, "--out", out, "--cell-mm", "20", "--views", "1")
    run(*evaluation, "--no-mlflow")
    assert f"Open {out}/report.html" in capsys.readouterr().out
    judged = json.loads(read_bytes(out / "metrics.json"))
    assert judged["data"]["folder"] == str(people) and judged["models"][0]["weights"] == str(trained)
    assert {"report.html", "table.csv"} <= set(list_files(out))


def test_a_photograph_becomes_a_mesh_by_weights_at_a_url(
    bucket: Url, local_people: Path, machine: Move, capsys: pytest.CaptureFixture[str]
) -> None:
    machine("first")
    weights = bucket / "weights" / "pifu"
    copy_folder(builtin_weights("pifu"), weights)
    sample = ShardDataset(local_people, split="test", items=("rgb", "mask"))[0]
    Image.fromarray(sample["rgb"]).save("photo.png")
    Image.fromarray(sample["mask"]).save("mask.png")
    command = ("reconstruct", "photo.png", "--mask", "mask.png", "--resolution", "32")
    run(*command, "--weights", weights, "--out", bucket / "meshes" / "person.glb")
    run(*command, "--out", "local.glb")
    assert list(list_files(bucket / "meshes")) == ["person.glb"]
    assert read_bytes(bucket / "meshes" / "person.glb") == Path("local.glb").read_bytes()
    run(*command, "--weights", weights, "--out", bucket / "meshes" / "person.glb")
    assert "are there already" in capsys.readouterr().out


def copy_folder(folder: Path, url: Url) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".lock":
            upload(path, url / path.relative_to(folder).as_posix())


def test_options_of_other_people_are_refused_and_no_bucket_is_made(
    bucket: Url, machine: Move, capsys: pytest.CaptureFixture[str]
) -> None:
    machine("first")
    nowhere = Url(f"s3://no-{bucket.bucket}") / "people"
    assert main(["datagen", "--out", str(nowhere), "--num-actors", "0", *PEOPLE]) == 2
    assert f"{nowhere}" in (said := capsys.readouterr().err) and "there is no bucket" in said
    assert main(["train", "pifu", "--data", str(bucket / "nothing")]) == 2
    assert f"{bucket}/nothing: holds no data set" in capsys.readouterr().err
    assert main(["evaluate", "--data", str(bucket / "x"), "--weights", str(bucket / "y"), "--out", "out"]) == 2
    assert f"{bucket}/y: neither a weights folder" in capsys.readouterr().err
    assert DatagenOptions(out=bucket).resolved().out == bucket
