"""PIFu's protocol as published, 360 views of 512 pixels of each person: seconds of one core and bytes for each view, all items.

A person is loaded, its shadows are baked, its points labelled and its volume filled once; that share of a view is a 360th. The
rest is measured as the difference between many and few views. The peer makes the same items of the same views through pyrender
(OpenGL without a display, software or a GPU as installed), which decides what each sample sees; light and encoding are ours
there too. The published program does not say how long it takes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import harness

from vitruvian.datagen.run import DatagenOptions, generate
from vitruvian.errors import InputError

VIEWS = 360


def seconds_and_bytes(folder: Path, args: argparse.Namespace, *, views: int, renderer: str) -> tuple[float, int]:
    """CPU seconds of this process for one data set in a new folder, and the size of its shards."""
    options = DatagenOptions(
        out=folder,
        protocol=args.protocol,
        source="meshes" if args.folder else "synthetic",
        folder=args.folder,
        num_subjects=args.subjects,
        views_per_subject=views,
        renderer=renderer,
        num_actors=0,
    )
    begin = time.process_time()
    report = generate(options, progress=False, track=False)
    return time.process_time() - begin, report.bytes


def one_renderer(root: Path, args: argparse.Namespace, renderer: str, *, few: int, many: int, repeats: int) -> dict[str, float]:
    """Medians: a further view, a person without views, in seconds; and the bytes of both."""
    seconds_and_bytes(root / f"{renderer}-warm", args, views=1, renderer=renderer)
    runs = []
    for turn in range(repeats):
        small, large = (
            seconds_and_bytes(root / f"{renderer}-{name}{turn}", args, views=views, renderer=renderer)
            for name, views in (("few", few), ("many", many))
        )
        view = [(large[k] - small[k]) / (many - few) / args.subjects for k in range(2)]
        runs.append([*view, *(small[k] / args.subjects - few * view[k] for k in range(2))])
    view_s, view_bytes, person_s, person_bytes = (statistics.median(column) for column in zip(*runs, strict=True))
    return {"view_s": view_s, "view_bytes": view_bytes, "person_s": person_s, "person_bytes": person_bytes}


def main() -> None:
    parser = harness.arguments(__doc__, repeats=3)
    parser.add_argument("--protocol", default="pifu", help="pifu or jiff (default %(default)s)")
    parser.add_argument("--subjects", type=int, default=1, help="people in a run (default %(default)s)")
    parser.add_argument("--folder", type=Path, default=None, help="a folder of meshes instead of the built-in people")
    args = parser.parse_args()
    harness.pin(args.core)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        ours = one_renderer(root, args, "native", few=4, many=40, repeats=args.repeats)
        try:
            peer = one_renderer(root, args, "pyrender", few=2, many=6, repeats=1)
        except InputError as error:
            raise SystemExit(f"The peer cannot draw: {error}") from None
    row = {
        "task": f"datagen_{args.protocol}_view",
        "ours_s": ours["view_s"] + ours["person_s"] / VIEWS,
        "peer": "the same items drawn by pyrender",
        "peer_s": peer["view_s"] + peer["person_s"] / VIEWS,
        "repeats": args.repeats,
        "views_per_person": VIEWS,
        "size_px": 512,
        **ours,
        "bytes_a_view": ours["view_bytes"] + ours["person_bytes"] / VIEWS,
    }
    row["ratio"] = row["peer_s"] / row["ours_s"]
    print(f"a view {ours['view_s']:.4f} s and {ours['view_bytes'] / 1e3:.0f} kB, a person {ours['person_s']:.2f} s")
    notes = "ours_s is a further view and a 360th of what is made once a person."
    harness.write_results(
        f"datagen_{args.protocol}", [row], packages=("pyarrow", "pillow", "pyrender"), folder=args.results, notes=notes
    )


if __name__ == "__main__":
    main()
