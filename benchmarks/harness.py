"""What every benchmark here shares: one core, CPU time, our kernel and its peers in turns, results that name the machine.

Wall time says little on a shared machine; CPU time of one pinned core, measured in turns and summed up by the median, says
which of two programs does less work. A row's ratio is the best peer's time over ours.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
ROW = ("task", "ours_s", "peer", "peer_s", "ratio")
Row = dict[str, Any]


def arguments(description: str | None, *, repeats: int) -> argparse.ArgumentParser:
    """The options that all benchmarks have; add your own to the parser."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--repeats", type=int, default=repeats, help="rounds in which everyone has one turn (default %(default)s)"
    )
    parser.add_argument("--core", type=int, default=None, help="the core to run on (default: the first that is allowed)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results (default %(default)s)")
    return parser


def pin(core: int | None = None) -> int:
    """Keeps this process and the threads it will start on one core. Call it before peers start thread pools."""
    allowed = sorted(os.sched_getaffinity(0))
    core = allowed[0] if core is None else core
    if core not in allowed:
        raise SystemExit(f"--core {core}: this process may use {allowed}.")
    os.sched_setaffinity(0, {core})
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"):
        os.environ[name] = "1"
    return core


def require(module: str) -> Any:
    """Imports a peer, or ends the program with what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SystemExit(
            f"The peer {module} cannot be imported ({error}). Install the peers: pip install -e '.[bench]'"
        ) from None


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one call, in this process and all its threads."""
    begin = time.process_time()
    result = work()
    seconds = time.process_time() - begin
    del result  # after the clock: giving memory back is the caller's business, as in real use
    return seconds


def compare(
    task: str, ours: Callable[[], object], peers: Mapping[str, Callable[[], object]], *, repeats: int, warmup: int = 1
) -> Row:
    """Lets everyone take turns and returns the row: medians of CPU seconds, the best peer, and all peers as an extra.

    Each callable does the whole task once and returns its result. A turn of something fast is repeated until it lasts about
    5 ms, so that the clock's tick does not matter.
    """
    turns: dict[str, Callable[[], object]] = {"": ours, **peers}
    calls = {}
    for name, work in turns.items():
        for _ in range(warmup):
            work()
        calls[name] = max(1, min(50, int(0.005 / max(cpu_seconds(work), 1e-6))))
    times: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(repeats):
        for name, work in turns.items():
            times[name].append(sum(cpu_seconds(work) for _ in range(calls[name])) / calls[name])
    median = {name: statistics.median(values) for name, values in times.items()}
    best = min(peers, key=lambda name: median[name])
    row = {
        "task": task,
        "ours_s": median[""],
        "peer": best,
        "peer_s": median[best],
        "ratio": median[best] / median[""],
        "repeats": repeats,
        "ours_min_s": min(times[""]),
        "peers": [{"peer": name, "peer_s": median[name], "peer_min_s": min(times[name])} for name in peers],
    }
    print(f"{task}: ours {_ms(median[''])}")
    for name in peers:
        print(f"    {name:42s} {_ms(median[name])}  {median[name] / median['']:8.1f} x")
    return row


def write_results(
    name: str, rows: Sequence[Row], *, packages: Sequence[str] = (), folder: Path = RESULTS, notes: str = ""
) -> Path:
    """Writes ``<folder>/<name>.json``: the machine, versions of ours and of ``packages``, and the rows; prints the table.

    ``rows`` in the file have exactly the keys of ``ROW``; what else a row holds is in ``details``.
    """
    document = {
        "benchmark": name,
        "clock": "process CPU time, one pinned core, median of interleaved turns",
        "machine": machine(),
        "versions": {package: _version(package) for package in ("vitruvian", "numpy", *packages)},
        "notes": notes,
        "rows": [{key: row[key] for key in ROW} for row in rows],
        "details": [{key: value for key, value in row.items() if key == "task" or key not in ROW} for row in rows],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\n{'task':24s} {'ours':>12s} {'best peer':>12s} {'ratio':>8s}  peer")
    for row in rows:
        print(f"{row['task']:24s} {_ms(row['ours_s']):>12s} {_ms(row['peer_s']):>12s} {row['ratio']:7.1f}x  {row['peer']}")
    print(f"written to {path}")
    return path


def recorded(name: str, folder: Path = RESULTS) -> list[Row]:
    """The rows of a result file with all that is known of each."""
    document = json.loads((folder / f"{name}.json").read_text())
    extras = document.get("details", [{}] * len(document["rows"]))
    return [{**extra, **row} for row, extra in zip(document["rows"], extras, strict=True)]


def machine() -> dict[str, Any]:
    """What the timings depend on."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = next((line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line), model)
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f} ms"
