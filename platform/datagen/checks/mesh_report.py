"""What can be measured of a mesh before it is used: size, holes, pieces, broken and degenerate faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from vitruvian.geometry.mesh import Mesh

FOOTPRINT_CELL_M = 0.03


@dataclass(frozen=True, kw_only=True, slots=True)
class MeshReport:
    """Measured in the world frame; counts and sizes are 0 where the mesh has no usable face."""

    num_vertices: int
    num_faces: int
    num_broken_vertices: int
    """With coordinates that are not finite."""
    indices_fit: bool
    """Whether all faces name vertices that exist."""
    extent_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Width, height and depth of what faces use."""
    num_flat_faces: int = 0
    """Without area: a corner twice, or three corners in a line."""
    num_edges: int = 0
    num_open_edges: int = 0
    """With a face on one side only."""
    num_holes: int = 0
    """Connected groups of open edges."""
    num_people: int = 0
    """Groups of connected pieces, apart from each other sideways, each of at least 60 % of the whole height."""
    volume_m3: float = 0.0
    """Signed: negative where faces are turned inside out."""

    @property
    def height_m(self) -> float:
        return self.extent_m[1]

    @property
    def is_closed(self) -> bool:
        return self.num_faces > 0 and self.num_open_edges == 0


def measure(mesh: Mesh) -> MeshReport:
    """All of it; about 0.1 s for 100,000 faces."""
    broken = ~np.isfinite(mesh.vertices).all(axis=1)
    fit = bool(mesh.num_faces and mesh.num_vertices and mesh.faces.min() >= 0 and mesh.faces.max() < mesh.num_vertices)
    common: dict[str, Any] = {
        "num_vertices": mesh.num_vertices,
        "num_faces": mesh.num_faces,
        "num_broken_vertices": int(broken.sum()),
    }
    if not fit or broken.any():
        return MeshReport(**common, indices_fit=fit or not mesh.num_faces)
    faces = mesh.faces.astype(np.int64)
    corners = mesh.vertices[faces].astype(np.float64)
    extent = corners.max(axis=(0, 1)) - corners.min(axis=(0, 1))
    doubled = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    flat = doubled <= 1e-12 * max(float(extent.max()), 1e-12) ** 2
    middle = corners.reshape(-1, 3).mean(axis=0)
    a, b, c = (corners[:, k] - middle for k in range(3))
    open_edges, num_edges = _open_edges(faces[~flat], mesh.num_vertices)
    return MeshReport(
        **common,
        indices_fit=True,
        extent_m=(float(extent[0]), float(extent[1]), float(extent[2])),
        num_flat_faces=int(flat.sum()),
        num_edges=num_edges,
        num_open_edges=len(open_edges),
        num_holes=_groups(open_edges),
        num_people=_people(faces, mesh.vertices, float(extent[1])),
        volume_m3=float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6),
    )


def _open_edges(faces: NDArray[np.int64], num_vertices: int) -> tuple[NDArray[np.int64], int]:
    """(E, 2) edges of one face only, and how many edges there are."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    keys, count = np.unique(edges[:, 0] * num_vertices + edges[:, 1], return_counts=True)
    single = keys[count == 1]
    return np.stack([single // num_vertices, single % num_vertices], axis=1), len(keys)


def _groups(edges: NDArray[np.int64]) -> int:
    """Connected groups of edges (E, 2)."""
    if not len(edges):
        return 0
    _, ends = np.unique(edges, return_inverse=True)
    ends = ends.reshape(-1, 2)
    size = int(ends.max()) + 1
    graph = sparse.coo_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(size, size))
    return int(connected_components(graph, directed=False, return_labels=False))


def _people(faces: NDArray[np.int64], vertices: NDArray[np.float32], height: float) -> int:
    """How many tall things stand beside each other: pieces whose footprints touch (cells of 3 cm) belong together."""
    size = len(vertices)
    links = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = sparse.coo_matrix((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(size, size))
    _, piece = connected_components(graph, directed=False)
    used = np.unique(faces)
    _, piece = np.unique(piece[used], return_inverse=True)
    number, points = int(piece.max()) + 1, vertices[used].astype(np.float64)
    if number == 1:
        return 1
    spot = np.floor((points[:, [0, 2]] - points[:, [0, 2]].min(axis=0)) / FOOTPRINT_CELL_M).astype(np.int64) + 1
    width = int(spot[:, 1].max()) + 2
    cells, cell = np.unique(spot[:, 0] * width + spot[:, 1], return_inverse=True)
    pairs = [np.stack([piece, number + cell])]
    for step in (1, width - 1, width, width + 1):
        there = np.searchsorted(cells, cells + step).clip(max=len(cells) - 1)
        next_to = np.flatnonzero(cells[there] == cells + step)
        pairs.append(number + np.stack([next_to, there[next_to]]))
    joined = np.concatenate(pairs, axis=1)
    total = number + len(cells)
    graph = sparse.coo_matrix((np.ones(joined.shape[1], np.int8), (joined[0], joined[1])), shape=(total, total))
    groups, group = connected_components(graph, directed=False)
    low, high = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(low, group[piece], points[:, 1])
    np.maximum.at(high, group[piece], points[:, 1])
    return max(1, int((high - low >= 0.6 * height).sum()))
