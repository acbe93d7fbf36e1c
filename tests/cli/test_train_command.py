"""``vitruvian train METHOD`` as a user starts it, and kills it: whatever it was at, the same command goes on, on Ray Train and
without; and if only a worker dies, the command itself goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitruvian.methods.weights import part_folders, read_card
from vitruvian.shards.dataset import ShardDataset
from vitruvian.train.history import HISTORY, read_history

DATA = (
    "data.num_subjects=4", "data.held_out=1", "data.views_per_subject=2", "data.size_px=128", "data.supersample=1",
    "data.query_points=400", "data.voxel_resolution=16", "data.block_size=1",
)  # fmt: skip
STAGES = ("training.epochs=6", "training.validation_samples=1", "training.batch_size=2", "samples.num_points=50",
          "query.samples.num_ray_points=50", "coarse.options.width=0.25", "coarse.cell_samples=1")  # fmt: skip
COMMAND = ("train", "geopifu", "--cpus-per-worker", "1", "--checkpoint-seconds", "0", "--pictures-every",
           "0", "--set", *DATA, *STAGES)  # fmt: skip


def start(folder: Path, *, num_workers: int = 0) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    command = [*COMMAND[:2], "--num-workers", str(num_workers), *COMMAND[2:]]
    code = "import sys; from vitruvian.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen([sys.executable, "-c", code, *command], cwd=folder, stdout=subprocess.PIPE, text=True)


def kill_when(folder: Path, seen: Callable[[], bool]) -> None:
    process = start(folder)
    deadline = time.monotonic() + 300
    while not seen():
        assert process.poll() is None, "the command ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def kill_worker(process: subprocess.Popen[str], folder: Path) -> None:
    """Kill Ray Train's worker once it has gone some steps; the command itself lives on."""

    def attempts() -> list[dict[str, Any]]:
        return [event for event in read_history(folder / HISTORY) if event["event"] == "start"]

    before, deadline = len(attempts()), time.monotonic() + 300
    while len(attempts()) == before or len(losses_of(folder)) < attempts()[-1]["step"] + 2:
        assert process.poll() is None, "the command ended before its worker was killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert attempts()[-1]["pid"] != process.pid
    os.kill(attempts()[-1]["pid"], signal.SIGKILL)


def losses_of(folder: Path) -> list[tuple[int, float]]:
    return [(event["step"], event["loss"]) for event in read_history(folder / HISTORY) if event["event"] == "step"]


@pytest.mark.slow
def test_killed_at_anything_it_does_the_same_command_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    killed, calm = tmp_path / "killed", tmp_path / "calm"
    data, run = Path("runs/data/geopifu-tiny"), Path("runs/geopifu-tiny")

    def kill_after(stage: str, steps: int) -> None:
        kill_when(killed, lambda: len(losses_of(killed / run / stage)) >= steps)

    kill_when(killed, lambda: bool(list((killed / data).rglob("*.arrow"))))
    kill_after("coarse", 5)
    kill_when(killed, lambda: bool(list((killed / run / "query" / "derived").rglob("*.arrow"))))
    kill_after("query", 4)
    processes = [start(killed, num_workers=1), start(calm)]
    kill_worker(processes[0], killed / run / "query")
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert f"weights of query: {killed / run / 'query' / 'weights'}\n" in said[0] and "weights of coarse: " in said[0]
    assert ShardDataset(killed / data).fingerprint == ShardDataset(calm / data).fingerprint
    for stage in ("coarse", "query"):
        assert losses_of(killed / run / stage) == losses_of(calm / run / stage)
        assert len(losses_of(calm / run / stage)) == 6 * 3
    assert list(part_folders(calm / run / "query" / "weights")) == ["coarse"]
    assert read_card(calm / run / "query" / "weights").metrics == read_card(killed / run / "query" / "weights").metrics
