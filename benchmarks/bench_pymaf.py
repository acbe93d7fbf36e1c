"""PyMAF's network: a training step, and the bodies of 64 crops, ours against the published code's.

Clone https://github.com/HongwenZhang/PyMAF anywhere and name the folder with ``--pymaf`` (or VITRUVIAN_PYMAF; see
``original_pymaf``). Both have a body of SMPL's sizes made of the same files, and start from the same weights, so that both
compute the same: that their losses and bodies agree is checked before anything is timed.

``training_step``: the published settings on one batch of 224-pixel crops that is in memory, IUV labels drawn beforehand on
both sides: forward, all losses, backward, Adam. ``pose_64``: crops in memory to parameters, vertices, joints and keypoints of
64 people, in passes of 8 as the published demo does and of all 64; the better one counts on either side. Our training keeps
freed memory (``methods/cpu/memory.py``); the peer's time with it is in the details.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np
import original_pymaf

PEOPLE = 64
PASSES = (8, 64)


def our_network(folder: Path, original: original_pymaf.Original) -> Any:
    """Our network on the same body, with the original's weights."""
    from vitruvian.bodies.body_layer import BodySizes
    from vitruvian.bodies.regression_body import read_regression_body
    from vitruvian.methods.pymaf.network import PymafNetwork
    from vitruvian.methods.pymaf.options import PymafNetworkOptions
    from vitruvian.train.memory_format import channels_last_weights

    body = read_regression_body(folder / "smpl", folder)
    network = PymafNetwork(PymafNetworkOptions(body=BodySizes.of(body)), body)
    own, theirs = network.state_dict(), original.network.state_dict()
    first = {name: theirs[f"regressor.0.{name}"] for name in ("init_pose", "init_shape", "init_cam")}
    body_arrays = {name: value for name, value in own.items() if name.startswith("body.")}
    network.load_state_dict({name: theirs[name] for name in own if name in theirs} | first | body_arrays)
    channels_last_weights(network)
    return network


def made_up_batch(size: int) -> dict[str, Any]:
    """Random crops and labels, everything known of everybody."""
    import torch

    rng = np.random.default_rng(0)

    def values(*shape: int) -> Any:
        return torch.from_numpy(rng.standard_normal((size, *shape)).astype(np.float32))

    iuv = torch.zeros(size, 3, 56, 56)
    iuv[:, 0, 8:48, 18:38] = torch.from_numpy(rng.integers(1, 25, (size, 40, 20)).astype(np.float32)) / 24
    iuv[:, 1:, 8:48, 18:38] = torch.from_numpy(rng.random((size, 2, 40, 20), np.float32))
    ones = torch.ones(size)
    return {
        "image": values(3, 224, 224),
        "keypoints": torch.cat([0.4 * values(49, 2), torch.ones(size, 49, 1)], 2),
        "joints": torch.cat([0.4 * values(24, 3), torch.ones(size, 24, 1)], 2),
        "pose": 0.2 * values(72),
        "betas": 0.5 * values(10),
        "has_smpl": ones,
        "has_joints": ones,
        "iuv": iuv,
        "has_iuv": ones,
    }


def their_batch(batch: dict[str, Any]) -> dict[str, Any]:
    """The same under the published names."""
    import torch

    size = len(batch["image"])
    return {
        "img": batch["image"],
        "keypoints": batch["keypoints"],
        "pose": batch["pose"],
        "betas": batch["betas"],
        "pose_3d": batch["joints"],
        "has_smpl": torch.ones(size, dtype=torch.uint8),
        "has_pose_3d": torch.ones(size, dtype=torch.uint8),
        "is_flipped": torch.zeros(size),
        "rot_angle": torch.zeros(size),
        "dataset_name": ["coco"] * size,
        "sample_index": torch.arange(size),
    }


def steps(original: original_pymaf.Original, network: Any, size: int) -> tuple[Callable[[], float], Callable[[], float]]:
    """One step each; the loss before it is what they return."""
    import torch

    from vitruvian.methods.pymaf.recipes import RECIPES
    from vitruvian.train.loader import Share
    from vitruvian.train.rivals import stage_optimizer
    from vitruvian.train.step import Objective, take_step

    batch = made_up_batch(size)
    named = their_batch(batch)
    trainer = original.trainer(batch["iuv"])
    (stage,) = RECIPES["eft"]().stages
    network.train()
    objective, optimizer = Objective(stage, network, {}), stage_optimizer(stage, network)
    share = Share(step=0, indices=(), places=(), num_counted=size, batch_size=size)

    def ours() -> float:
        torch.manual_seed(0)
        return float(take_step(objective, optimizer, batch, share, stage=stage, rate=5e-5, world_size=1)["loss"])

    def theirs() -> float:
        torch.manual_seed(0)
        return float(trainer.train_step(named)["losses"]["loss"])

    return ours, theirs


