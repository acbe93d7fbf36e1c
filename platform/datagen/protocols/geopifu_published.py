"""What Geo-PIFu's renderer does to its pictures beside drawing them, for data that must match the published ones.

The original draws silhouettes over the picture: lines, one pixel wide, along mesh edges between a triangle that faces the
camera and one that does not. It decides that with rays from the point (0, 0, -2) though its camera is orthographic, so that
lines also run beside the silhouette. And it reads weights of corners back from a picture of 8 bits a channel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from vitruvian.datagen.items.mesh import baked_colors
from vitruvian.datagen.lights.points import PointLights
from vitruvian.datagen.view import View
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.interpolate import interpolated
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import GBuffer, render

EYE = np.array([0.0, 0.0, 2.0])
"""In units of the draw, in axes of our camera frame (z to the viewer)."""
HIDDEN_UNITS = 1e-3
"""A line farther than this behind the farthest surface in the pixels around it is hidden."""
GREY = 128


def neighbours(faces_f3: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Edges (E, 2) of two faces, as vertices in the order of the first face, and these two faces (E, 2)."""
    face = np.repeat(np.arange(len(faces_f3)), 3)
    edges = np.stack([faces_f3, np.roll(faces_f3, -1, axis=1)], axis=-1).reshape(-1, 2).astype(np.int64)
    low, high = edges.min(axis=1), edges.max(axis=1)
    order = np.lexsort((face, high, low))
    same = (low[order][1:] == low[order][:-1]) & (high[order][1:] == high[order][:-1])
    first, second = order[:-1][same], order[1:][same]
    return edges[first], np.stack([face[first], face[second]], axis=1)


def silhouette_lines(
    vertices_m: NDArray[Any], faces_f3: NDArray[np.int32], camera: Camera, units_per_metre: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The edges (E, 2) that the original draws, and the face (E,) that it sees of each."""
    points = camera.to_camera(vertices_m) * units_per_metre
    a, b, c = (points[faces_f3[:, k]] for k in range(3))
    seen = np.einsum("fc,fc->f", np.cross(b - a, c - a), a - EYE) < 0
    edges, pairs = neighbours(faces_f3)
    contour = seen[pairs[:, 0]] != seen[pairs[:, 1]]
    return edges[contour], np.where(seen[pairs[contour, 0]], pairs[contour, 0], pairs[contour, 1])


def drawn_over(
    gbuffer: GBuffer, vertices_m: NDArray[Any], faces_f3: NDArray[np.int32], camera: Camera, units_per_metre: float
) -> GBuffer:
    """``mask``, ``face_id`` and ``barycentrics`` with the lines; ``gbuffer`` has face_id, barycentrics and depth_m.

    A pixel of a line shows the edge's point beside it. (In the original its face is any that has an edge there.)
    """
    edges, face_of_edge = silhouette_lines(vertices_m, faces_f3, camera, units_per_metre)
    projected = camera.project(vertices_m)
    column, row, depth, edge, share = line_pixels(projected[edges[:, 0]], projected[edges[:, 1]])
    height, width = gbuffer.face_id.shape
    around = maximum_filter(gbuffer.depth_m, 3)
    shown = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    shown[shown] = depth[shown] <= around[row[shown], column[shown]] + HIDDEN_UNITS / units_per_metre
    order = np.flatnonzero(shown)[np.argsort(-depth[shown], kind="stable")]  # the nearest line is written last
    row, column, edge, share = row[order], column[order], edge[order], share[order, None]
    face_id, weights = gbuffer.face_id.copy(), gbuffer.barycentrics.copy()
    face = face_of_edge[edge]
    face_id[row, column] = face
    weights[row, column] = (faces_f3[face] == edges[edge, :1]) * (1 - share) + (faces_f3[face] == edges[edge, 1:]) * share
    return replace(gbuffer, mask=face_id >= 0, face_id=face_id, barycentrics=weights)


def eight_bits(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights as the original reads them back: multiples of 1/255 that sum to nearly one."""
    return np.rint(weights * np.float32(255.0)) / np.float32(255.0)


def draw_published(
    mesh: Mesh, view: View, units_per_metre: float, *, file_normals: NDArray[np.float32] | None = None
) -> GBuffer:
    """The G-buffer of a view as the original has it: ``mask``, ``coverage``, ``depth_m``, ``face_id``, ``barycentrics`` (of 8
    bits), ``color`` and ``normal`` (of the file, where it has any). Meshes have vertex colours there; a texture is baked, and
    without either they are grey."""
    if not isinstance(view.light, PointLights):
        raise ValueError("draw_published: the original has lamps only.")
    baked = baked_colors(mesh)
    colors = np.full((mesh.num_vertices, 3), GREY, np.uint8) if baked is None else baked
    normals = mesh.vertex_normals()
    filled = render(mesh, view.camera, fields=("face_id", "barycentrics", "depth_m"))
    lined = drawn_over(filled, mesh.vertices, mesh.faces, view.camera, units_per_metre)
    lit = np.minimum(view.light.irradiance(mesh.vertices, normals, view.camera) * (colors / 255.0), 1.0)
    rough = replace(lined, barycentrics=eight_bits(lined.barycentrics))
    shown = normals if file_normals is None else file_normals
    normal = interpolated((shown @ view.camera.rotation_33.T).astype(np.float32), mesh.faces, rough)
    length = np.sqrt(np.einsum("hwc,hwc->hw", normal, normal))[..., None]
    return replace(
        rough,
        coverage=lined.mask.astype(np.float32),
        color=interpolated(lit.astype(np.float32), mesh.faces, lined),
        normal=np.divide(normal, length, out=np.zeros_like(normal), where=length > 0),
    )


def line_pixels(
    start_e3: NDArray[np.float64], end_e3: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Pixels of lines one pixel wide between (column, row, depth): column, row, depth, which line, share of its end.

    A line that is rather level has a pixel in each column whose centre it passes, a steep one in each row.
    """
    span = end_e3[:, :2] - start_e3[:, :2]
    steep = np.abs(span[:, 1]) > np.abs(span[:, 0])
    axis = steep.astype(int)
    line = np.arange(len(start_e3))
    from_, to = start_e3[line, axis], end_e3[line, axis]
    low, high = np.ceil(np.minimum(from_, to) - 0.5).astype(np.int64), np.ceil(np.maximum(from_, to) - 0.5).astype(np.int64)
    count = high - low
    which = np.repeat(line, count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    major = low[which] + offset
    share = (major + 0.5 - from_[which]) / (to - from_)[which]
    other = start_e3[which, 1 - axis[which]] + share * span[which, 1 - axis[which]]
    minor = np.floor(other).astype(np.int64)
    depth = start_e3[which, 2] + share * (end_e3 - start_e3)[which, 2]
    column, row = np.where(steep[which], minor, major), np.where(steep[which], major, minor)
    return column, row, depth, which, share
