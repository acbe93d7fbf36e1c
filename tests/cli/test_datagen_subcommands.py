"""``vitruvian datagen NAME``: every subcommand is listed, teaches, and wrong names are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Refuses, Run
from tests.datagen.figures import write_folder
from tests.datagen.geopifu_data import make_geopifu_data
from tests.shards.shards_helpers import make_dataset
from vitruvian.cli.datagen import SUBCOMMANDS
from vitruvian.cli.main import main


def test_the_help_of_datagen_lists_its_subcommands(vitruvian: Run) -> None:
    result = vitruvian("datagen", "--help")
    assert result.returncode == 0, result.stderr
    words = " ".join(result.stdout.split())
    for name, command in SUBCOMMANDS.items():
        assert f"{name} {command.summary}" in words


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_a_help_page(vitruvian: Run, name: str) -> None:
    result = vitruvian("datagen", name, "--help")
    assert result.returncode == 0, result.stderr
    assert f"usage: vitruvian datagen {name}" in result.stdout
    assert len(result.stdout.splitlines()) >= 5


def test_a_wrong_name_is_refused(refuses: Refuses) -> None:
    refuses(["datagen", "dream"], "'dream'", "Subcommands:")


def test_cache_makes_one_and_says_what_is_wrong(
    refuses: Refuses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dataset(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert main(["datagen", "cache", "data", "--items", "rgb", "mask"]) == 0
    assert "made" in capsys.readouterr().out
    assert main(["datagen", "cache", "data", "--items", "mask"]) == 0
    assert "is there already" in capsys.readouterr().out
    refuses(["datagen", "cache", "nowhere"], "nowhere", "does not exist")
    refuses(["datagen", "cache", "data", "--items", "dreams"], "dreams", "rgb")


def test_export_and_import(
    refuses: Refuses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "scans", 2)
    small = ["--views-per-subject", "2", "--size-px", "32", "--query-points", "500", "--num-actors", "0", "--no-track"]
    assert main(["datagen", "--out", "data", "--source", "meshes", "--folder", "scans", *small]) == 0
    capsys.readouterr()
    assert main(["datagen", "export", "data", "--layout", "pifu", "--out", "pifu"]) == 0
    printed = capsys.readouterr().out
    assert "2 subjects, 4 views in layout pifu" in printed
    assert "--views-per-subject 360" in printed
    assert main(["datagen", "import", "pifu", "--layout", "pifu", "--out", "back", "--query-points", "500"]) == 0
    assert "back: 2 subjects, 4 views" in capsys.readouterr().out
    refuses(["datagen", "export", "nowhere", "--layout", "pifu", "--out", "x"], "nowhere", "does not exist")
    refuses(["datagen", "import", "scans", "--layout", "pifu", "--out", "x"], "scans", "RENDER")
    refuses(["datagen", "import", "pifu", "--layout", "pifu", "--out", "data"], "data", "other options")
    refuses(["datagen", "import", "nowhere", "--layout", "pifu", "--out", "x"], "nowhere", "no such folder")
    refuses(["datagen", "import", "nowhere", "--layout", "geopifu", "--out", "x"], "nowhere", "no such folder")
    refuses(["datagen", "export", "data", "--layout", "pifu", "--out", "x", "--query-epochs", "0", "1"], "--query-epochs")
    refuses(["datagen", "replay", "nowhere", "--out", "x"], "nowhere", "no such folder")
    refuses(["datagen", "replay", "pifu", "--out", "x"], "--meshes", "'meshes'")
    arguments = ["datagen", "replay", "pifu", "--meshes", "scans", "--out", "again", "--items", "rgb", "--num-actors", "0"]
    assert main(arguments) == 0, "PARAM files are found below the exported folder, whose vitruvian.json is no config"
    assert "2 subjects, 4 views" in capsys.readouterr().out


def test_geopifu_out_with_query_sets_and_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make_geopifu_data(tmp_path / "data", width_px=32)
    assert main(["datagen", "export", "data", "--layout", "pifu", "--out", "pifu"]) == 2
    assert "lit by 'points'" in capsys.readouterr().err
    assert not (tmp_path / "pifu").exists(), "data that do not fit are refused before anything is written"
    arguments = ["datagen", "export", "data", "--layout", "geopifu", "--out", "geo", "--query-epochs", "2", "3"]
    assert main([*arguments, "--query-points", "400", "--query-name", "occu_small"]) == 0
    assert "--totalNumFrame 12 --trainingDataRatio 0.625" in capsys.readouterr().out
    sets = sorted(path.name for path in (tmp_path / "geo" / "humanRender" / "occu_small").iterdir())
    assert len(sets) == 16
    assert sets[0] == "000000_ep002_inPts.npy"
    arguments = ["datagen", "import", "geo", "--layout", "geopifu", "--out", "back", "--query-points", "100"]
    assert main([*arguments, "--items", "rgb", "mask", "config", "solid_voxels"]) == 0
    assert "back: 3 subjects, 12 views" in capsys.readouterr().out
