"""``vitruvian datagen validate lists.json``: every row that a training could not use is named before it begins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Refuses
from vitruvian.cli.main import main
from vitruvian.datagen.inspection.list_sheet import GAP_PX, HEAD_PX
from vitruvian.datagen.spin.crop import SIZE_PX

COUNT = 6


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six pictures of 120 x 90 pixels, the last one lying on its side in its file."""
    monkeypatch.chdir(tmp_path)
    folder, rng = tmp_path / "pictures", np.random.default_rng(0)
    folder.mkdir()
    for k in range(COUNT):
        picture = Image.fromarray(rng.integers(0, 256, (90, 120, 3)).astype(np.uint8))
        if k == COUNT - 1:
            exif = Image.Exif()
            exif[0x0112] = 6
            picture.transpose(Image.Transpose.ROTATE_90).save(folder / f"{k}.jpg", exif=exif)
        else:
            picture.save(folder / f"{k}.jpg")
    return folder


def write_list(path: Path, **changes: Any) -> Path:
    rng = np.random.default_rng(1)
    part = np.concatenate([rng.uniform(30, 80, (COUNT, 24, 2)), np.ones((COUNT, 24, 1))], axis=2)
    arrays = {
        "imgname": np.array([f"{k}.jpg" for k in range(COUNT)]), "center": np.full((COUNT, 2), 50.0), "part": part,
        "scale": np.full(COUNT, 0.4), "pose": np.zeros((COUNT, 72)), "shape": np.zeros((COUNT, 10)),
        "has_smpl": np.arange(COUNT) % 2, **changes,
    }  # fmt: skip
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["datagen", "validate", *arguments])
    return code, capsys.readouterr().out


def test_good_lists(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_list(Path("coco.npz"))
    code, said = run(capsys, "coco.npz", "--pictures", "pictures", "--sheet", "sheet.png", "--decode", "--jobs", "2")
    assert code == 0, said
    lines = said.splitlines()
    assert lines[0].split() == ["split", "set", "share", "rows", "bodies", "3D", "joints", "keypoints", "wrong"]
    assert lines[1].split() == ["train", "coco", "-", "6", "3", "0", "6", "0"] and lines[2] == "6 rows: all can be used."
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (6 * SIZE_PX + 5 * GAP_PX, SIZE_PX + 2 * HEAD_PX)
        seen = np.asarray(sheet)[HEAD_PX : HEAD_PX + SIZE_PX, :SIZE_PX].astype(int)
    with np.load("coco.npz") as stored:  # a dot where a keypoint is in the crop: box of 80 pixels from (10, 10)
        x, y = ((stored["part"][0, 23, :2] - 10) * SIZE_PX / 80).round().astype(int)
    assert np.abs(seen[y, x] - [40, 220, 255]).sum() < 30


def test_what_is_wrong_is_named_row_by_row(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{k}.jpg" for k in range(COUNT)]
    names[1] = "gone.jpg"
    (pictures / "torn.jpg").write_bytes((pictures / "2.jpg").read_bytes()[:600])
    names[2] = "torn.jpg"
    center = np.full((COUNT, 2), 50.0)
    center[3] = 900
    scale = np.full(COUNT, 0.4)
    scale[4] = 0
    part = np.zeros((COUNT, 24, 3))
    part[0, 3] = [500, 20, 1]
    part[5, 3] = [115, 85, 1]  # inside only of the picture as it is shown
    part[5, 4, 0] = np.nan
    write_list(Path("a.npz"), imgname=np.array(names), center=center, scale=scale, part=part, has_smpl=None)
    write_list(Path("b.npz"), shape=None)
    np.savez("fits.npz", pose=np.zeros((2, 72)), betas=np.zeros((2, 10)), valid_fit=np.ones(2))
    entries = [{"name": "a", "list": "a.npz", "share": 1}, {"name": "b", "list": "b.npz", "share": 2}]
    entries.append({"name": "c", "list": "a.npz", "fits": "fits.npz", "share": 1})
    write_list(Path("held.npz"))
    content = {
        "train": [{**entry, "pictures": "pictures"} for entry in entries],
        "test": [{"name": "held", "list": "held.npz", "pictures": "pictures"}],
    }
    Path("lists.json").write_text(json.dumps(content))
    code, said = run(capsys, ".", "--json", "report.json", "--decode", "--sheet", "sheet.jpg")
    assert code == 1 and Path("sheet.jpg").is_file()
    for line in (
        "FAIL train a, row 0 (0.jpg): all its keypoints lie outside: its picture is 120 x 90 pixels",
        "FAIL train a, row 1 (gone.jpg): there is no such picture",
        "FAIL train a, row 2 (torn.jpg): its picture cannot be read",
        "FAIL train a, row 3 (3.jpg): its box lies outside: its picture is 120 x 90 pixels",
        "FAIL train a, row 4 (4.jpg): its box has no side: 'scale' is not positive",
        "FAIL train a, row 5 (5.jpg): 'part' is not finite",
    ):
        assert line in said.splitlines()
    assert "FAIL train b: " in said and "only one of pose and shape" in said
    assert "FAIL train c: " in said and "it is of another list" in said
    assert "FAIL train a: 4 pictures are in 'test', too" in said
    assert any(line.split()[:4] == ["train", "a", "25.0%", "6"] for line in said.splitlines())
    assert "12 rows: 6 cannot be used as they are." in said
    report = json.loads(Path("report.json").read_text())
    assert [len(one["problems"]) for one in report["sets"]] == [6, 0, 0, 0] and report["sets"][1]["fatal"]
    write_list(Path("many.npz"), center=np.full((COUNT, 2), -500.0))
    code, said = run(capsys, "many.npz", "--pictures", "pictures")
    assert code == 1 and said.count("its box lies outside") == 3 and "and 3 more rows like these" in said


def test_options_that_make_no_sense(pictures: Path, refuses: Refuses) -> None:
    write_list(Path("a.npz"))
    refuses(["datagen", "validate", "a.npz"], "--pictures")
    refuses(["datagen", "validate", "a.npz", "--pictures", "pictures", "--sheet", "a.txt"], "--sheet a.txt")
    refuses(["datagen", "validate", "a.npz", "--pictures", "pictures", "--limit", "3"], "--limit", "not of lists")
    refuses(["datagen", "validate", "none.json"], "none.json: cannot be read")
    refuses(["datagen", "validate", "pictures", "--decode"], "--decode")
