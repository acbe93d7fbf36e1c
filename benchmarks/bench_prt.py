"""Precomputed radiance transfer: ours with a tenth of the rays against the published loop, in time and in error.

The published loop casts 40 batches of 40 random rays from every vertex through trimesh and Embree, even those that begin into
the surface, and adds up the rays that hit nothing. It is timed on --batches of its 40 batches. Both are measured against
20,000 evenly spread directions: the error is that of all nine coefficients, root mean square, relative.
"""

from __future__ import annotations

import argparse

import harness
import numpy as np
from meshes import body
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.prt import NUM_DIRECTIONS, Directions, published_directions, spread_directions, transfer

BATCHES = 40
REFERENCE = 20_000


class PublishedLoop:
    """What the published program does, on a mesh that trimesh has loaded; ``trimesh.ray`` is Embree's."""

    def __init__(self, mesh: Mesh, normals: NDArray[np.float32]) -> None:
        trimesh = harness.require("trimesh")
        harness.require("embreex")
        self.mesh = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        self.normals = normals.astype(np.float64)
        self.origins = mesh.vertices + 1e-3 * np.ptp(mesh.vertices, axis=0).min() * self.normals
        if "embree" not in type(self.mesh.ray).__module__:
            raise SystemExit("trimesh does not use Embree here. Install the peers: pip install -e '.[bench]'")

    def run(self, rays: Directions, batches: int) -> NDArray[np.float64]:
        """(V, 9) from the first ``batches`` of 40 batches."""
        number = len(self.origins)
        total = np.zeros((number, 9))
        for batch in np.split(rays.directions.astype(np.float64), BATCHES)[:batches]:
            directions = np.repeat(batch[None], number, axis=0).reshape(-1, 3)
            origins = np.repeat(self.origins[:, None], len(batch), axis=1).reshape(-1, 3)
            hits = self.mesh.ray.intersects_any(origins, directions).reshape(number, len(batch))
            cosine = self.normals @ batch.T
            x, y, z = batch.T
            basis = [0.282095 + 0 * x, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z]
            basis += [0.315392 * (3 * z * z - 1), 1.092548 * z * x, 0.546274 * (x * x - y * y)]
            total += np.where(hits, 0, np.maximum(cosine, 0)) @ np.stack(basis, axis=1)
        return total * float(rays.weights[0])


def error(found: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Relative root mean square."""
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def one_mesh(task: str, mesh: Mesh, args: argparse.Namespace) -> harness.Row:
    """Time and error on one mesh."""
    normals = mesh.vertex_normals()

    def baked(rays: Directions) -> NDArray[np.float32]:
        return transfer(mesh.vertices, normals, mesh.vertices, mesh.faces, directions=rays)

    truth = baked(spread_directions(REFERENCE))
    draws = [published_directions(*np.random.default_rng(seed).random((2, 40, 40))) for seed in range(5)]
    loop = PublishedLoop(mesh, normals)
    whole = loop.run(draws[0], BATCHES)
    agreement = error(whole, baked(draws[0]))
    row = harness.compare(
        task,
        lambda: baked(spread_directions()),
        {"published loop, trimesh + Embree": lambda: loop.run(draws[0], args.batches)},
        repeats=args.repeats,
        warmup=0,
    )
    scale = BATCHES / args.batches
    errors = [error(baked(rays), truth) for rays in draws]
    row.update(
        peer_s=row["peer_s"] * scale,
        ratio=row["ratio"] * scale,
        peers=[],
        peer_batches_timed=args.batches,
        rays=NUM_DIRECTIONS,
        peer_rays=1600,
        error=error(baked(spread_directions()), truth),
        peer_error_min=min(errors),
        peer_error_max=max(errors),
        difference_of_loop_and_kernel_at_equal_rays=agreement,
        equal_rays_s=min(harness.cpu_seconds(lambda: baked(draws[0])) for _ in range(2)),
        vertices=mesh.num_vertices,
    )
    published = f"published {min(errors):.4f} to {max(errors):.4f}"
    print(f"    error {row['error']:.4f}, {published}; loop and kernel differ by {agreement:.1e}")
    return row


def dressed_person() -> Mesh:
    """A built-in person with clothes and hair: folds, layers and gaps."""
    from vitruvian.datagen.sources.synthetic import SyntheticSource

    source = SyntheticSource(num_subjects=1, seed=0)
    return source.load(source.subject_ids()[0]).mesh


def main() -> None:
    parser = harness.arguments(__doc__, repeats=3)
    parser.add_argument("--batches", type=int, default=4, help="of the loop's 40 batches to time (default %(default)s)")
    args = parser.parse_args()
    harness.pin(args.core)
    rows = [
        one_mesh("prt_vs_published", body(texture_size_px=4), args),
        one_mesh("prt_vs_published_dressed", dressed_person(), args),
    ]
    harness.write_results(
        "prt", rows, packages=("trimesh", "embreex"), folder=args.results, notes="The peer's time is scaled up."
    )


if __name__ == "__main__":
    main()
