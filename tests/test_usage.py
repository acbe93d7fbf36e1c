"""What work costs adds up over processes and attempts, also those that were killed."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vitruvian.usage import USAGE, metered, read_usage


def write(folder: Path, name: str, **values: object) -> None:
    machine = {"host": "one", "cpu": "Fast", "cores": 2, "memory_gb": 8.0, "gpus": [], "system": "Linux"}
    fixed = {"peak_memory_bytes": 100, "peak_gpu_memory_bytes": 0, "machine": machine, "gpus": 0.0, "cpus": 2}
    (folder / USAGE).mkdir(exist_ok=True)
    (folder / USAGE / f"{name}.json").write_text(json.dumps({**fixed, **values}))


def test_processes_side_by_side_and_one_after_another(tmp_path: Path) -> None:
    assert read_usage(tmp_path).attempts == 0
    write(tmp_path, "a", attempt="1", rank="0", seconds=10.0, cpu_seconds=15.0)
    write(tmp_path, "b", attempt="1", rank="1", seconds=8.0, cpu_seconds=9.0, peak_memory_bytes=300)
    write(tmp_path, "c", attempt="1", rank="1", seconds=4.0, cpu_seconds=3.0)  # replaced b, which had died
    write(tmp_path, "d", attempt="2", rank="0", seconds=6.0, cpu_seconds=5.0, gpus=1.0, cpus=3)
    (tmp_path / USAGE / "torn.json").write_text('{"attempt": "2", "ra')
    usage = read_usage(tmp_path)
    assert (usage.attempts, usage.workers, usage.peak_memory_bytes) == (2, 2, 300)
    assert usage.seconds == 12.0 + 6.0
    assert usage.cpu_seconds == 32.0
    assert usage.core_hours == pytest.approx((22 * 2 + 6 * 3) / 3600)
    assert usage.gpu_hours == pytest.approx(6 / 3600)
    assert usage.metrics["usage/seconds"] == 18.0 and usage.metrics["usage/gpu_hours"] > 0
    assert usage.tags["vitruvian.cpu"] == "Fast"


def test_a_block_is_measured_however_it_ends(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), metered(tmp_path, attempt="1", rank="0", cpus=1):
        began = time.process_time()
        while time.process_time() - began < 0.2:
            pass
        raise KeyboardInterrupt
    usage = read_usage(tmp_path)
    assert usage.seconds >= 0.2 and 0.15 < usage.cpu_seconds < 2.0
    assert usage.peak_memory_bytes > 10_000_000 and "usage/gpu_hours" not in usage.metrics
    assert usage.machines[0]["cores"] >= 1


def test_a_killed_process_has_left_what_it_spent(tmp_path: Path) -> None:
    code = f"""
import time, vitruvian.usage as usage
from pathlib import Path
usage.EVERY_S = 0.05
with usage.metered(Path({str(tmp_path)!r}), attempt="1", rank="0", cpus=2):
    while True:
        sum(range(10000))
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 60
        while read_usage(tmp_path).cpu_seconds < 0.3:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    assert read_usage(tmp_path).core_hours > 0.5 / 3600


def test_a_disk_that_is_full_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / USAGE).write_text("a file where the folder should be")
    with metered(tmp_path, attempt="1", rank="0", cpus=1):
        pass
    assert read_usage(tmp_path).attempts == 0