def timed_steps(args: Any, folder: Path, clone: Path) -> harness.Row:
    """The row of training."""
    from vitruvian.methods.cpu.memory import keep_freed_memory, return_freed_memory

    original = original_pymaf.Original(clone, folder)
    network = our_network(folder, original)
    for module in [*original.network.modules(), *network.modules()]:  # dropout draws would differ
        if hasattr(module, "dropout"):
            module.dropout = 0.0
        if type(module).__name__ == "Dropout":
            module.p = 0.0
    ours, theirs = steps(original, network, args.batch)
    first, wanted = ours(), theirs()
    if abs(first - wanted) > 1e-3 * wanted:
        raise SystemExit(f"the losses of the first step differ: ours {first}, the published code's {wanted}")
    print(f"loss of the first step: ours {first:.5f}, the published code's {wanted:.5f}")

    def work() -> float:
        keep_freed_memory()
        return ours()

    def as_published() -> float:
        return_freed_memory()
        return theirs()

    def keeping_memory() -> float:
        keep_freed_memory()
        return theirs()

    peers = {"the original's step": as_published, "the original's step, keeping freed memory": keeping_memory}
    row = harness.compare("training_step", work, peers, repeats=args.repeats)
    return {**row, "batch": args.batch, "first_loss": first, "peer_first_loss": wanted}


def timed_poses(args: Any, folder: Path, clone: Path) -> harness.Row:
    """The row of 64 crops."""
    import torch

    original = original_pymaf.Original(clone, folder)
    network = our_network(folder, original)
    original.network.eval(), network.eval()
    images = made_up_batch(PEOPLE)["image"]
    ours_in, theirs_in = our_passes(network, images), their_passes(original, images)
    for ours, theirs in zip(ours_in[8](), theirs_in[8](), strict=True):
        if float((ours - theirs).abs().max()) > 1e-3:
            raise SystemExit("the bodies differ from the published code's")
    del ours, theirs
    torch.manual_seed(0)
    best = min(PASSES, key=lambda size: harness.cpu_seconds(ours_in[size]))
    peers = {f"the original, {size} in a pass": theirs_in[size] for size in PASSES}
    row = harness.compare("pose_64", ours_in[best], peers, repeats=args.repeats, warmup=0)
    return {**row, "in_a_pass": best}


def our_passes(network: Any, images: Any) -> dict[int, Callable[[], Any]]:
    """(64, 85) parameters, vertices, joints and keypoints, by how many go together."""
    import torch

    from vitruvian.methods.cpu.fits import laid_out
    from vitruvian.methods.pymaf.inference import for_inference

    ready = for_inference(network)

    def work(size: int) -> Callable[[], Any]:
        def run() -> Any:
            found = []
            with torch.inference_mode():
                for piece in images.split(size):
                    last = ready(laid_out(piece), surfaces="last", iuv=False).estimates[-1]
                    found.append((last.theta(), last.vertices, last.joints, last.keypoints))
            return [torch.cat(parts) for parts in zip(*found, strict=True)]

        return run

    return {size: work(size) for size in PASSES}


def their_passes(original: original_pymaf.Original, images: Any) -> dict[int, Callable[[], Any]]:
    """The same of the published network."""
    import torch

    def work(size: int) -> Callable[[], Any]:
        def run() -> Any:
            found = []
            with torch.no_grad():
                for piece in images.split(size):
                    last = original.network(piece)[0]["smpl_out"][-1]
                    found.append(tuple(last[name] for name in ("theta", "verts", "kp_3d", "kp_2d")))
            return [torch.cat(parts) for parts in zip(*found, strict=True)]

        return run

    return {size: work(size) for size in PASSES}


def main() -> None:
    parser = harness.arguments(__doc__, repeats=7)
    original_pymaf.add_arguments(parser)
    parser.add_argument("--batch", type=int, default=8, help="samples of a training step (default %(default)s)")
    parser.add_argument("--tasks", nargs="*", default=["training_step", "pose_64"], help="which of the two (default both)")
    args = parser.parse_args()
    clone = original_pymaf.find(args)
    harness.pin(args.core)
    import torch

    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        works = {"training_step": timed_steps, "pose_64": timed_poses}
        for task in args.tasks:
            rows.append(works[task](args, original_pymaf.write_body(Path(place) / task), clone))
    notes = "CPU seconds of one core, in turns; a ratio is the published code's time over ours"
    harness.write_results("pymaf", rows, packages=("torch", "smplx"), folder=args.results, notes=notes)


if __name__ == "__main__":
    main()
