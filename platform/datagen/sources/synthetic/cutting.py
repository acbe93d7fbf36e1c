"""Cutting triangle meshes along iso-lines and closing them again: how every hem, neckline and sleeve end is made.

All functions work on index arrays, so that any number of per-vertex attributes can follow a cut: a cut says for every new
vertex on which edge it lies and where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """The part of a mesh where a field is negative. New vertices follow the old ones: ``old + k`` lies on ``edges[k]``."""

    faces: Ints
    uv_faces: Ints
    edges: Ints
    """(K, 2) old vertices of the edge that new vertex k lies on."""
    weights: Floats
    """(K,) share of the edge's second vertex."""
    uv_edges: Ints
    uv_weights: Floats
    face_origin: Ints
    """(F',) index of the face that each face is, or is a piece of."""

    def vertex_values(self, values: NDArray) -> NDArray:
        """Per-vertex values before the cut -> per-vertex values after it (old ones first)."""
        return np.concatenate([values, _lerp(values, self.edges, self.weights)])

    def uv_values(self, values: NDArray) -> NDArray:
        """The same for values that belong to texture coordinates."""
        return np.concatenate([values, _lerp(values, self.uv_edges, self.uv_weights)])


def _lerp(values: NDArray, edges: Ints, weights: Floats) -> NDArray:
    share = weights.reshape(-1, *[1] * (values.ndim - 1))
    return (values[edges[:, 0]] * (1 - share) + values[edges[:, 1]] * share).astype(values.dtype)


def cut(faces: Ints, uv_faces: Ints, field: Floats, num_uvs: int) -> Cut:
    """Keeps where ``field`` (V,) < 0; faces that cross zero are split along the iso-line. Values within 1e-7 of zero count as
    outside by that much, so that the line never runs exactly through a vertex."""
    field = np.where(np.abs(field) < 1e-7, 1e-7, np.asarray(field, np.float64))
    inside = field[faces] < 0
    count = inside.sum(1)
    whole = np.flatnonzero(count == 3)
    one, two = np.flatnonzero(count == 1), np.flatnonzero(count == 2)
    # Turn each crossed face so that its odd corner is the first.
    odd = np.concatenate([np.argmax(inside[one], 1), np.argmin(inside[two], 1)])
    rows = np.concatenate([one, two])
    turn = (odd[:, None] + np.arange(3)) % 3
    corners, uv_corners = np.take_along_axis(faces[rows], turn, 1), np.take_along_axis(uv_faces[rows], turn, 1)
    values = field[corners]
    num_vertices = len(field)
    edges, weights, vertex_ids = _edge_points(corners, values, num_vertices)
    uv_edges, uv_weights, uv_ids = _edge_points(uv_corners, values, num_uvs)

    def pieces(index: Ints, new: Ints) -> Ints:
        a, b, c = index.T
        ab, ac = new
        n = len(one)
        tips = np.stack([a[:n], ab[:n], ac[:n]], 1)
        lower = np.stack([ab[n:], b[n:], c[n:]], 1)
        upper = np.stack([ab[n:], c[n:], ac[n:]], 1)
        return np.concatenate([tips, lower, upper])

    return Cut(
        faces=np.concatenate([faces[whole], pieces(corners, vertex_ids)]),
        uv_faces=np.concatenate([uv_faces[whole], pieces(uv_corners, uv_ids)]),
        edges=edges,
        weights=weights,
        uv_edges=uv_edges,
        uv_weights=uv_weights,
        face_origin=np.concatenate([whole, one, two, two]),
    )


def _edge_points(corners: Ints, values: Floats, num: int) -> tuple[Ints, Floats, Ints]:
    """Points on the edges (first, second) and (first, third) of the given faces: edges, weights, and the ids (2, n)."""
    a = np.concatenate([corners[:, 0], corners[:, 0]])
    b = np.concatenate([corners[:, 1], corners[:, 2]])
    fa = np.concatenate([values[:, 0], values[:, 0]])
    fb = np.concatenate([values[:, 1], values[:, 2]])
    swap = a > b
    low, high = np.where(swap, b, a), np.where(swap, a, b)
    f_low, f_high = np.where(swap, fb, fa), np.where(swap, fa, fb)
    _, first, inverse = np.unique(low * np.int64(num) + high, return_index=True, return_inverse=True)
    edges = np.stack([low[first], high[first]], 1)
    share = f_low[first] / (f_low[first] - f_high[first])
    return edges, share, (num + inverse.reshape(2, -1)).astype(np.int64)


def boundary_loops(faces: Ints) -> list[Ints]:
    """Closed loops of vertices along the open edges, in the direction in which the faces use them."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    num = int(faces.max()) + 1 if len(faces) else 1
    forward, backward = edges[:, 0] * np.int64(num) + edges[:, 1], edges[:, 1] * np.int64(num) + edges[:, 0]
    open_edges = edges[~np.isin(forward, backward)]
    following: dict[int, list[int]] = {}
    for start, end in open_edges.tolist():
        following.setdefault(start, []).append(end)
    loops = []
    while following:
        start = next(iter(following))
        loop, at = [], start
        while True:
            loop.append(at)
            nexts = following[at]
            to = nexts.pop()
            if not nexts:
                del following[at]
            at = to
            if at == start:
                break
        loops.append(np.array(loop, np.int64))
    return loops


def compact(faces: Ints, *values: NDArray) -> tuple[NDArray, ...]:
    """Drops what no face uses: (faces, *values)."""
    used = np.zeros(len(values[0]), bool)
    used[faces.ravel()] = True
    renumber = np.cumsum(used) - 1
    return (renumber[faces], *(v[used] for v in values))
