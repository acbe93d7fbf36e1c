"""Iso-surfaces of a person's occupancy field on a grid of 256^3, as a network's output would be: solid voxels, blurred."""

from __future__ import annotations

from typing import Any

import harness
import meshes
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from vitruvian.geometry.marching_cubes import marching_cubes
from vitruvian.geometry.voxelize import voxelize

Surface = tuple[NDArray[Any], NDArray[Any]]


def field(resolution: int) -> NDArray[np.float32]:
    """Values from 0 to 1 over a cube of 2 m around the body, axes x, y, z."""
    mesh, cell_size = meshes.body(texture_size_px=4), 2.0 / resolution
    origin = np.array([-1.0, -0.1, -1.0])
    solid = voxelize(mesh.vertices, mesh.faces, origin=origin, cell_size=cell_size, resolution=(resolution,) * 3, rule="center")
    return np.ascontiguousarray(gaussian_filter(solid.astype(np.float32), 1.2 * resolution / 256))


def edges_shared_by_two_faces(faces: NDArray[Any]) -> float:
    """The share of edges that have exactly two faces; 1 for a closed manifold."""
    edges = np.sort(np.asarray(faces)[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1).astype(np.int64)
    _, uses = np.unique(edges[:, 0] << 32 | edges[:, 1], return_counts=True)
    return float((uses == 2).mean())


def vtk_flying_edges(volume: NDArray[np.float32]) -> Any:
    vtk, support = harness.require("vtk"), harness.require("vtk.util.numpy_support")
    vtk.vtkSMPTools.SetBackend("Sequential")
    image = vtk.vtkImageData()
    image.SetDimensions(volume.shape[::-1])  # VTK's first axis varies fastest
    image.GetPointData().SetScalars(support.numpy_to_vtk(volume.ravel()))

    def run() -> Surface:
        flying_edges = vtk.vtkFlyingEdges3D()
        flying_edges.SetInputData(image)
        flying_edges.SetValue(0, 0.5)
        flying_edges.ComputeNormalsOff()
        flying_edges.ComputeGradientsOff()
        flying_edges.ComputeScalarsOff()
        flying_edges.Update()
        surface = flying_edges.GetOutput()
        faces = support.vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3)
        return support.vtk_to_numpy(surface.GetPoints().GetData()), faces

    return run


def main() -> None:
    parser = harness.arguments(__doc__, repeats=15)
    options = parser.parse_args()
    harness.pin(options.core)
    measure = harness.require("skimage.measure")
    rows = []
    for resolution in (256, 512):
        volume = field(resolution)
        kept: list[Surface] = [marching_cubes(volume, 0.5)]
        peers = {"VTK FlyingEdges3D": vtk_flying_edges(volume)}
        if resolution == 256:
            peers["scikit-image marching_cubes"] = lambda volume=volume: measure.marching_cubes(volume, 0.5)  # type: ignore[misc]
        row = harness.compare(
            f"marching_cubes_{resolution}", lambda volume=volume: marching_cubes(volume, 0.5), peers, repeats=options.repeats
        )
        vertices, faces = kept[0]
        row |= {"faces": len(faces), "vertices": len(vertices), "edges_with_two_faces": edges_shared_by_two_faces(faces)}
        row["vtk_faces"] = len(peers["VTK FlyingEdges3D"]()[1])
        print(f"    {len(faces)} faces (VTK {row['vtk_faces']}), share of manifold edges {row['edges_with_two_faces']}")
        rows.append(row)
    harness.write_results(
        "marching_cubes", rows, packages=("vtk", "scikit-image"), folder=options.results, notes=(__doc__ or "").strip()
    )


if __name__ == "__main__":
    main()
