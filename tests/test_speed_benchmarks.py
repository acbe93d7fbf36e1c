"""The benchmarks against the published programs say what they need where those are not at hand; learning curves are drawn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
PEERS = ("VITRUVIAN_PIFU", "VITRUVIAN_GEOPIFU", "VITRUVIAN_PYMAF")
PROGRAMS = ("bench_loader.py", "bench_training_step.py", "bench_reconstruction.py")


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in PEERS}
    command = [sys.executable, str(BENCHMARKS / program), *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_a_peer_they_say_where_to_find_it(program: str) -> None:
    done = run(program)
    assert done.returncode == 1
    assert "https://github.com/shunsukesaito/PIFu" in done.stderr and "--pifu DIR" in done.stderr


@pytest.mark.parametrize("program", ["bench_pymaf.py", "bench_pymaf_loader.py"])
def test_those_of_pymaf_do_so_too(program: str, tmp_path: Path) -> None:
    for words in ([], ["--pymaf", str(tmp_path)]):
        done = run(program, *words)
        assert done.returncode == 1
        assert "https://github.com/HongwenZhang/PyMAF" in done.stderr and "--pymaf DIR" in done.stderr


def test_a_folder_that_is_something_else_is_refused(tmp_path: Path) -> None:
    done = run("bench_loader.py", "--pifu", str(tmp_path))
    assert done.returncode == 1
    assert f"--pifu {tmp_path}: there is no lib/options.py" in done.stderr


@pytest.mark.slow
def test_two_recipes_learn_for_the_same_time_and_are_drawn(tmp_path: Path) -> None:
    data = tmp_path / "data"
    options = DatagenOptions(
        out=data,
        num_subjects=4,
        held_out=1,
        views_per_subject=2,
        size_px=128,
        items=("rgb", "mask", "query_points", "solid_voxels"),
        num_actors=0,
        track=False,
    )
    generate(options, progress=False)
    words = ["pifu", "--data", str(data), "--seconds", "2", "--readings", "2"]
    done = run("curve_fast.py", *words, "--results", str(tmp_path), "--images", str(tmp_path))
    assert done.returncode == 0, done.stderr
    recorded = json.loads((tmp_path / "fast_pifu.json").read_text())
    assert [curve["recipe"] for curve in recorded["curves"]] == ["paper", "fast"]
    for curve in recorded["curves"]:
        rows = curve["stages"][0]["curve"]
        assert rows[-1]["seconds"] >= 2 and rows[-1]["steps"] >= len(rows) >= 1
        assert all(0 <= row[name] <= 1 for row in rows for name in ("iou", "ray_iou"))
    assert "<svg" in (tmp_path / "fast_pifu.svg").read_text()
