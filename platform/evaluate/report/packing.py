"""Meshes made small enough to lie inside a page: fewer faces, quantised, delta-coded, compressed, as base64 text.

Layout of the inflated bytes, little planes one after another so that they compress well; V vertices, F faces, all integers
unsigned and modulo their width. ``viewer.js`` reads exactly this:

    x, y, z        per axis V low bytes, then V high bytes: 16-bit steps of ``step`` from ``low``, each minus the one before
    normals        2 V bytes: octahedral code, first all of the first coordinate, then the second
    colours        3 V bytes: red, green, blue planes, each minus the one before
    distances      V bytes a layer: distance to another surface, 0 to ``DISTANCE_LIMIT_CM`` as 0 to 255
    corners        3 F low bytes, then 3 F high bytes: vertex indices, each minus the one before
"""

from __future__ import annotations

import base64
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh

DISTANCE_LIMIT_CM = 10.0
BYTES_PER_FACE = 9.0
"""About what a face costs on the page, with its half of a vertex."""
MIN_FACES, MAX_FACES = 4_000, 90_000
NO_COLOR = (200, 195, 188)


class Painted(NamedTuple):
    """A surface with what is shown on it, all per vertex."""

    vertices: NDArray[np.float32]
    """(V, 3) metres."""
    faces: NDArray[np.int32]
    normals: NDArray[np.float32]
    """(V, 3) unit."""
    colors: NDArray[np.uint8]
    """(V, 3) sRGB."""
    distance_cm: NDArray[np.float32]
    """(V, L) to other surfaces, one layer each."""


def painted(mesh: Mesh, distance_cm: NDArray[np.floating]) -> Painted:
    """The mesh with its own normals and colours and (V,) or (V, L) distances, without vertices that no face uses."""
    colors = mesh.vertex_colors
    if colors is None:
        colors = np.broadcast_to(np.array(NO_COLOR, np.uint8), (mesh.num_vertices, 3))
    layers = np.asarray(distance_cm, np.float32).reshape(mesh.num_vertices, -1)
    whole = Painted(mesh.vertices, mesh.faces, mesh.vertex_normals(), colors, layers)
    return _used_only(whole, mesh.faces)


def face_budget(num_meshes: int, megabytes: float) -> int:
    """How many faces each of ``num_meshes`` meshes may have so that all take about ``megabytes`` of page."""
    return int(np.clip(1e6 * megabytes / max(1, num_meshes) / BYTES_PER_FACE, MIN_FACES, MAX_FACES))


def simplified(surface: Painted, max_faces: int) -> Painted:
    """At most ``max_faces`` faces: vertices that share a cell of a grid become their mean; the grid is as fine as allowed.

    16-bit indices also bound the vertices to 65,535.
    """
    if len(surface.faces) <= max_faces and len(surface.vertices) <= 0xFFFF:
        return surface
    corners = surface.vertices[surface.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    cell = np.sqrt(area / max_faces)
    while True:
        result = _clustered(surface, cell)
        if len(result.faces) <= max_faces and len(result.vertices) <= 0xFFFF:
            return result
        cell *= max(1.03, 0.995 * np.sqrt(len(result.faces) / max_faces))


def packed(surface: Painted) -> dict[str, Any]:
    """JSON-ready: counts, frame and the bytes described above. Raises ``ValueError`` above 65,535 vertices."""
    count = len(surface.vertices)
    if count == 0 or count > 0xFFFF:
        raise ValueError(f"packed: the mesh has {count} vertices; it must have 1 to 65535. Simplify it first.")
    surface = _in_spatial_order(surface)
    low = surface.vertices.min(axis=0).astype(np.float64)
    step = max(float((surface.vertices.max(axis=0) - low).max()), 1e-6) / 0xFFFF
    grid = np.rint((surface.vertices - low) / step).astype(np.uint16)
    distances = np.rint(np.clip(surface.distance_cm / DISTANCE_LIMIT_CM, 0, 1) * 255).astype(np.uint8)
    planes = [
        *(_planes(_delta(grid[:, axis])) for axis in range(3)),
        *_octahedral(surface.normals).T,
        *(_delta(surface.colors[:, channel]) for channel in range(3)),
        *distances.T,
        _planes(_delta(surface.faces.ravel().astype(np.uint16))),
    ]
    raw = b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)
    return {
        "vertices": count,
        "faces": len(surface.faces),
        "low": [round(float(value), 6) for value in low],
        "step": step,
        "layers": distances.shape[1],
        "limit": DISTANCE_LIMIT_CM,
        "data": base64.b64encode(zlib.compress(raw, 9)).decode("ascii"),
    }


def _delta(values: NDArray[Any]) -> NDArray[Any]:
    return np.diff(values, prepend=values.dtype.type(0))  # unsigned: wraps


def _planes(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return np.concatenate([(values & 0xFF).astype(np.uint8), (values >> 8).astype(np.uint8)])


def _octahedral(normals: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(V, 2) codes of unit normals (Meyer et al., *On floating-point normal vectors*, 2010)."""
    length = np.abs(normals).sum(axis=1, keepdims=True)
    folded = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    flat = folded[:, :2]
    sign = np.where(flat >= 0, 1.0, -1.0)
    flat = np.where(folded[:, 2:] >= 0, flat, (1 - np.abs(flat[:, ::-1])) * sign)
    return np.rint((flat * 0.5 + 0.5) * 255).astype(np.uint8)


def _clustered(surface: Painted, cell: float) -> Painted:
    low = surface.vertices.min(axis=0)
    cells = np.floor((surface.vertices - low) / cell).astype(np.int64)
    size = cells.max(axis=0) + 1
    keys = (cells[:, 1] * size[2] + cells[:, 2]) * size[0] + cells[:, 0]
    _, group, counts = np.unique(keys, return_inverse=True, return_counts=True)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        columns = values.reshape(len(values), -1)
        sums = [np.bincount(group, columns[:, k], len(counts)) for k in range(columns.shape[1])]
        return np.stack(sums, axis=1) / counts[:, None]

    normals = mean(surface.normals)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    faces = group[surface.faces]
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    result = Painted(
        mean(surface.vertices).astype(np.float32),
        faces.astype(np.int32),
        np.divide(normals, length, out=np.zeros_like(normals), where=length > 0).astype(np.float32),
        np.rint(mean(surface.colors)).astype(np.uint8),
        mean(surface.distance_cm).astype(np.float32),
    )
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return _used_only(result, faces[np.sort(first)])


def _used_only(surface: Painted, faces: NDArray[Any]) -> Painted:
    used, corners = np.unique(faces.ravel(), return_inverse=True)
    return Painted(
        surface.vertices[used],
        corners.reshape(-1, 3).astype(np.int32),
        surface.normals[used],
        surface.colors[used],
        surface.distance_cm[used],
    )


def _in_spatial_order(surface: Painted) -> Painted:
    """Neighbours near each other in memory, so that differences are small: vertices along a Morton curve, faces by vertex."""
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    cells = ((surface.vertices - low) / max(float((high - low).max()), 1e-9) * 1023).astype(np.int64)
    code = np.zeros(len(cells), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    order = np.argsort(code, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    faces = place[surface.faces]
    start = faces.argmin(axis=1)
    faces = np.stack([faces[np.arange(len(faces)), (start + k) % 3] for k in range(3)], axis=1)  # smallest first
    faces = faces[np.lexsort((faces[:, 2], faces[:, 1], faces[:, 0]))]
    return Painted(
        surface.vertices[order],
        faces.astype(np.int32),
        surface.normals[order],
        surface.colors[order],
        surface.distance_cm[order],
    )
