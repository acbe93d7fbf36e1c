"""One picture to a mesh with the ``paper`` network at 256^3: ours against the published routine, with the same weights.

A network that has learned nothing has no person in its field, and training the published size takes days. So the image filter
stays as it is initialised, and only the point MLP is fitted, to the labelled points of the one person that is reconstructed,
until its field is that person's. The published routine (see ``original_code``) gets these weights and evaluates as it does by
default, by its octree. Both start from the prepared picture and include the filter and marching cubes. CPU time of one core;
the distance of the two meshes, in voxels, is in the details.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import bench_loader
import harness
import numpy as np
import original_code


def fitted(sample: dict[str, Any], steps: int, points_a_step: int) -> Any:
    """The published network whose MLP knows this one person."""
    import torch
    from torch.nn import functional

    from vitruvian.methods.pifu.network import PifuShapeNetwork
    from vitruvian.methods.pifu.options import NetworkOptions
    from vitruvian.methods.pifu.project import depth_feature, orthogonal

    torch.manual_seed(0)
    options = NetworkOptions()
    network = PifuShapeNetwork(options).eval()
    mlp = network.surface_classifier
    for module in mlp.children():
        torch.nn.init.kaiming_normal_(module.weight, a=0.01)
    points, matrix = torch.from_numpy(sample["points"])[None], torch.from_numpy(sample["calibration"])[None]
    labels = torch.from_numpy(sample["labels"])[None]
    with torch.no_grad():
        maps = network.features(torch.from_numpy(sample["image"])[None])
        placed = orthogonal(points, matrix)
        depth = depth_feature(placed[:, 2:3], load_size_px=options.load_size_px, z_size=options.z_size)
        seen = torch.cat([maps.read(-1, placed[:, :2], align_corners=True), depth], dim=1)
    optimizer = torch.optim.AdamW(mlp.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        chosen = torch.randint(seen.shape[2], (points_a_step,), generator=generator)
        loss = functional.binary_cross_entropy_with_logits(mlp(seen[..., chosen]), labels[..., chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"fitting: step {step}, loss {loss.item():.3f}", flush=True)
    return network


def main() -> None:
    parser = harness.arguments(__doc__, repeats=1)
    original_code.add_arguments(parser)
    parser.add_argument("--resolution", type=int, default=256, help="grid points a side (default %(default)s)")
    parser.add_argument("--fit-steps", type=int, default=300, help="steps that fit the MLP (default %(default)s)")
    parser.add_argument("--fit-points", type=int, default=1500, help="points a step (default %(default)s)")
    args = parser.parse_args()
    folders = original_code.find(args)
    if "pifu" not in folders:
        raise SystemExit("This benchmark needs the clone of PIFu: --pifu DIR.")
    harness.pin(args.core)

    import torch

    from vitruvian.geometry.closest_point import chamfer
    from vitruvian.methods.fields.options import FieldOptions
    from vitruvian.methods.pifu.reconstruct import Y_DOWN, PifuReconstructor
    from vitruvian.methods.pifu.samples import SampleOptions, shape_sample
    from vitruvian.methods.weights import Card
    from vitruvian.shards.dataset import ShardDataset

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = bench_loader.make_data("pifu", Path(folder) / "data", people=1, views=1)
        stored = ShardDataset(data, items=("rgb", "mask", "query_points"), verify="size")[0]
    whole = SampleOptions(num_points=len(stored["query_points"]))
    sample = shape_sample(stored, whole, np.random.default_rng(0), training=False)
    network = fitted(sample, args.fit_steps, args.fit_points)

    original = original_code.Original("pifu", folders["pifu"])
    measure = harness.require("skimage.measure")
    measure.marching_cubes_lewiner = measure.marching_cubes  # renamed since
    theirs = original.module("lib.model").HGPIFuNet(original.options(), "orthogonal").eval()
    theirs.load_state_dict(network.state_dict())
    routine = original.module("lib.mesh_util").reconstruction
    image = torch.from_numpy(sample["image"])[None]
    to_image = torch.from_numpy(Y_DOWN.astype(np.float32))[None]

    @torch.no_grad()
    def published() -> Any:
        theirs.filter(image)
        return routine(theirs, "cpu", to_image, args.resolution, np.full(3, -1.0), np.full(3, 1.0), use_octree=True)

    card = Card(method="pifu", stage="shape", recipe="paper", options={})
    options = FieldOptions(resolution=args.resolution, min_part=0.0, colours="none")
    reconstructor = PifuReconstructor(network, card, image_size_px=512, options=options)
    kept: dict[str, Any] = {}

    def ours() -> Any:
        kept["ours"] = reconstructor.reconstruct(stored["rgb"], stored["mask"], camera=stored["camera"])

    def peer() -> Any:
        kept["peer"] = published()

    row = harness.compare("reconstruct_pifu", ours, {"the original's octree": peer}, repeats=args.repeats, warmup=0)
    found = kept["ours"]
    to_box = np.linalg.inv(Y_DOWN) @ sample["calibration"].astype(np.float64)
    mine = found.mesh.transformed(to_box).vertices
    between = chamfer(mine, np.ascontiguousarray(kept["peer"][0], np.float32))
    row["distance_voxels"] = between.mean_distance / (2 / args.resolution)
    row["vertices"], row["peer_vertices"] = len(mine), len(kept["peer"][0])
    row["evaluated"], row["timings_s"] = found.details["num_evaluated"], found.timings_s
    notes = f"frozen filter, MLP fitted to one person in {args.fit_steps} steps of {args.fit_points} points"
    harness.write_results("reconstruction", [row], packages=("torch", "scikit-image"), folder=args.results, notes=notes)
    print(f"mean distance of the meshes: {row['distance_voxels']:.3f} voxels")


if __name__ == "__main__":
    main()
