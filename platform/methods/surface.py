"""From values on a grid to a mesh worth showing: closed, without specks, with the picture's colours."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt, map_coordinates
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.marching_cubes import marching_cubes
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.grid import Grid


def closed_surface(values: NDArray[np.float32], grid: Grid, *, level: float) -> Mesh:
    """The iso-surface of (nx, ny, nz) values, larger inside. Where the inside reaches the end of the grid it is closed there.

    Without anything inside the mesh is empty.
    """
    vertices, faces = marching_cubes(values, level, origin=grid.minimum, cell_size=grid.cell_size, close_border=True)
    return Mesh(vertices=vertices, faces=faces)


def without_specks(mesh: Mesh, min_share: float) -> tuple[Mesh, int]:
    """Drop every connected part with less than ``min_share`` of the largest part's faces; the mesh and how many were dropped.

    0 keeps everything, 1 only parts as large as the largest.
    """
    if not mesh.num_faces or min_share <= 0:
        return mesh, 0
    edges = mesh.faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    ones = np.ones(len(edges), bool)
    graph = coo_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(mesh.num_vertices, mesh.num_vertices))
    num_parts, part = connected_components(graph, directed=False)
    sizes = np.bincount(part[mesh.faces[:, 0]], minlength=num_parts)
    keep = sizes >= max(1.0, min_share * sizes.max())
    kept_vertices = keep[part]
    renumbered = np.cumsum(kept_vertices, dtype=np.int32) - 1
    faces = renumbered[mesh.faces[kept_vertices[mesh.faces[:, 0]]]]
    colors = None if mesh.vertex_colors is None else mesh.vertex_colors[kept_vertices]
    cleaned = Mesh(vertices=mesh.vertices[kept_vertices], faces=np.ascontiguousarray(faces), vertex_colors=colors)
    return cleaned, int(((sizes > 0) & ~keep).sum())


def coloured_from_picture(mesh: Mesh, picture: NDArray[np.uint8], mask: NDArray[np.bool_], camera: Camera) -> Mesh:
    """Give each vertex the colour of the pixel in front of it, as PIFu does without a colour network."""
    return dataclasses.replace(mesh, vertex_colors=colours_in_front(mesh.vertices, picture, mask, camera))


def colours_in_front(
    points: NDArray[np.float32], picture: NDArray[np.uint8], mask: NDArray[np.bool_], camera: Camera
) -> NDArray[np.uint8]:
    """(N, 3) sRGB: the colour of the pixel in front of each point (N, 3) of the camera's world.

    So what the picture does not show, the back above all, mirrors what is in front of it. The outermost ring of the mask, where
    the background shines through, and everything outside take the colour of the nearest pixel well inside.
    """
    columns, rows, _ = camera.project(points).T
    sure = binary_erosion(mask, iterations=2)
    if not sure.any():
        sure = mask
    height, width = mask.shape
    y0, y1 = _span(np.flatnonzero(mask.any(axis=1)), height)
    x0, x1 = _span(np.flatnonzero(mask.any(axis=0)), width)
    nearest = distance_transform_edt(~sure[y0:y1, x0:x1], return_distances=False, return_indices=True)
    filled = picture[y0:y1, x0:x1][tuple(nearest)]
    where = [np.clip(rows - 0.5 - y0, 0, y1 - y0 - 1), np.clip(columns - 0.5 - x0, 0, x1 - x0 - 1)]
    colors = np.stack([map_coordinates(filled[..., channel].astype(np.float32), where, order=1) for channel in range(3)], 1)
    return np.rint(colors).clip(0, 255).astype(np.uint8)


def _span(marked: NDArray[np.int64], size: int) -> tuple[int, int]:
    """First and one past last marked index with a margin of 4, within [0, size]."""
    return max(0, int(marked[0]) - 4), min(size, int(marked[-1]) + 5)
