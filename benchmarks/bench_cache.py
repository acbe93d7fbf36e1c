"""Samples from shards against samples from the LMDB cache: one after another and shuffled, from a cold disk and a warm one.

A data set with pictures of PIFu's size is made (or given with --data). Each row reads every sample once in a process of its
own, best of turns. ``warm``: the files were read before, and CPU time counts: what decoding costs. ``cold``: the system is told
to forget the files first, and wall time counts: what the disk costs, too. ``ours`` is the cache, the peer the shards; a ratio
above 1 says that the cache is faster. Sizes on disk are in the details.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import harness
import numpy as np

ITEM_SETS = {
    "pifu": ("rgb", "mask", "query_points"),
    "rgb": ("rgb", "mask"),
    "maps": ("rgb", "mask", "normal", "depth"),
}


def read_all(data: Path, cache: Path | None, items: tuple[str, ...], shuffled: bool) -> dict[str, float]:
    """Read every sample once; CPU and wall seconds a sample."""
    from vitruvian.shards.cache import CachedDataset
    from vitruvian.shards.dataset import ShardDataset

    shards = ShardDataset(data, items=items, verify="size")
    samples = shards if cache is None else CachedDataset(data, cache=cache, items=items)
    order = np.random.default_rng(0).permutation(len(samples)) if shuffled else np.arange(len(samples))
    cpu, wall = time.process_time(), time.perf_counter()
    for index in order:
        samples[int(index)]
    return {
        "cpu_s": (time.process_time() - cpu) / len(samples),
        "wall_s": (time.perf_counter() - wall) / len(samples),
        "samples": len(samples),
    }


def forget(paths: list[Path]) -> None:
    """Ask the system to drop the files from memory."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def in_a_process(data: Path, cache: Path | None, items: str, shuffled: bool) -> dict[str, float]:
    command = [sys.executable, __file__, "--read", json.dumps([str(data), cache and str(cache), items, shuffled])]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def make_data(folder: Path, subjects: int, views: int) -> Path:
    from vitruvian.datagen.options import DatagenOptions
    from vitruvian.datagen.run import generate

    items = ("rgb", "mask", "normal", "depth", "query_points")
    options = DatagenOptions(
        out=folder, num_subjects=subjects, held_out=0, views_per_subject=views, items=items, num_actors=0, block_size=2
    )
    generate(options, progress=False)
    return folder


def measure(data: Path, cache: Path, items: str, *, shuffled: bool, cold: bool, repeats: int) -> harness.Row:
    """One row: the cache and the shards in turns."""
    files = [cache, *sorted((data / "shards").iterdir())]
    clock = "wall_s" if cold else "cpu_s"
    times: dict[str, list[float]] = {"cache": [], "shards": []}
    for _ in range(repeats):
        for name, place in (("cache", cache), ("shards", None)):
            if cold:
                forget(files)
            else:
                in_a_process(data, place, items, shuffled)
            times[name].append(in_a_process(data, place, items, shuffled)[clock])
    ours, peer = min(times["cache"]), min(times["shards"])
    task = f"{items}_{'shuffled' if shuffled else 'in_order'}_{'cold' if cold else 'warm'}"
    print(f"{task}: cache {ours * 1e3:.3f} ms, shards {peer * 1e3:.3f} ms a sample")
    extra: dict[str, Any] = {"clock": clock, "cache_s": times["cache"], "shards_s": times["shards"]}
    return {"task": task, "ours_s": ours, "peer": "Arrow shards", "peer_s": peer, "ratio": peer / ours, **extra}


def main() -> None:
    parser = harness.arguments(__doc__, repeats=3)
    parser.add_argument("--data", type=Path, help="a data set with rgb, mask, normal, depth, query_points (default: make one)")
    parser.add_argument("--subjects", type=int, default=6, help="people of the data set that is made (default %(default)s)")
    parser.add_argument("--views", type=int, default=16, help="their pictures, 512 x 512 (default %(default)s)")
    parser.add_argument("--read", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        data, cache, items, shuffled = json.loads(args.read)
        print(json.dumps(read_all(Path(data), cache and Path(cache), ITEM_SETS[items], shuffled)))
        return
    harness.pin(args.core)

    from vitruvian.shards.cache_build import build_cache

    with tempfile.TemporaryDirectory() as folder:
        data = args.data or make_data(Path(folder) / "data", args.subjects, args.views)
        shard_bytes = sum(path.stat().st_size for path in (data / "shards").iterdir())
        rows = []
        for items, names in ITEM_SETS.items():
            began = time.process_time()
            report = build_cache(data, cache=Path(folder) / f"{items}.lmdb", items=names)
            built = time.process_time() - began
            for cold in (False, True):
                for shuffled in (False, True):
                    row = measure(data, report.path, items, shuffled=shuffled, cold=cold, repeats=args.repeats)
                    rows.append({**row, "cache_bytes": report.num_bytes, "shard_bytes": shard_bytes, "build_cpu_s": built})
            report.path.unlink()
    notes = "seconds a sample; best of turns; warm rows are CPU time, cold rows wall time; shard_bytes are of all five items"
    harness.write_results("cache", rows, packages=("lmdb", "pyarrow", "pillow"), folder=args.results, notes=notes)


if __name__ == "__main__":
    main()
