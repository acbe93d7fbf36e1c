"""Whole data generation: people made, drawn, voxelized, sampled, encoded and written, in seconds and bytes a picture.

The peer is a published figure, not a run: Geo-PIFu's README gives 30 processes for 37 hours and 1.4 TB for its 108,720
pictures, which is 37 s and 12.9 MB each. That work is not the same: its pictures are 1024 x 1536, it makes semantic voxels and
maps of a fitted body beside them, and its people are loaded, while ours are made up first. Machine and renderer differ too. So
the ratio says how far apart the two pipelines are, not how much faster a kernel is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import harness

from vitruvian.datagen.run import DatagenOptions, DatasetReport, generate
from vitruvian.shards.summary import summarise

PEER = "Geo-PIFu, published: 37 s and 12.9 MB a picture"
PEER_S, PEER_BYTES = 37.0, 12.9e6


def one_run(folder: Path, args: argparse.Namespace, *, views: int, actors: int | None) -> tuple[DatasetReport, float, float]:
    """Generate a data set in a new folder; the report, CPU seconds of this process and wall seconds."""
    options = DatagenOptions(
        out=folder,
        source="meshes" if args.folder else "synthetic",
        folder=args.folder,
        num_subjects=args.subjects,
        views_per_subject=views,
        num_actors=actors,
    )
    cpu, wall = time.process_time(), time.monotonic()
    report = generate(options, progress=False)
    return report, time.process_time() - cpu, time.monotonic() - wall


def main() -> None:
    parser = harness.arguments(__doc__, repeats=3)
    parser.add_argument("--subjects", type=int, default=4, help="people in a run (default %(default)s)")
    parser.add_argument("--views", type=int, default=4, help="pictures of each (default %(default)s)")
    parser.add_argument("--folder", type=Path, default=None, help="a folder of meshes instead of the built-in people")
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        on_ray, _, ray_wall = one_run(root / "ray", args, views=args.views, actors=None)
        harness.pin(args.core)
        one_run(root / "warm", args, views=1, actors=0)  # imports, and what a source prepares once
        few, many = [], []
        for turn in range(args.repeats):
            report, seconds, _ = one_run(root / f"few{turn}", args, views=args.views, actors=0)
            few.append(seconds)
            many.append(one_run(root / f"many{turn}", args, views=3 * args.views, actors=0)[1])
        assert report.fingerprint == on_ray.fingerprint, "the actors made other bytes than this process"
        summary = summarise(root / "few0", verify=True)
    pictures = report.num_samples
    each = statistics.median(few) / pictures
    more = (statistics.median(many) - statistics.median(few)) / (2 * pictures)
    row = {
        "task": "datagen_view",
        "ours_s": each,
        "peer": PEER,
        "peer_s": PEER_S,
        "ratio": PEER_S / each,
        "repeats": args.repeats,
        "ours_min_s": min(few) / pictures,
        "ours_bytes": report.bytes / pictures,
        "peer_bytes": PEER_BYTES,
        "bytes_ratio": PEER_BYTES / (report.bytes / pictures),
        "people": report.num_subjects,
        "views_per_person": args.views,
        "size_px": 512,
        "additional_view_s": more,
        "person_s": each * args.views - more * args.views,
        "item_bytes": summary.item_bytes,
        "ray_wall_s": ray_wall,
        "ray_cores": cores,
    }
    print(f"{each:.3f} s and {row['ours_bytes'] / 1e3:.0f} kB a picture; a further view of a person takes {more:.3f} s")
    notes = "The peer's figure is published, for other pictures on another machine: see the program's first lines."
    harness.write_results("datagen", [row], packages=("pyarrow", "pillow", "ray"), folder=args.results, notes=notes)


if __name__ == "__main__":
    main()
