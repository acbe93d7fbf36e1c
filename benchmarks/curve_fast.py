"""How a method's recipes ``paper`` and ``fast`` learn in equal time, both scaled down alike so that a CPU core shows it.

Width, side of the picture and number of points are divided by the same factors for both, and batches that were shared by
several GPUs are those of one of them; everything else is the recipe's. Each trains for ``--seconds`` of its own process's CPU
time (loading included, measuring not): a method of several stages shares them out equally, and a later stage gets the earlier
one's network as it stands then. A stage's schedule is stretched over its time. All are measured on the same held-out pictures
and points along the way, and run at the same time, each on one thread. The result says nothing certain about the full size,
which needs a GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import harness
import numpy as np

POINTS_DIVISOR = 5
SIZE_PX = 128
WIDTH = 0.25
POINTS_MEASURED = 5000
SWITCHES = {"precision": "float32", "compile": False, "channels_last": False, "accumulate": 1}
"""Of the schedules: what concerns devices, the same for all."""
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"


def scaled_filter(options: Any) -> Any:
    """PIFu's network options at a quarter of the width."""
    dim = round(options.hourglass_dim * WIDTH)
    stem = options.channels(64) if options.skip_hourglass else 0
    first = dim + 1 + round(stem * WIDTH)
    hidden = (round(d * WIDTH) for d in options.mlp_dim[1:-1])
    return dataclasses.replace(options, width=options.width * WIDTH, hourglass_dim=dim, mlp_dim=(first, *hidden, 1))


def scaled(stage: Any) -> Any:
    """A stage at a quarter of its width and picture and a fifth of its points, on data of the protocol ``pifu``."""
    samples = dataclasses.replace(
        stage.samples,
        image_size_px=SIZE_PX,
        num_points=stage.samples.num_points // POINTS_DIVISOR,
        num_ray_points=stage.samples.num_ray_points // POINTS_DIVISOR,
    )
    training = dataclasses.replace(
        stage.training,
        **SWITCHES,
        batch_size=stage.training.batch_size // stage.training.accumulate,
        warmup_steps=min(stage.training.warmup_steps, 50),
    )
    changes: dict[str, Any] = {"samples": samples, "training": training}
    if stage.method == "geopifu":
        from vitruvian.methods.geopifu.framing import PIFU_SIDE_PER_HEIGHT

        changes |= {"side_per_height": PIFU_SIDE_PER_HEIGHT, "side_per_width": 1.0}
    if stage.name == "coarse":
        size = {"input_height_px": SIZE_PX, "input_width_px": SIZE_PX}
        changes["options"] = dataclasses.replace(stage.options, **size, width=stage.options.width * WIDTH)
    elif stage.name == "query":
        changes["options"] = dataclasses.replace(stage.options, image=scaled_filter(stage.options.image))
    else:
        changes["options"] = scaled_filter(stage.options)
    return dataclasses.replace(stage, **changes)


def rate_at(training: Any, share: float, step: int) -> float:
    """The recipe's schedule where ``share`` of the time is over."""
    if step < training.warmup_steps:
        return training.learning_rate * (step + 1) / training.warmup_steps
    if training.schedule == "cosine":
        return training.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    drops = sum((listed + 1) / training.epochs <= share for listed in training.drop_after_epochs)
    return training.learning_rate * training.drop_factor**drops


class HeldOut:
    """The held-out pictures, with many points where a stage has points."""

    def __init__(self, stage: Any, data: Path) -> None:
        from vitruvian.shards.dataset import ShardDataset
        from vitruvian.train.loader import Share, build_batch

        self.stage = stage
        if stage.name != "coarse":
            samples = dataclasses.replace(stage.samples, num_points=POINTS_MEASURED, num_ray_points=POINTS_MEASURED)
            self.stage = dataclasses.replace(stage, samples=samples)
        stored = ShardDataset(data, items=self.stage.items, split="test", verify="size")
        every = tuple(range(len(stored)))
        share = Share(step=0, indices=every, places=every, num_counted=1, batch_size=1)
        self.arrays = build_batch(stored, self.stage, share, seed=0, epoch=0, training=False)
        self.number = len(stored)

    def measure(self, network: Any, parts: Mapping[str, Any]) -> dict[str, float]:
        import torch

        network.eval()
        found: dict[str, list[float]] = {}
        with torch.no_grad():
            for start in range(0, self.number, 4):
                batch = {key: torch.from_numpy(value[start : start + 4]) for key, value in self.arrays.items()}
                batch = self.stage.prepare(batch, parts, training=False)
                for name, values in self.stage.metrics(network, batch).items():
                    found.setdefault(name, []).extend(values.tolist())
        network.train()
        return {name: float(np.mean(values)) for name, values in found.items() if name in ("iou", "ray_iou")}


