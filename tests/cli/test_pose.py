"""``vitruvian pose`` as a user runs it, with a small network."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Refuses
from vitruvian.cli.main import main
from vitruvian.geometry.mesh_files import load_mesh


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, size in (("a.png", (120, 90)), ("sub/b.png", (80, 100)), ("masked.png", (100, 100))):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8)).save(path)
    mask = np.zeros((100, 100), np.uint8)
    mask[10:90, 30:60] = 255
    Image.fromarray(mask).save(tmp_path / "album" / "masked_mask.png")
    return tmp_path / "album"


def test_one_picture(album: Path, body_weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    box = ["--box", "20", "5", "70", "85", "60", "10", "110", "80"]
    command = [
        "pose",
        str(album / "a.png"),
        "--weights",
        body_weights,
        *box,
        "--format",
        "ply",
        "--out",
        "made",
        "--pkl",
        "made/o.pkl",
    ]
    assert main(command) == 0
    assert "2 people" in capsys.readouterr().out
    assert sorted(path.name for path in Path("made").iterdir()) == [
        "a.npz", "a.ply", "a_2.ply", "a_overlay.png", "a_side.png", "o.pkl",
    ]  # fmt: skip
    with np.load("made/a.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    assert arrays["body_pose"].shape == (2, 23, 3, 3) and arrays["joints_px"].shape == (2, 49, 2)
    assert arrays["picture_size_px"].tolist() == [120, 90] and str(arrays["body_model"]) == "builtin"
    np.testing.assert_allclose(arrays["crop_px"], [[45, 45, 96], [85, 45, 84]])
    mesh = load_mesh(Path("made/a_2.ply"))
    assert abs(mesh.vertices[:, 1].min()) < 1e-4 and 1.0 < np.ptp(mesh.vertices[:, 1]) < 2.5
    overlay = np.asarray(Image.open("made/a_overlay.png")).astype(int)
    picture = np.asarray(Image.open(album / "a.png")).astype(int)
    assert overlay.shape == picture.shape and 0.03 < (np.abs(overlay - picture).sum(axis=2) > 30).mean() < 0.8
    people = pickle.loads(Path("made/o.pkl").read_bytes())
    assert sorted(people) == [0, 1] and people[1]["pose"].shape == (1, 72) and people[0]["orig_cam"].shape == (1, 4)
    root = people[0]["joints3d"][0, 8]  # the pelvis: the network's axes begin at the model's origin
    assert np.abs(root).max() < 0.1
    assert people[0]["joints3d"][0, 0, 1] < root[1]  # y down: the nose is above


def test_a_folder(album: Path, body_weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["pose", str(album), "--weights", body_weights, "--people", "whole", "--no-overlay"]
    assert main(command) == 0
    made = sorted(str(path.relative_to("poses")) for path in Path("poses").rglob("*") if path.is_file())
    assert made == ["a.npz", "masked.npz", "sub/b.npz"]
    capsys.readouterr()
    assert main(command) == 0
    assert "3 of 3 are there already" in capsys.readouterr().out
    (album / "broken.png").write_bytes(b"no picture")
    assert main([*command, "--out", "again"]) == 1
    told = capsys.readouterr()
    assert "broken.png" in told.err and len(list(Path("again").rglob("*.npz"))) == 3


def test_masks_and_files_of_boxes(album: Path, body_weights: str) -> None:
    common = ["--weights", body_weights, "--no-overlay"]
    assert main(["pose", str(album / "masked.png"), *common, "--out", "mask"]) == 0
    Path("boxes.json").write_text(json.dumps({"masked.png": [[30, 10, 60, 90]]}))
    assert main(["pose", str(album / "masked.png"), *common, "--boxes", "boxes.json", "--out", "box"]) == 0
    with np.load("mask/masked.npz") as by_mask, np.load("box/masked.npz") as by_box:
        np.testing.assert_array_equal(by_mask["joints_px"], by_box["joints_px"])
    assert main(["pose", str(album / "masked.png"), *common, "--box-scale", "1", "--out", "tight"]) == 0
    with np.load("tight/masked.npz") as tight:
        assert tight["crop_px"][0, 2] == 80


def test_what_is_wrong_is_said(album: Path, body_weights: str, refuses: Refuses) -> None:
    photo = str(album / "a.png")
    refuses(["pose", photo], "--weights", "vitruvian train pymaf")
    refuses(["pose", photo, "--weights", "pifu"], "vitruvian reconstruct")
    refuses(["pose", photo, "--weights", body_weights, "--box", "1", "2", "3"], "--box")
    refuses(["pose", str(album), "--weights", body_weights, "--box", "1", "2", "30", "40"], "--boxes")
    refuses(["pose", photo, "--weights", body_weights, "--people", "given"], "a_mask.png")
    refuses(["pose", photo, "--weights", body_weights], "no person was found", "--people whole")
    refuses(["pose", photo, "--weights", body_weights, "--box", "500", "2", "530", "40"], "outside the picture")
    refuses(["pose", photo, "--weights", body_weights, "--box-scale", "0", "--people", "whole"], "--box-scale")
    (album / "bad.json").write_text("[1, 2]")
    refuses(["pose", photo, "--weights", body_weights, "--boxes", str(album / "bad.json")], "--boxes", "JSON object")
    refuses(["reconstruct", photo, "--weights", body_weights], "vitruvian pose")


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["pose", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "X_overlay.png" in said and "--box" in said and "vitruvian pose photo.jpg" in said
