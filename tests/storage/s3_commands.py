"""What a user types in these tests, and how it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from vitruvian.cli.main import main

PEOPLE = (
    "--num-subjects", "3", "--held-out", "1", "--views-per-subject", "2", "--size-px", "64", "--supersample", "1",
    "--shadows", "False", "--query-points", "400", "--voxel-resolution", "16", "--block-size", "1",
    "--items", "mesh", "rgb", "mask", "query_points", "solid_voxels",
)  # fmt: skip
SMALL_NETWORK = (
    "--cpus-per-worker", "1", "--epochs", "3", "--batch-size", "2", "--checkpoint-seconds", "0", "--pictures-every", "3",
    "--set", "training.validation_samples=1", "samples.num_points=60",
)  # fmt: skip
PATIENCE_S = 300.0


def run(*arguments: object) -> None:
    """A command, in this process: importing torch anew for each would take most of the tests' time."""
    assert main([str(argument) for argument in arguments]) == 0


def kill_when(seen: Callable[[], bool], *arguments: object, folder: Path, environment: Mapping[str, str]) -> None:
    """Start a command in another process and ``kill -9`` it as soon as ``seen``."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "vitruvian.cli.main", *map(str, arguments)]
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=said, stderr=said)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not seen():
            assert process.poll() is None, f"it ended before it was killed: {(folder / 'said.txt').read_text()[-2000:]}"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
