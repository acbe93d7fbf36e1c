"""Pictures of lists at a URL: copied once, read from there by training's samples and by the check of lists."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitruvian.cli.main import main
from vitruvian.datagen.spin.list_file import read_list_file
from vitruvian.errors import InputError
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.stage import Training
from vitruvian.storage.objects import list_files, remove_file, write_bytes
from vitruvian.storage.url import Url
from vitruvian.train.list_data import ListData

COUNT = 9
STAGE = BodyStage(training=Training(epochs=1, batch_size=1, learning_rate=1.0))


def write_lists(folder: Path, pictures: Url | Path, names: list[str]) -> Path:
    part = np.concatenate([np.full((len(names), 24, 2), 40.0), np.ones((len(names), 24, 1))], axis=2)
    np.savez(
        folder / "list.npz", imgname=np.array(names), center=np.full((len(names), 2), 40.0), scale=np.full(len(names), 0.3),
        part=part,
    )  # fmt: skip
    content = {"train": [{"name": "far", "list": "list.npz", "pictures": str(pictures)}]}
    (folder / "lists.json").write_text(json.dumps(content))
    return folder / "lists.json"


def test_pictures_are_fetched_once(memory: Url, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    names = [f"sub/{k}.png" for k in range(COUNT)]
    for name in names:
        stream = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (80, 90, 3)).astype(np.uint8)).save(stream, format="PNG")
        write_bytes(memory / "coco" / name, stream.getvalue())
        (tmp_path / "here" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "here" / name).write_bytes(stream.getvalue())
    far, near = (tmp_path / kind for kind in ("far", "near"))
    for folder, place in ((far, memory / "coco"), (near, tmp_path / "here")):
        folder.mkdir()
        write_lists(folder, place, names)
    data, local = ListData(far / "lists.json"), ListData(near / "lists.json")
    assert data.fingerprint == local.fingerprint  # pictures count by name
    samples, others = data.open(STAGE, "train"), local.open(STAGE, "train")
    copies = [path for path in (tmp_path / "cache").rglob("*.png")]
    assert 0 < len(copies) < COUNT  # a few were fetched to see that they are there
    for k in range(COUNT):
        np.testing.assert_array_equal(samples[k]["rgb"], others[k]["rgb"])
    for name in names:
        remove_file(memory / "coco" / name)
    assert not list_files(memory / "coco") and samples[3]["rgb"].shape == (80, 90, 3)
    assert main(["datagen", "validate", str(far), "--decode", "--sheet", str(tmp_path / "sheet.png")]) == 0
    assert "9 rows: all can be used." in capsys.readouterr().out


def test_what_cannot_be_fetched_is_named(memory: Url, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lists(tmp_path, memory / "coco", ["gone.png", "../out.png"])
    with pytest.raises(InputError, match=r"list\.npz, row 0 \(gone\.png\)"):
        ListData(path).open(STAGE, "train")
    assert main(["datagen", "validate", str(path)]) == 1
    said = capsys.readouterr().out
    assert "row 0 (gone.png): its picture cannot be fetched" in said and "leads out of" in said
    content = json.loads(path.read_text())
    content["train"][0]["list"] = f"{memory}/list.npz"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="only 'pictures' may be at one"):
        read_list_file(path)