def learn_stage(stage: Any, data: Path, parts: Mapping[str, Any], seconds: float, readings: int, seed: int) -> tuple[Any, Any]:
    """Train one stage for so much CPU time: its network, and the held-out figures after every ``1 / readings`` of it."""
    import torch

    from vitruvian.shards.dataset import ShardDataset
    from vitruvian.train.loader import Share, build_batch, to_tensors
    from vitruvian.train.schedule import new_optimizer
    from vitruvian.train.step import Objective, take_step

    torch.manual_seed(seed)
    training = stage.training
    samples = ShardDataset(data, items=stage.items, split="train", verify="size")
    held_out = HeldOut(stage, data)
    network = stage.network().train()
    objective, optimizer = Objective(stage, network, parts), new_optimizer(training, network.parameters())
    device = torch.device("cpu")
    rng = np.random.default_rng(seed)
    curve: list[dict[str, float]] = []
    spent, step = 0.0, 0
    while spent < seconds:
        begin = time.process_time()
        indices = tuple(int(i) for i in rng.choice(len(samples), training.batch_size, replace=False))
        share = Share(step=step, indices=indices, places=indices, num_counted=len(indices), batch_size=len(indices))
        arrays = build_batch(samples, stage, share, seed=seed, epoch=step, training=True)
        batch = to_tensors(arrays, device=device, channels_last=False)
        take_step(objective, optimizer, batch, share, stage=stage, rate=rate_at(training, spent / seconds, step), world_size=1)
        step += 1
        spent += time.process_time() - begin
        if spent >= seconds * (len(curve) + 1) / readings:
            counts = {"seconds": round(spent, 2), "steps": step, "samples": step * training.batch_size}
            curve.append({**counts, **held_out.measure(network, parts)})
            print(stage.name, json.dumps(curve[-1]), file=sys.stderr, flush=True)
    document = {
        "stage": stage.name,
        "parameters": sum(p.numel() for p in network.parameters()),
        "batch_size": training.batch_size,
        "held_out_pictures": held_out.number,
        "curve": curve,
    }
    return network.eval().requires_grad_(False), document


def learn(method: str, recipe: str, args: argparse.Namespace) -> dict[str, Any]:
    """All stages of a recipe that are not optional, one after another."""
    import torch

    from vitruvian.methods.cpu.memory import keep_freed_memory
    from vitruvian.methods.registry import METHODS

    torch.set_num_threads(1)
    keep_freed_memory()
    made = METHODS[method].recipes[recipe]()
    stages = [scaled(stage) for stage in made.stages if stage.name in ("shape", "coarse", "query")]
    parts: dict[str, Any] = {}
    documents = []
    for stage in stages:
        network, document = learn_stage(stage, args.data, parts, args.seconds / len(stages), args.readings, args.seed)
        parts[stage.name] = network
        documents.append(document)
    return {"recipe": recipe, "stages": documents}


def draw(method: str, curves: list[dict[str, Any]], path: Path) -> None:
    """The curves as SVG: one panel a figure of merit of each stage."""
    harness.require("matplotlib").use("svg")
    from matplotlib import pyplot

    words = {"iou": "IoU at points near the surface", "ray_iou": "IoU at points along the rays"}
    panels = [(k, name) for k, stage in enumerate(curves[0]["stages"]) for name in words if name in stage["curve"][0]]
    figure, axes = pyplot.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.2), squeeze=False, layout="constrained")
    for axis, (k, name) in zip(axes[0], panels, strict=True):
        for curve, style in zip(curves, ("--", "-"), strict=False):
            rows = curve["stages"][k]["curve"]
            axis.plot([r["seconds"] for r in rows], [r[name] for r in rows], style, label=curve["recipe"], color="#1f5fa8")
        stage = curves[0]["stages"][k]["stage"]
        axis.set(title=f"{method} {stage}", xlabel="CPU seconds", ylabel="IoU of cells" if stage == "coarse" else words[name])
        axis.grid(alpha=0.3)
    axes[0][0].legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    print(f"drawn to {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=("pifu", "geopifu"))
    parser.add_argument("--data", type=Path, required=True, help="a data set of protocol pifu with solid_voxels")
    parser.add_argument("--seconds", type=float, default=360, help="CPU seconds for each recipe (default %(default)s)")
    parser.add_argument("--readings", type=int, default=12, help="times each stage is measured (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipes", nargs="+", default=["paper", "fast"])
    parser.add_argument("--results", type=Path, default=harness.RESULTS)
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder for the drawing (default %(default)s)")
    parser.add_argument("--learn", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.learn:
        print(json.dumps(learn(args.method, args.learn, args)))
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < len(args.recipes):
        raise SystemExit(f"{len(args.recipes)} recipes train at the same time, and there are {len(cores)} cores.")
    command = [sys.executable, __file__, *sys.argv[1:]]
    running = [
        subprocess.Popen(["taskset", "-c", str(core), *command, "--learn", name], stdout=subprocess.PIPE, text=True)
        for core, name in zip(cores, args.recipes, strict=False)
    ]
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("a training failed; its message is above")
    curves = [json.loads(output.splitlines()[-1]) for output in outputs]
    document = {
        "benchmark": f"fast_{args.method}",
        "clock": "CPU seconds of each training's process, one thread; measuring not counted",
        "machine": harness.machine(),
        "scaled": {"width": WIDTH, "image_size_px": SIZE_PX, "points_divisor": POINTS_DIVISOR, **SWITCHES},
        "notes": "Scaled down alike; the full size was not measured.",
        "curves": curves,
    }
    args.results.mkdir(parents=True, exist_ok=True)
    path = args.results / f"fast_{args.method}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    for curve in curves:
        for stage in curve["stages"]:
            last = stage["curve"][-1]
            figures = ", ".join(f"{name} {last[name]:.3f}" for name in ("iou", "ray_iou") if name in last)
            print(f"{curve['recipe']:8s} {stage['stage']:8s} {last['seconds']:.0f} s, {last['steps']} steps: {figures}")
    print(f"written to {path}")
    draw(args.method, curves, args.images / f"fast_{args.method}.svg")


if __name__ == "__main__":
    main()
