"""One training step of the networks of recipes ``paper``, loading included: ours against the published programs'.

Both learn from the same people: ours from shards, the published program (see ``original_code``) from their export, through its
own loader without worker processes. A step loads two pictures with 5000 points (Geo-PIFu's coarse network: volumes), runs the
network forwards and backwards and moves the weights by RMSprop; batch 2, one pinned core, one thread, float32. Rows ``_bf16``
are ours in mixed precision against the same peer. Our steps keep freed memory, as our training does on CPUs; what the peer
takes when it is given that too is in the details. ``loading`` there is the loaders' part. Geo-PIFu's query network
reads latent voxels from files on both sides; they are noise here, as their values do not change the work.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bench_loader
import harness
import numpy as np
import original_code

BATCH = 2
LATENT_SHAPE = (8, 32, 48, 32)


def original_step(original: original_code.Original, dataset: Any, task: str) -> Callable[[], Any]:
    """One iteration of the published training loop."""
    import torch

    model = original.module("lib.model")
    kind = model.VrnNet if task == "geopifu_coarse" else model.HGPIFuNet
    network = kind(dataset.opt, "orthogonal").train()
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-3, momentum=0, weight_decay=0)

    def batches() -> Iterator[Any]:
        while True:
            yield from torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True, drop_last=True)

    order = batches()

    def step() -> float:
        batch = next(order)
        images = batch["img"].flatten(0, 1)
        if task == "geopifu_coarse":
            nothing = torch.zeros(BATCH, dtype=torch.int32)
            result = network(images=images, labels=batch["meshVoxels"], view_directions=nothing, target_views=nothing)
            error = result["error"]
        else:
            more = {"deepVoxels": batch["deepVoxels"]} if "deepVoxels" in batch else {}
            _, error = network(images, batch["samples"], batch["calib"].flatten(0, 1), labels=batch["labels"], **more)
        optimizer.zero_grad()
        error.mean().backward()
        optimizer.step()
        return float(error.mean())

    return step


def our_step(stage: Any, data: Path, latents: np.ndarray | None) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """One step of the training loop, and its loading alone."""
    import torch

    from vitruvian.methods.cpu.memory import keep_freed_memory
    from vitruvian.shards.dataset import ShardDataset
    from vitruvian.train.checkpoint import new_state
    from vitruvian.train.loader import Share, build_batch, to_tensors
    from vitruvian.train.step import Objective, take_step

    samples = ShardDataset(data, items=stage.items, verify="size")
    state = new_state(stage, seed=0, device=torch.device("cpu"))
    state.network.train()
    objective = Objective(stage, state.network, {})
    rng = np.random.default_rng(0)

    def load() -> tuple[Share, Any]:
        indices = tuple(int(index) for index in rng.choice(len(samples), BATCH, replace=False))
        share = Share(step=0, indices=indices, places=indices, num_counted=BATCH, batch_size=BATCH)
        arrays = build_batch(samples, stage, share, seed=0, epoch=0, training=True)
        if latents is not None:
            arrays["voxels"] = np.stack([latents] * BATCH)
        return share, to_tensors(arrays, device=torch.device("cpu"), channels_last=stage.training.channels_last)

    def step() -> float:
        keep_freed_memory()
        share, batch = load()
        return float(take_step(objective, state.optimizer, batch, share, stage=stage, rate=1e-3, world_size=1)["loss"])

    return step, load


def with_precision(stage: Any, precision: str) -> Any:
    """The stage for one pass over the batch in this precision."""
    return dataclasses.replace(stage, training=dataclasses.replace(stage.training, precision=precision, accumulate=1))


def main() -> None:
    parser = harness.arguments(__doc__, repeats=2)
    original_code.add_arguments(parser)
    parser.add_argument("--people", type=int, default=1, help="people of the data sets that are made (default %(default)s)")
    parser.add_argument("--views", type=int, default=4, help="their pictures (default %(default)s)")
    parser.add_argument("--tasks", nargs="+", help="only these: pifu_shape geopifu_coarse geopifu_query")
    parser.add_argument("--warmup", type=int, default=1, help="steps before the clock (default %(default)s)")
    parser.add_argument("--no-bf16", action="store_true", help="leave mixed precision out")
    args = parser.parse_args()
    folders = original_code.find(args)
    harness.pin(args.core)

    import torch

    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        made: dict[str, tuple[Path, Path]] = {}
        for task, (protocol, stage, wanted) in bench_loader.stages().items():
            if protocol not in folders or task.endswith("_online") or (args.tasks and task not in args.tasks):
                continue
            if protocol not in made:
                data = bench_loader.make_data(protocol, Path(folder) / protocol, args.people, args.views)
                made[protocol] = data, bench_loader.export(protocol, data, Path(folder) / f"{protocol}_export")
            data, exported = made[protocol]
            latents = None
            if task == "geopifu_query":
                latents = np.random.default_rng(0).random(LATENT_SHAPE, np.float32)
                for number in range(args.people * args.views):
                    np.save(exported / f"{number:06d}_deepVoxels.npy", latents.transpose(0, 3, 2, 1))
                fused = {"deepVoxels_fusion": "early", "deepVoxels_c_len": 56, "multiRanges_deepVoxels": True}
                wanted = {**wanted, **fused, "deepVoxelsDir": str(exported)}
            original = original_code.Original(protocol, folders[protocol])
            dataset = original.data(exported, **wanted)
            theirs = original_step(original, dataset, task)
            exact, load = our_step(with_precision(stage, "float32"), data, latents)
            works = (
                {"": exact}
                if args.no_bf16
                else {"": exact, "_bf16": our_step(with_precision(stage, "bfloat16"), data, latents)[0]}
            )
            rows += measure(task, works, theirs, load, dataset, args)
    notes = "a peer's time is that of the published program's step, its loader included; ratio = its time over ours"
    harness.write_results("training_step", rows, packages=("torch", "trimesh", "embreex"), folder=args.results, notes=notes)


def measure(
    task: str, works: dict[str, Callable[[], Any]], theirs: Callable[[], Any], load: Callable[[], Any], dataset: Any, args: Any
) -> list[harness.Row]:
    """Everyone in turns; a row for each of our precisions."""
    from vitruvian.methods.cpu.memory import keep_freed_memory, return_freed_memory

    def as_published() -> Any:
        return_freed_memory()
        return theirs()

    def keeping_memory() -> Any:
        keep_freed_memory()
        return theirs()

    everyone = {**works, "peer": as_published, "peer_keeping_memory": keeping_memory}
    for work in everyone.values():
        for _ in range(args.warmup):
            work()
    times: dict[str, list[float]] = {name: [] for name in everyone}
    for _ in range(args.repeats):
        for name, work in everyone.items():
            times[name].append(harness.cpu_seconds(work))
            print(f"{task} {name or 'ours'}: {times[name][-1]:.2f} s", flush=True)
    loading = min(harness.cpu_seconds(load) for _ in range(3))
    peer_loading = min(harness.cpu_seconds(lambda: [dataset[0], dataset[1]]) for _ in range(2))
    peer = float(np.median(times["peer"]))
    rows = []
    for name in works:
        seconds = float(np.median(times[name]))
        row = {"task": task + name, "ours_s": seconds, "peer": "the original's step", "peer_s": peer, "ratio": peer / seconds}
        rows.append(
            {**row, "share_of_peer": seconds / peer, "loading_s": loading, "peer_loading_s": peer_loading, "turns_s": times}
        )
    return rows


if __name__ == "__main__":
    main()
