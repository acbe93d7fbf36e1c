"""What work costs, over all its processes and all its attempts: wall and CPU time, cores, GPUs and memory held.

Every process that takes part keeps a small file of its own beside the result and rewrites it every few seconds. So a process
that is killed loses seconds at most, nothing has to be sent to anybody, and the files of resumed parts simply add up.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitruvian.machine import describe_machine

USAGE = "usage"
"""The folder of the files."""
EVERY_S = 5.0


class Meter:
    """Measures this process from now on, into one file. Its clock starts when it is made."""

    def __init__(self, folder: Path, *, attempt: str, rank: str, cpus: float, gpus: float = 0.0) -> None:
        """``folder``: of the result. ``attempt``: the start of the command. ``rank``: the process's place among those that work
        side by side; one that replaces a dead one has the same. ``cpus``, ``gpus``: what it holds, whether it uses them or
        not."""
        self._path = folder / USAGE / f"{uuid.uuid4().hex}.json"
        self._fixed = {"attempt": attempt, "rank": rank, "cpus": cpus, "gpus": gpus, "began": time.time()}
        self._began, self._cpu_before = time.monotonic(), cpu_seconds()

    def write(self) -> None:
        """Bring the file up to date; a disk that is full or gone is somebody else's to report."""
        content = {
            **self._fixed,
            "seconds": round(time.monotonic() - self._began, 3),
            "cpu_seconds": round(cpu_seconds() - self._cpu_before, 3),
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "peak_gpu_memory_bytes": _peak_gpu_bytes(),
            "machine": dict(describe_machine()),
        }
        temporary = self._path.with_suffix(".tmp")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(content) + "\n")
            temporary.replace(self._path)


@contextmanager
def metered(folder: Path, *, attempt: str, rank: str, cpus: float, gpus: float = 0.0) -> Iterator[Meter]:
    """Measure the block, writing every few seconds and at its end, however it ends."""
    meter = Meter(folder, attempt=attempt, rank=rank, cpus=cpus, gpus=gpus)
    over = threading.Event()

    def keep() -> None:
        meter.write()
        while not over.wait(EVERY_S):
            meter.write()

    thread = threading.Thread(target=keep, daemon=True, name="usage")
    thread.start()
    try:
        yield meter
    finally:
        over.set()
        thread.join()
        meter.write()


def cpu_seconds() -> float:
    """CPU time of this process, its threads, and its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """The sum over the files of a result."""

    attempts: int = 0
    """Starts of the command."""
    workers: int = 0
    """Processes side by side, at most."""
    seconds: float = 0.0
    """Wall time while any of them was at work; of several side by side the longest."""
    cpu_seconds: float = 0.0
    core_hours: float = 0.0
    """Cores that were held, times hours."""
    gpu_hours: float = 0.0
    peak_memory_bytes: int = 0
    """Of the largest process."""
    peak_gpu_memory_bytes: int = 0
    machines: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """Each once, as ``describe_machine`` gives them."""

    @property
    def metrics(self) -> dict[str, float]:
        """As they are recorded; a GPU's only where there was one."""
        values = {
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "core_hours": self.core_hours,
            "gpu_hours": self.gpu_hours,
            "peak_memory_bytes": self.peak_memory_bytes,
            "peak_gpu_memory_bytes": self.peak_gpu_memory_bytes,
            "attempts": self.attempts,
            "workers": self.workers,
        }
        return {f"usage/{name}": float(value) for name, value in values.items() if value or "gpu" not in name}

    @property
    def tags(self) -> dict[str, str]:
        """What the work ran on."""
        return {f"vitruvian.{name}": value for name, value in machine_words(self.machines).items()}


def machine_words(machines: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """``cpu``, ``gpu``, ``cores``, ``host`` of all machines in a few words each."""
    words = {
        "cpu": [str(one.get("cpu", "")) for one in machines],
        "gpu": [_counted(one.get("gpus", ())) for one in machines],
        "cores": [str(one.get("cores", "")) for one in machines],
        "memory_gb": [str(one.get("memory_gb", "")) for one in machines],
        "host": [str(one.get("host", "")) for one in machines],
        "system": [str(one.get("system", "")) for one in machines],
    }
    return {name: ", ".join(dict.fromkeys(filter(None, values))) for name, values in words.items() if any(values)}


def read_usage(folder: Path) -> Usage:
    """All that was measured of the result in ``folder`` so far; zeros if nothing was."""
    files = []
    for path in sorted((folder / USAGE).glob("*.json")):
        with suppress(OSError, ValueError):
            files.append(json.loads(path.read_text()))
    attempts: dict[str, dict[str, float]] = {}
    for one in files:
        ranks = attempts.setdefault(one["attempt"], {})
        ranks[one["rank"]] = ranks.get(one["rank"], 0.0) + one["seconds"]
    machines = {json.dumps(one["machine"], sort_keys=True): one["machine"] for one in files}
    working = [{one["rank"] for one in files if one["attempt"] == attempt and one["cpus"]} for attempt in attempts]
    return Usage(
        attempts=len(attempts),
        workers=max(map(len, working), default=0),
        seconds=sum(max(ranks.values()) for ranks in attempts.values()),
        cpu_seconds=sum(one["cpu_seconds"] for one in files),
        core_hours=sum(one["seconds"] * one["cpus"] for one in files) / 3600,
        gpu_hours=sum(one["seconds"] * one["gpus"] for one in files) / 3600,
        peak_memory_bytes=max((one["peak_memory_bytes"] for one in files), default=0),
        peak_gpu_memory_bytes=max((one["peak_gpu_memory_bytes"] for one in files), default=0),
        machines=tuple(machines.values()),
    )


def _peak_gpu_bytes() -> int:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return 0
    return int(torch.cuda.max_memory_allocated())


def _counted(names: Sequence[str]) -> str:
    """``2 x NVIDIA H200``."""
    return ", ".join(f"{names.count(name)} x {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names))
