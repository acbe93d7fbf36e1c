"""Distances and samples: 100,000 points to a body, 100,000 points to 100,000, 100,000 points drawn from a surface.

Building whatever structure a program needs counts, as evaluation asks every reconstruction once.
"""

from __future__ import annotations

from typing import Any

import harness
import meshes
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vitruvian.geometry.closest_point import chamfer, closest_point
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.sampling import sample_surface

Floats = NDArray[np.float32]


def distance_row(task: str, mesh: Mesh, *, sigma_m: float, count: int, repeats: int) -> dict[str, Any]:
    o3d, igl = harness.require("open3d"), harness.require("igl")
    points = sample_surface(mesh.vertices, mesh.faces, count, 1).points
    points += np.random.default_rng(2).normal(0, sigma_m, points.shape).astype(np.float32)
    vertices, doubles = mesh.vertices.astype(np.float64), points.astype(np.float64)

    def open3d_points() -> Floats:
        scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(o3d.core.Tensor(mesh.vertices), o3d.core.Tensor(mesh.faces.astype(np.uint32)))
        return scene.compute_closest_points(o3d.core.Tensor(points), nthreads=1)["points"].numpy()

    peers = {
        "Open3D compute_closest_points": open3d_points,
        "libigl point_mesh_squared_distance": lambda: igl.point_mesh_squared_distance(doubles, vertices, mesh.faces),
    }
    row = harness.compare(task, lambda: closest_point(mesh.vertices, mesh.faces, points), peers, repeats=repeats)
    ours = closest_point(mesh.vertices, mesh.faces, points).distance
    error = float(np.abs(ours - np.sqrt(peers["libigl point_mesh_squared_distance"]()[0])).max())
    print(f"    largest difference from libigl's distances: {error:.1e} m")
    return row | {"largest_difference_m": error, "points": count, "faces": mesh.num_faces, "sigma_m": sigma_m}


def chamfer_row(task: str, mesh: Mesh, *, count: int, repeats: int) -> dict[str, Any]:
    first, second = (sample_surface(mesh.vertices, mesh.faces, count, seed).points for seed in (1, 2))

    def ours() -> tuple[NDArray[Any], NDArray[Any]]:
        both = chamfer(second, first)
        return both.first_to_second.distance, both.second_to_first.distance

    def scipy() -> tuple[NDArray[Any], NDArray[Any]]:
        return cKDTree(first).query(second)[0], cKDTree(second).query(first)[0]

    row = harness.compare(task, ours, {"scipy cKDTree": scipy}, repeats=repeats)
    error = max(float(np.abs(a - b).max()) for a, b in zip(ours(), scipy(), strict=True))
    print(f"    largest difference from scipy's distances: {error:.1e} m")
    return row | {"largest_difference_m": error, "points": count}


def sampling_row(task: str, mesh: Mesh, *, count: int, repeats: int) -> dict[str, Any]:
    o3d, trimesh = harness.require("open3d"), harness.require("trimesh")
    legacy = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices.astype(np.float64)), o3d.utility.Vector3iVector(mesh.faces)
    )
    plain = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)

    def trimesh_points() -> Any:
        plain._cache.clear()  # areas are part of the work
        return trimesh.sample.sample_surface(plain, count, seed=1)

    peers = {
        "Open3D sample_points_uniformly": lambda: np.asarray(legacy.sample_points_uniformly(count).points),
        "trimesh sample_surface": trimesh_points,
    }
    row = harness.compare(task, lambda: sample_surface(mesh.vertices, mesh.faces, count, 1), peers, repeats=repeats)
    return row | {"points": count, "faces": mesh.num_faces}


def main() -> None:
    parser = harness.arguments(__doc__, repeats=7)
    parser.add_argument("--points", type=int, default=100_000)
    options = parser.parse_args()
    harness.pin(options.core)
    coarse, fine = meshes.body(texture_size_px=4), meshes.fine_body(texture_size_px=4)
    common: dict[str, Any] = {"count": options.points, "repeats": options.repeats}
    rows = [
        distance_row("closest_point", coarse, sigma_m=0.01, **common),
        distance_row("closest_point_5cm", coarse, sigma_m=0.05, **common),
        distance_row("closest_point_440k", fine, sigma_m=0.01, **common),
        chamfer_row("chamfer", coarse, **common),
        sampling_row("sample_surface", coarse, **common),
        sampling_row("sample_surface_440k", fine, **common),
    ]
    packages = ("open3d", "libigl", "scipy", "trimesh")
    harness.write_results("closest_point", rows, packages=packages, folder=options.results, notes=(__doc__ or "").strip())


if __name__ == "__main__":
    main()
