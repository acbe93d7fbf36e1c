"""Inside tests: 100,000 points around a body, sixteen near the surface for each uniform one, as PIFu draws them.

The truth is libigl's exact winding number (the sum of the solid angles of all faces), above one half. On the closed body the
time is compared with the fastest peer; on the bodies with holes with the fastest peer that is right there. Building whatever
structure a program needs counts: a pose is asked once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import harness
import meshes
import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.occupancy import occupancy
from vitruvian.geometry.sampling import sample_surface

Labels = NDArray[np.bool_]


def points_around(mesh: Mesh, *, sigma_m: float, count: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    num_uniform = count // 17
    near = sample_surface(mesh.vertices, mesh.faces, count - num_uniform, seed).points
    near += rng.normal(0, sigma_m, near.shape).astype(np.float32)
    low, high = mesh.vertices.min(0) - 0.05, mesh.vertices.max(0) + 0.05
    points = np.concatenate([near, rng.uniform(low, high, (num_uniform, 3)).astype(np.float32)])
    return np.ascontiguousarray(rng.permutation(points))


def programs(mesh: Mesh, points: NDArray[np.float32]) -> dict[str, Callable[[], Labels]]:
    """Ours under the empty name, and the peers."""
    o3d, igl = harness.require("open3d"), harness.require("igl")
    vertices, doubles = mesh.vertices.astype(np.float64), points.astype(np.float64)

    def open3d_labels() -> Labels:
        scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(o3d.core.Tensor(mesh.vertices), o3d.core.Tensor(mesh.faces.astype(np.uint32)))
        return scene.compute_occupancy(o3d.core.Tensor(points), nthreads=1, nsamples=1).numpy() > 0.5

    def igl_labels() -> Labels:
        return np.asarray(igl.fast_winding_number(vertices, mesh.faces.astype(np.int64), doubles)) > 0.5

    return {
        "": lambda: occupancy(mesh.vertices, mesh.faces, points),
        "Open3D RaycastingScene": open3d_labels,
        "libigl fast winding number": igl_labels,
    }


def row_of(task: str, mesh: Mesh, *, sigma_m: float, count: int, repeats: int) -> dict[str, Any]:
    igl = harness.require("igl")
    points = points_around(mesh, sigma_m=sigma_m, count=count, seed=1)
    exact = igl.winding_number(mesh.vertices.astype(np.float64), mesh.faces, points.astype(np.float64))
    runs = programs(mesh, points)
    wrong = {name: int(np.count_nonzero(run() != (exact > 0.5))) for name, run in runs.items()}
    row = harness.compare(task, runs[""], {name: run for name, run in runs.items() if name}, repeats=repeats)
    for peer in row["peers"]:
        peer["disagreements"] = wrong[peer["peer"]]
    if not task.startswith("occupancy_closed"):  # only a peer that is right counts
        best = min((peer for peer in row["peers"] if peer["disagreements"] <= count // 10_000), key=lambda peer: peer["peer_s"])
        row.update(peer=best["peer"], peer_s=best["peer_s"], ratio=best["peer_s"] / row["ours_s"])
    print("    labels that differ from the exact winding number's:", {name or "ours": number for name, number in wrong.items()})
    return row | {"disagreements": wrong[""], "points": count, "faces": mesh.num_faces, "sigma_m": sigma_m}


def main() -> None:
    parser = harness.arguments(__doc__, repeats=9)
    parser.add_argument("--points", type=int, default=100_000)
    options = parser.parse_args()
    harness.pin(options.core)
    rows = []
    for task, mesh in (("occupancy_closed", meshes.body(texture_size_px=4)), ("occupancy_holed", meshes.holed_body())):
        for suffix, sigma_m in (("", 0.05), ("_5mm", 0.005)):
            rows.append(row_of(task + suffix, mesh, sigma_m=sigma_m, count=options.points, repeats=options.repeats))
    rows.append(row_of("occupancy_torn", meshes.torn_body(), sigma_m=0.05, count=options.points, repeats=options.repeats))
    harness.write_results(
        "occupancy", rows, packages=("open3d", "libigl"), folder=options.results, notes=(__doc__ or "").strip()
    )


if __name__ == "__main__":
    main()
