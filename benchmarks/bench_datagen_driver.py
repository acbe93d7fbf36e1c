"""What the one driver of a run spends on a block: giving it out, taking the receipt, writing and syncing the manifest's line.

This is what no further actor makes faster, so it bounds how many actors one driver can keep busy. The actors here make nothing:
they give back the receipt of a block of ten people at once. The peer is the time in which one core makes an ordinary block of
one person (``results/datagen.json``): the ratio is the number of actors at which the driver would be busy all the time.
"""

from __future__ import annotations

import statistics
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
from vitruvian.ray_local import start_ray
from vitruvian.shards.manifest import ManifestEntry, append_entry
from vitruvian.shards.writer import ShardReceipt, SubjectEntry

PEOPLE = 10


class IdleWorker(BlockWorker):
    """Makes nothing."""

    def __init__(self, options: DatagenOptions) -> None:
        self.options = options

    def make(self, block: Any, skip: Any) -> ManifestEntry:
        people = [
            SubjectEntry(subject_id=member.subject_id, split=member.split, num_views=360, licence="CC0-1.0 (built-in people)")
            for member in block.members
        ]
        return ManifestEntry.of(block.number, ShardReceipt(sha256="0" * 64, num_bytes=10**8, subjects=tuple(people)), {})


def main() -> None:
    parser = harness.arguments(__doc__, repeats=5)
    parser.add_argument("--blocks", type=int, default=300, help="blocks in a turn (default %(default)s)")
    args = parser.parse_args()
    (view,) = harness.recorded("datagen")
    block_s = view["person_s"] + view["views_per_person"] * view["additional_view_s"]
    people = [f"person-{number:08d}" for number in range(args.blocks * PEOPLE)]
    cpu, wall = [], []
    with tempfile.TemporaryDirectory() as temporary, start_ray(2):
        for turn in range(args.repeats + 1):
            root = Path(temporary) / str(turn)
            root.mkdir()
            queue = JobQueue(plan_blocks(people, held_out=0, block_size=PEOPLE))
            entries = run_on_ray(queue, DatagenOptions(out=root), 2, worker=IdleWorker)
            next(entries)  # the actors are up
            cpu_start, wall_start = time.process_time(), time.monotonic()
            for entry in entries:
                append_entry(root, entry)
            cpu.append((time.process_time() - cpu_start) / (args.blocks - 1))
            wall.append((time.monotonic() - wall_start) / (args.blocks - 1))
    each = statistics.median(cpu[1:])
    row = {
        "task": "datagen_driver_block",
        "ours_s": each,
        "peer": "one core, a block of one person with its views",
        "peer_s": block_s,
        "ratio": block_s / each,
        "repeats": args.repeats,
        "ours_min_s": min(cpu[1:]),
        "wall_s": statistics.median(wall[1:]),
        "people_in_block": PEOPLE,
    }
    print(f"{each * 1e3:.2f} ms of the driver's core a block, {row['wall_s'] * 1e3:.2f} ms by the clock with two actors")
    notes = "CPU time of the driver's process and its threads; see the program's first lines."
    harness.write_results("datagen_driver", [row], packages=("ray",), folder=args.results, notes=notes)


if __name__ == "__main__":
    main()
