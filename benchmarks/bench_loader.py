"""Training samples a second: our loaders against the published ones, on the same people, with all points.

A data set is made (or given), exported in the published layout, and read by the published loader (see ``original_code``) and
by ours, from shards and from the LMDB cache. All of them give what a step of recipe ``paper`` learns from: an augmented 512
pixel picture, its calibration and 5000 labelled points. PIFu's loader draws its points from the mesh each time, ours from the
stored pool. Geo-PIFu's reads 5000 stored points (``online`` draws them from the mesh, as its option ``--online_sampling``), its
coarse network's loader volumes. Seconds are those of the training split's samples, one after another.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import harness
import original_code

ITEMS = {
    "pifu": ("rgb", "mask", "mesh", "query_points"),
    "geopifu": ("rgb", "mask", "mesh", "query_points", "solid_voxels", "config"),
}


def make_data(protocol: str, folder: Path, people: int, views: int) -> Path:
    """A small data set of the published size."""
    from vitruvian.datagen.options import DatagenOptions
    from vitruvian.datagen.run import generate

    options = DatagenOptions(
        out=folder,
        protocol=protocol,
        num_subjects=people,
        held_out=0,
        views_per_subject=views,
        items=ITEMS[protocol],
        num_actors=0,
        block_size=1,
    )
    generate(options, progress=False)
    return folder


def export(protocol: str, data: Path, out: Path, *, epochs: int = 1) -> Path:
    """The data set in the published layout."""
    from vitruvian.datagen.layouts.geopifu_export import export_geopifu
    from vitruvian.datagen.layouts.pifu_export import export_pifu
    from vitruvian.datagen.layouts.query_sets import QuerySetOptions

    if protocol == "pifu":
        export_pifu(data, out)
    else:
        sets = QuerySetOptions(epochs=(0, epochs), sigma=3.5, num_points=5000, seed=0, name=original_code.SAMPLE_TYPE)
        export_geopifu(data, out, query_sets=sets)
    return out


def turns(work: Callable[[int], Any], number: int) -> Callable[[], Any]:
    """A function that loads the next of ``number`` samples at each call."""

    def indices() -> Iterator[int]:
        while True:
            yield from range(number)

    order = indices()
    return lambda: work(next(order))


def ours(stage: Any, data: Path, cache: Path | None) -> Callable[[], Any]:
    """One training sample of a stage, as the training loop loads it."""
    import numpy as np

    from vitruvian.shards.cache import CachedDataset
    from vitruvian.shards.dataset import ShardDataset

    shards = ShardDataset(data, items=stage.items, verify="size")
    samples = shards if cache is None else CachedDataset(data, cache=cache, items=stage.items)

    def load(index: int) -> Any:
        return stage.sample(samples[index], np.random.default_rng(index), training=True)

    return turns(load, len(samples))


def stages() -> dict[str, tuple[str, Any, dict[str, Any]]]:
    """Task -> protocol, our stage, options of the original."""
    from vitruvian.methods.registry import METHODS

    recipes = {name: {stage.name: stage for stage in METHODS[name].recipes["paper"]().stages} for name in METHODS}
    tasks: dict[str, tuple[str, Any, dict[str, Any]]] = {"pifu_shape": ("pifu", recipes["pifu"]["shape"], {})}
    if "geopifu" in recipes:
        volumes = {"num_sample_inout": 0, "load_single_view_meshVoxels": True}
        tasks["geopifu_coarse"] = ("geopifu", recipes["geopifu"]["coarse"], volumes)
        query = recipes["geopifu"]["query"]
        tasks["geopifu_query"] = ("geopifu", query, {})
        tasks["geopifu_query_online"] = ("geopifu", query, {"online_sampling": True})
    return tasks


def main() -> None:
    parser = harness.arguments(__doc__, repeats=12)
    original_code.add_arguments(parser)
    parser.add_argument("--people", type=int, default=1, help="people of the data sets that are made (default %(default)s)")
    parser.add_argument("--views", type=int, default=8, help="their pictures (default %(default)s)")
    parser.add_argument("--tasks", nargs="+", help="only these rows")
    args = parser.parse_args()
    folders = original_code.find(args)
    harness.pin(args.core)

    import torch

    from vitruvian.shards.cache_build import build_cache

    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        made: dict[str, tuple[Path, Path]] = {}
        for task, (protocol, stage, wanted) in stages().items():
            if protocol not in folders or (args.tasks and task not in args.tasks):
                continue
            if protocol not in made:
                data = make_data(protocol, Path(folder) / protocol, args.people, args.views)
                made[protocol] = data, export(protocol, data, Path(folder) / f"{protocol}_export")
            data, exported = made[protocol]
            original = original_code.Original(protocol, folders[protocol]).data(exported, **wanted)
            cache = build_cache(data, cache=Path(folder) / f"{task}.lmdb", items=stage.items).path
            peers = {"the original's loader": turns(original.__getitem__, len(original))}
            for name, place in (("shards", None), ("cache", cache)):
                row = harness.compare(f"{task}_{name}", ours(stage, data, place), peers, repeats=args.repeats)
                row["samples_per_second"] = 1 / row["ours_s"]
                row["peer_samples_per_second"] = 1 / row["peer_s"]
                rows.append(row)
    notes = f"CPU seconds a sample of {args.people} people with {args.views} views each, in turns on one core"
    harness.write_results(
        "loader", rows, packages=("torch", "trimesh", "embreex", "opencv-python-headless"), folder=args.results, notes=notes
    )


if __name__ == "__main__":
    main()
