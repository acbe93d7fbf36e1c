"""How PIFu's recipes ``paper`` and ``fast`` learn in equal time, both scaled down in the same way so that a CPU core shows it.

Width, side of the picture and number of points are divided by the same factor for both; everything else is the recipe's. Each
trains for ``--seconds`` of its own process's CPU time (loading included, measuring not), its schedule stretched over them, and
is measured on the same held-out pictures and points along the way. Both run at the same time, each on one thread. The result
says nothing certain about the full size, which needs a GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import harness
import numpy as np

POINTS_DIVISOR = 5
SIZE_PX = 128
WIDTH = 0.25
POINTS_MEASURED = 5000


def scaled(name: str) -> Any:
    """The shape stage of a recipe at a quarter of its width and picture and a fifth of its points."""
    from vitruvian.methods.pifu.recipes import RECIPES

    stage = RECIPES[name]().stages[0]
    options = stage.options
    dim = round(options.hourglass_dim * WIDTH)
    stem = options.channels(64) if options.skip_hourglass else 0
    first = dim + 1 + round(stem * WIDTH)
    small = dataclasses.replace(
        options,
        width=options.width * WIDTH,
        hourglass_dim=dim,
        mlp_dim=(first, *(round(d * WIDTH) for d in options.mlp_dim[1:-1]), 1),
    )
    samples = dataclasses.replace(
        stage.samples,
        image_size_px=SIZE_PX,
        num_points=stage.samples.num_points // POINTS_DIVISOR,
        num_ray_points=stage.samples.num_ray_points // POINTS_DIVISOR,
    )
    switches = {"precision": "float32", "channels_last": False}
    if any(field.name == "compile" for field in dataclasses.fields(stage.training)):
        switches["compile"] = False
    training = dataclasses.replace(stage.training, **switches)
    return dataclasses.replace(stage, options=small, samples=samples, training=training)


def rate_at(training: Any, share: float, step: int) -> float:
    """The recipe's schedule where ``share`` of the time is over."""
    if step < training.warmup_steps:
        return training.learning_rate * (step + 1) / training.warmup_steps
    if training.schedule == "cosine":
        return training.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    drops = sum(listed / training.epochs <= share for listed in training.drop_after_epochs)
    return training.learning_rate * training.drop_factor**drops


def learn(data: Path, name: str, seconds: float, readings: int, seed: int) -> dict[str, Any]:
    """Train for so much CPU time; the held-out figures after every ``1 / readings`` of it."""
    import torch

    from vitruvian.methods.occupancy import occupancy_accuracy
    from vitruvian.shards.dataset import ShardDataset
    from vitruvian.train.loader import Share, build_batch, to_tensors
    from vitruvian.train.schedule import new_optimizer
    from vitruvian.train.step import Objective, take_step

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    stage = scaled(name)
    training = dataclasses.replace(stage.training, warmup_steps=min(stage.training.warmup_steps, 50))
    stage = dataclasses.replace(stage, training=training)
    items = ("rgb", "mask", "query_points", "solid_voxels")
    samples = ShardDataset(data, items=items, split="train", verify="size")
    held_out = ShardDataset(data, items=items, split="test", verify="size")
    measured = dataclasses.replace(
        stage,
        samples=dataclasses.replace(stage.samples, num_points=POINTS_MEASURED, num_ray_points=POINTS_MEASURED),
        training=training,
    )
    judge = Share(step=0, indices=tuple(range(len(held_out))), places=tuple(range(len(held_out))), num_counted=1, batch_size=1)
    test = build_batch(held_out, measured, judge, seed=0, epoch=0, training=False)
    network = stage.network()
    objective, optimizer = Objective(stage, network, {}), new_optimizer(training, network.parameters())
    device = torch.device("cpu")
    rng = np.random.default_rng(seed)

    def measure() -> dict[str, float]:
        network.eval()
        near, rays = [], []
        with torch.no_grad():
            for start in range(0, len(held_out), 4):
                batch = {key: torch.from_numpy(value[start : start + 4]) for key, value in test.items()}
                prediction = network(batch["image"], batch["points"], batch["calibration"])[-1]
                near.append(occupancy_accuracy(prediction[..., :POINTS_MEASURED], batch["labels"][..., :POINTS_MEASURED])[0])
                rays.append(occupancy_accuracy(prediction[..., POINTS_MEASURED:], batch["labels"][..., POINTS_MEASURED:])[0])
        network.train()
        return {"iou": float(torch.cat(near).mean()), "ray_iou": float(torch.cat(rays).mean())}

    curve: list[dict[str, float]] = []
    spent, step = 0.0, 0
    network.train()
    while spent < seconds:
        begin = time.process_time()
        indices = tuple(int(i) for i in rng.choice(len(samples), training.batch_size, replace=False))
        share = Share(step=step, indices=indices, places=indices, num_counted=len(indices), batch_size=len(indices))
        batch = to_tensors(
            build_batch(samples, stage, share, seed=seed, epoch=step, training=True), device=device, channels_last=False
        )
        take_step(objective, optimizer, batch, share, stage=stage, rate=rate_at(training, spent / seconds, step), world_size=1)
        step += 1
        spent += time.process_time() - begin
        if spent >= seconds * (len(curve) + 1) / readings:
            curve.append({"seconds": round(spent, 2), "steps": step, "samples": step * training.batch_size, **measure()})
            print(name, json.dumps(curve[-1]), file=sys.stderr, flush=True)
    parameters = sum(p.numel() for p in network.parameters())
    return {
        "recipe": name,
        "parameters": parameters,
        "batch_size": training.batch_size,
        "held_out_pictures": len(held_out),
        "curve": curve,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a data set of protocol pifu with solid_voxels")
    parser.add_argument("--seconds", type=float, default=360, help="CPU seconds for each recipe (default %(default)s)")
    parser.add_argument("--readings", type=int, default=12, help="times each is measured (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipes", nargs="+", default=["paper", "fast"])
    parser.add_argument("--results", type=Path, default=harness.RESULTS)
    parser.add_argument("--learn", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.learn:
        print(json.dumps(learn(args.data, args.learn, args.seconds, args.readings, args.seed)))
        return
    common = [
        "--data",
        str(args.data),
        "--seconds",
        str(args.seconds),
        "--readings",
        str(args.readings),
        "--seed",
        str(args.seed),
    ]
    running = [
        subprocess.Popen([sys.executable, __file__, *common, "--learn", name], stdout=subprocess.PIPE, text=True)
        for name in args.recipes
    ]
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("a training failed; its message is above")
    curves = [json.loads(output.splitlines()[-1]) for output in outputs]
    document = {
        "benchmark": "fast_recipe",
        "clock": "CPU seconds of each training's process, one thread; measuring not counted",
        "machine": harness.machine(),
        "scaled": {"width": WIDTH, "image_size_px": SIZE_PX, "points_divisor": POINTS_DIVISOR, "precision": "float32"},
        "notes": "Scaled down alike; the full size was not measured.",
        "curves": curves,
    }
    args.results.mkdir(parents=True, exist_ok=True)
    path = args.results / "fast_recipe.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    for curve in curves:
        last = curve["curve"][-1]
        print(f"{curve['recipe']:8s} {last['seconds']:.0f} s, {last['steps']} steps: ", end="")
        print(f"iou {last['iou']:.3f}, along rays {last['ray_iou']:.3f}")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
