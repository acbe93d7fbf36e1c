"""Does a second actor on a second core double the data? The same people by one actor on one core and by two on two.

Everything of a run - driver, Ray's own processes, actors - is kept on its one or two cores, so what the driver takes is
counted. The first block of each actor, and all starting, is left out: long runs do not notice them. Runs of the two kinds take
turns.

Two ratios are written down. ``wall_ratio`` is what the clock said, which other programs on the machine disturb. ``ratio``
leaves out the time in which an actor was ready to run but had to wait for a core (Linux counts it, /proc/PID/schedstat): what
is left is computing, waiting for the disk and waiting for the next job. ``idle`` is the last of these, ``blocked`` the disk,
``cpu_ratio`` how much more computing a block takes beside a second actor (shared caches and memory, and other programs').
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import harness

from vitruvian.datagen.blocks import plan_blocks
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.pipeline.actors import BlockWorker
from vitruvian.datagen.pipeline.jobs import JobQueue
from vitruvian.datagen.pipeline.pool import run_on_ray
from vitruvian.datagen.protocols.registry import with_protocol_defaults
from vitruvian.ray_local import start_ray


def clocks() -> dict[str, float]:
    """Wall, computing and ready-but-waiting seconds of this process' main thread."""
    on_core, ready, _ = Path("/proc/self/schedstat").read_text().split()
    return {"wall": time.monotonic(), "cpu": int(on_core) / 1e9, "ready": int(ready) / 1e9}


class TimedWorker(BlockWorker):
    """Writes down its clocks before and after each block."""

    def make(self, block: Any, skip: Any) -> Any:
        before = clocks()
        entry = super().make(block, skip)
        with (self.options.out / f"times-{os.getpid()}.jsonl").open("a") as file:
            file.write(json.dumps([before, clocks()]) + "\n")
        return entry


def child(out: Path, cores: list[int], blocks: int, views: int, protocol: str) -> None:
    """One run on these cores with one actor each, in this process; its figures as a line of JSON."""
    os.sched_setaffinity(0, set(cores))
    subjects = 2 * blocks
    options = with_protocol_defaults(
        DatagenOptions(out=out, protocol=protocol, num_subjects=subjects, views_per_subject=views, num_actors=len(cores))
        if protocol == "pifu"
        else DatagenOptions(out=out, protocol=protocol, num_subjects=subjects, num_actors=len(cores))
    )
    out.mkdir(parents=True)
    queue = JobQueue(plan_blocks([f"synthetic-{k:06d}" for k in range(subjects)], held_out=0, block_size=1))
    with start_ray(len(cores)):
        entries = list(run_on_ray(queue, options, len(cores), worker=TimedWorker))
    assert len(entries) == subjects and all(entry.subjects for entry in entries)
    made = sum(subject.num_views for entry in entries for subject in entry.subjects)
    print(json.dumps({**figures(out), "views_per_block": made / subjects}))


def figures(out: Path) -> dict[str, float]:
    """Blocks a second by the clock and without waiting for cores, and the shares of an actor's time, after its first block."""
    found: dict[str, list[float]] = {name: [] for name in ("wall_rate", "rate", "idle", "blocked", "waited", "cpu")}
    for path in out.glob("times-*.jsonl"):
        jobs = [json.loads(line) for line in path.read_text().splitlines()]
        (_, first), (_, last) = jobs[0], jobs[-1]
        span = {name: last[name] - first[name] for name in first}
        inside = sum(after["wall"] - before["wall"] for before, after in jobs[1:])
        own = span["wall"] - span["ready"]
        found["wall_rate"].append((len(jobs) - 1) / span["wall"])
        found["rate"].append((len(jobs) - 1) / own)
        found["cpu"].append(sum(after["cpu"] - before["cpu"] for before, after in jobs[1:]) / (len(jobs) - 1))
        found["idle"].append(max(0.0, span["wall"] - inside) / own)
        found["blocked"].append(max(0.0, own - span["cpu"] - (span["wall"] - inside)) / own)
        found["waited"].append(span["ready"] / span["wall"])
    rates = {name: sum(found[name]) for name in ("wall_rate", "rate")}
    return rates | {name: statistics.mean(found[name]) for name in ("idle", "blocked", "waited", "cpu")}


def run(folder: Path, cores: list[int], args: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", str(folder), *map(str, cores)]
    command += ["--blocks", str(args.blocks), "--views", str(args.views), "--protocol", args.protocol]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = harness.arguments(__doc__, repeats=3)
    parser.add_argument("--blocks", type=int, default=6, help="people for each of two actors (default %(default)s)")
    parser.add_argument("--views", type=int, default=12, help="pictures of each, for pifu (default %(default)s)")
    parser.add_argument("--protocol", default="pifu", help="(default %(default)s)")
    parser.add_argument("--child", nargs="+", default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(Path(args.child[0]), [int(core) for core in args.child[1:]], args.blocks, args.views, args.protocol)
        return
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("This benchmark needs two cores.")
    turns: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as temporary:
        for turn in range(args.repeats):
            for number in (1, 2):
                turns[number].append(run(Path(temporary) / f"{turn}-{number}", allowed[:number], args))
                print(f"{number} actors: " + ", ".join(f"{name} {value:.3f}" for name, value in turns[number][-1].items()))
    middle = {
        number: {name: statistics.median(turn[name] for turn in found) for name in found[0]} for number, found in turns.items()
    }
    one, two = middle[1], middle[2]
    row = {
        "task": f"datagen_scaling_{args.protocol}",
        "ours_s": 1 / (two["rate"] * two["views_per_block"]),
        "peer": "one actor on one core, seconds a view",
        "peer_s": 1 / (one["rate"] * one["views_per_block"]),
        "ratio": two["rate"] / one["rate"],
        "repeats": args.repeats,
        "wall_ratio": two["wall_rate"] / one["wall_rate"],
        "cpu_ratio": two["cpu"] / one["cpu"],
        "one_actor": one,
        "two_actors": two,
        "turns": turns,
    }
    print(f"by the clock {row['wall_ratio']:.2f} x, without waiting for cores {row['ratio']:.2f} x")
    notes = "Wall time without the time in which a ready actor had to wait for a core; see the program's first lines."
    harness.write_results("datagen_scaling", [row], packages=("ray", "pyarrow"), folder=args.results, notes=notes)


if __name__ == "__main__":
    main()
