"""Every command teaches, and refuses bad input in one line that says what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Refuses, Run
from vitruvian.cli.main import COMMANDS, while_read


def test_the_front_door_lists_every_command(vitruvian: Run, refuses: Refuses) -> None:
    result = vitruvian("--help")
    assert result.returncode == 0
    for name in COMMANDS:
        assert f"\n  {name} " in result.stdout
    assert vitruvian().returncode == 2
    assert vitruvian("--version").stdout.startswith("vitruvian 0.")
    refuses(["dream"], "'dream'", "datagen")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_each_command_and_its_options(vitruvian: Run, name: str) -> None:
    result = vitruvian(name, "--help")
    assert result.returncode == 0, result.stderr
    assert f"usage: vitruvian {name}" in result.stdout
    assert len(result.stdout.splitlines()) >= 5
    assert "(default: None)" not in result.stdout and "(default: )" not in result.stdout


def test_who_stops_reading_ends_the_command_quietly() -> None:
    """``vitruvian ... --help | head`` with a reader that is gone at once."""
    for arguments, unbuffered in ((["--help"], {"PYTHONUNBUFFERED": "1"}), (["--help"], {}), (["train", "--help"], {})):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            command = [sys.executable, "-m", "vitruvian.cli.main", *arguments]
            environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"} | unbuffered
            result = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=300, env=environment)
        assert (result.returncode, result.stderr) == (141, "")


def test_a_broken_connection_is_no_quiet_end() -> None:
    def command() -> int:
        raise BrokenPipeError("of a socket")

    with pytest.raises(BrokenPipeError, match="of a socket"):
        while_read(command)
    assert while_read(lambda: 3) == 3


def test_doctor_finds_what_is_required(vitruvian: Run) -> None:
    result = vitruvian("doctor", "--json")
    assert result.returncode == 0, result.stdout
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["native kernels"]["status"] == "ok"
    assert findings["built-in body"]["status"] == "ok"
    missing = [finding for finding in findings.values() if finding["status"] in ("missing", "broken")]
    assert all(finding["remedy"] for finding in missing)
    assert "native kernels" in vitruvian("doctor").stdout


def test_train_asks_for_the_method(vitruvian: Run) -> None:
    result = vitruvian("train", "--data", "empty")
    assert result.returncode == 2 and "METHOD" in result.stderr


def test_train_and_evaluate_refuse_what_is_not_there(refuses: Refuses, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refuses(["train", "pifu", "--data", "empty", "--out", "run"], "empty", "dataset.json")
    refuses(["train", "pifu", "--data", "empty", "--out", "run", "--recipe", "gigantic"], "gigantic", "tiny")
    refuses(["train", "pofu", "--data", "empty", "--out", "run"], "pofu", "pifu")
    refuses(["train", "pifu", "--data", "empty", "--out", "run", "--epochs", "-1"], "epochs")
    refuses(["evaluate", "--data", "empty", "--weights", "none", "--out", "run"], "none")


def test_datagen_refuses_bad_sources_and_says_why(refuses: Refuses, tmp_path: Path) -> None:
    refuses(["datagen", "--out", "d", "--source", "dreams"], "dreams", "synthetic")
    refuses(["datagen", "--out", "d", "--source", "meshes"], "folder")
    refuses(["datagen", "--out", "d", "--protocol", "pofu"], "pofu", "pifu")
    folder = tmp_path / "scans"
    folder.mkdir()
    refuses(["datagen", "--out", "d", "--source", "meshes", "--folder", "scans"], "scans")
