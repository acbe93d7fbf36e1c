"""Solid voxels of a person, 128 x 192 x 128 cells (y up), by cell centres, against VTK.

VTK marks the same cells with vtkPolyDataToImageStencil. Extra rows have the finer mesh and the shell-and-fill rule.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from harness import arguments, compare, pin, require, write_results
from meshes import body, fine_body
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.voxelize import voxelize

RESOLUTION = (128, 192, 128)


def main() -> None:
    parser = arguments(__doc__, repeats=9)
    options = parser.parse_args()
    pin(options.core)
    rows = []
    for task, mesh in (("voxelize", body()), ("voxelize_440k", fine_body())):
        cell_size = 1.05 * float(np.ptp(mesh.vertices[:, 1])) / RESOLUTION[1]
        middle = (mesh.vertices.max(0) + mesh.vertices.min(0)) / 2
        origin = middle - np.array(RESOLUTION) * cell_size / 2

        def ours(mesh: Mesh = mesh, origin: NDArray[np.float64] = origin, cell_size: float = cell_size) -> NDArray[np.bool_]:
            return voxelize(mesh.vertices, mesh.faces, origin=origin, cell_size=cell_size, resolution=RESOLUTION, rule="center")

        stencil = vtk_stencil(mesh, origin, cell_size)
        different = int((ours() != stencil()).sum())
        print(f"{task}: {mesh.num_faces} triangles, {int(ours().sum())} solid cells, {different} differ from VTK's")
        row = compare(task, ours, {"vtkPolyDataToImageStencil": stencil}, repeats=options.repeats)
        rows.append({**row, "different_cells": different})
    write_results("voxelize", rows, packages=["vtk"], folder=options.results, notes=f"{RESOLUTION} cells, mesh in memory")


def vtk_stencil(mesh: Mesh, origin: NDArray[np.float64], cell_size: float) -> Callable[[], NDArray[np.bool_]]:
    """A callable that gives VTK's solid cells of the mesh, whose poly data is made beforehand."""
    require("vtk")
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    points = vtkPoints()
    points.SetData(numpy_to_vtk(mesh.vertices, deep=True))
    cells = vtkCellArray()
    offsets = numpy_to_vtkIdTypeArray(np.arange(0, 3 * mesh.num_faces + 1, 3, dtype=np.int64), deep=True)
    cells.SetData(offsets, numpy_to_vtkIdTypeArray(mesh.faces.ravel().astype(np.int64), deep=True))

    def run() -> NDArray[np.bool_]:
        polygons = vtkPolyData()
        polygons.SetPoints(points)
        polygons.SetPolys(cells)
        to_stencil = vtkPolyDataToImageStencil()
        to_stencil.SetInputData(polygons)
        to_stencil.SetTolerance(0)
        to_stencil.SetOutputOrigin(*(origin + cell_size / 2))
        to_stencil.SetOutputSpacing(cell_size, cell_size, cell_size)
        to_stencil.SetOutputWholeExtent(0, RESOLUTION[0] - 1, 0, RESOLUTION[1] - 1, 0, RESOLUTION[2] - 1)
        to_image = vtkImageStencilToImage()
        to_image.SetInputConnection(to_stencil.GetOutputPort())
        to_image.SetOutputScalarTypeToUnsignedChar()
        to_image.SetInsideValue(1)
        to_image.SetOutsideValue(0)
        to_image.Update()
        values = vtk_to_numpy(to_image.GetOutput().GetPointData().GetScalars())
        return np.ascontiguousarray(values.reshape(RESOLUTION[::-1]).transpose(2, 1, 0)).view(np.bool_)

    return run


if __name__ == "__main__":
    main()
