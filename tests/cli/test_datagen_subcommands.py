"""``vitruvian datagen NAME``: every subcommand is listed, teaches, and wrong names are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Refuses, Run
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
