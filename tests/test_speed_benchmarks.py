"""The benchmarks against the published programs run, and say what they need where those are not at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
PROGRAMS = ("bench_loader.py", "bench_training_step.py", "bench_reconstruction.py")


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("VITRUVIAN_PIFU", "VITRUVIAN_GEOPIFU")}
    command = [sys.executable, str(BENCHMARKS / program), *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_a_peer_they_say_where_to_find_it(program: str) -> None:
    done = run(program)
    assert done.returncode == 1
    assert "https://github.com/shunsukesaito/PIFu" in done.stderr and "--pifu DIR" in done.stderr


def test_a_folder_that_is_something_else_is_refused(tmp_path: Path) -> None:
    done = run("bench_loader.py", "--pifu", str(tmp_path))
    assert done.returncode == 1
    assert f"--pifu {tmp_path}: there is no lib/options.py" in done.stderr
