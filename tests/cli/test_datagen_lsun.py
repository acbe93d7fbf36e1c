"""``vitruvian datagen lsun``: view and export, as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Refuses
from tests.datagen.lsun_files import keys, make_database
from vitruvian.cli.main import main


def test_view_and_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    make_database(tmp_path / "tower_train_lmdb", keys(5))
    make_database(tmp_path / "bridge_train_lmdb", keys(4), "WEBP")
    databases = ["tower_train_lmdb", "bridge_train_lmdb"]
    assert main(["datagen", "lsun", "view", *databases, "--limit", "3", "--out", "sheet.png"]) == 0
    printed = capsys.readouterr().out
    assert "category tower, 5 pictures" in printed
    assert printed.count("JPEG 64 x 48") == 3
    assert printed.count("WEBP 64 x 48") == 3
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > sheet.height > 100
    assert main(["datagen", "lsun", "export", *databases, "--out", "jpgs", "--limit", "3"]) == 0
    assert len(list((tmp_path / "jpgs" / "bridge").glob("*.jpg"))) == 3
    assert (tmp_path / "jpgs" / "count.txt").read_text() == "tower 3\nbridge 3\n"


def test_wrong_use_is_refused(refuses: Refuses, tmp_path: Path) -> None:
    refuses(["datagen", "lsun", "dream"], "'dream'", "view or export")
    refuses(["datagen", "lsun", "export", "nowhere", "--out", "x"], "nowhere", "data.mdb")
    refuses(["datagen", "lsun", "view"], "no database is given")
    make_database(tmp_path / "tower_train_lmdb", keys(1))
    refuses(["datagen", "lsun", "view", "tower_train_lmdb", "--limit", "0"], "limit")
