"""``vitruvian pose --detector``: everyone in photographs and videos, by networks in the files of their tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Refuses
from tests.methods.detector_files import two_people, write_onnx, write_transformers
from tests.methods.small_videos import box_of_bright, write_clip
from vitruvian.cli.main import main
from vitruvian.errors import InputError
from vitruvian.methods.video.detectors import load_detector

pytest.importorskip("onnx", reason="the extra dev brings it")
pytest.importorskip("onnxruntime", reason="the extras dev and detect bring it")
pytest.importorskip("transformers", reason="the extras dev and detect bring it")


def test_an_onnx_network_finds_people(tmp_path: Path) -> None:
    """Letterboxed to the side that the network takes; the surest first."""
    detector = load_detector(write_onnx(tmp_path / "yolo.onnx"))
    for width, height in ((160, 120), (640, 300), (131, 333)):
        picture, boxes = two_people(width, height)
        np.testing.assert_allclose(detector(picture), boxes, atol=1.5 * max(width, height) / 320)
    assert detector(np.full((50, 60, 3), 90, np.uint8)).shape == (0, 4)
    for name, width, said in (("wide.onnx", 352, "352 x 320"), ("small.onnx", 32, "32 x 320")):
        with pytest.raises(InputError, match=said):
            load_detector(write_onnx(tmp_path / name, width=width))
    (tmp_path / "no.onnx").write_bytes(b"no network")
    with pytest.raises(InputError, match=r"no\.onnx: cannot be loaded"):
        load_detector(tmp_path / "no.onnx")


def test_a_folder_of_transformers_finds_people(tmp_path: Path) -> None:
    detector = load_detector(write_transformers(tmp_path / "yolos", (0.4, 0.5, 0.3, 0.8)))
    found = detector(np.zeros((100, 200, 3), np.uint8))
    np.testing.assert_allclose(found, [[50, 10, 110, 90]], atol=0.1)
    with pytest.raises(InputError, match="knows no class 'person'"):
        load_detector(write_transformers(tmp_path / "cats", (0.4, 0.5, 0.3, 0.8), labels=("cat", "dog")))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="no model for object detection"):
        load_detector(tmp_path / "empty")


def test_everyone_in_a_photograph(
    body_weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], refuses: Refuses
) -> None:
    monkeypatch.chdir(tmp_path)
    picture, boxes = two_people()
    Image.fromarray(picture).save("party.png")
    Image.new("RGB", (80, 60)).save("empty.png")
    write_onnx(Path("yolo.onnx"))
    command = ["pose", "party.png", "--weights", body_weights, "--detector", "yolo.onnx", "--out", "made", "--format", "glb"]
    assert main(command) == 0
    assert "2 people in" in (said := capsys.readouterr().out) and "found by the detector" in said
    assert said.splitlines()[1:] == [f"  made/party{end}" for end in ("_overlay.png", "_side.png", ".glb", "_2.glb")]
    assert sorted(path.name for path in Path("made").iterdir()) == [
        "party.glb", "party.npz", "party_2.glb", "party_overlay.png", "party_side.png",
    ]  # fmt: skip
    with np.load("made/party.npz") as found:
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        np.testing.assert_allclose(found["crop_px"][:, :2], middles, atol=1.5)
        np.testing.assert_allclose(found["crop_px"][:, 2], 1.2 * (boxes[:, 3] - boxes[:, 1]), atol=3)
    changed = np.abs(np.asarray(Image.open("made/party_overlay.png")).astype(int) - picture).sum(axis=2) > 30
    for left, top, right, bottom in boxes.tolist():
        assert changed[top:bottom, left:right].mean() > 0.1
    folder = ["pose", "party.png", "empty.png", "--weights", body_weights, "--detector", "yolo.onnx", "--out", "some"]
    assert main(folder) == 1
    output = capsys.readouterr()
    assert "the detector finds nobody in it" in output.err and Path("some/party.npz").is_file()
    base = ["pose", "party.png", "--weights", body_weights, "--detector", "yolo.onnx"]
    refuses([*base, "--box", "1", "2", "30", "40"], "--detector, --box")
    refuses([*base, "--people", "whole"], "--detector, --people whole")
    refuses(["pose", "party.png", "--weights", body_weights, "--detector", "none.onnx"], "there is no such file")


def test_a_video_with_a_folder_of_transformers(
    body_weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av", reason="videos need PyAV, which the extras dev and video bring")
    monkeypatch.chdir(tmp_path)
    write_clip(Path("clip.mp4"), count=6)
    write_transformers(Path("yolos"), (40 / 130, 50 / 96, 40 / 130, 80 / 96))
    command = ["pose", "clip.mp4", "--weights", body_weights, "--detector", "yolos", "--detect-every", "3", "--out", "made"]
    assert main(command) == 0
    assert "1 person, 6 bodies in 6 frames" in capsys.readouterr().out
    left, top, right, bottom = box_of_bright(0)
    with np.load("made/clip.npz") as found:
        np.testing.assert_allclose(found["crop_px"][0], [(left + right) / 2, (top + bottom) / 2, 96], atol=0.2)
    assert Path("made/clip_overlay.mp4").is_file()
