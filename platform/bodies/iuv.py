"""IUV maps: which point of the body each pixel sees, as (part, u, v), and back from (part, u, v) to the point."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vitruvian.bodies.charts import SurfaceCharts
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.rasterize import rasterize

_CANDIDATES = 24
_CANDIDATE_CHUNK = 20_000


def draw_iuv(charts: SurfaceCharts, vertices: NDArray[Any], camera: Camera, *, by_face: bool = False) -> NDArray[np.float32]:
    """(H, W, 3) of part (0 is background), u and v at the pixel centres, for a body at (V, 3) ``vertices``, world metres.

    The part is that of the face; u and v are interpolated with perspective-correct weights (``by_face``: the means of the
    face's corners), both sides of a face drawn.
    """
    seen = rasterize(charts.positions(np.asarray(vertices, np.float32)), charts.faces, camera)
    picture = np.zeros((camera.height_px, camera.width_px, 3), np.float32)
    rows, columns = np.nonzero(seen.face_id >= 0)
    face = seen.face_id[rows, columns]
    picture[rows, columns, 0] = charts.face_parts[face]
    weights = np.full((len(face), 3), 1 / 3, np.float32) if by_face else seen.barycentrics[rows, columns]
    picture[rows, columns, 1:] = np.einsum("nk,nkc->nc", weights, charts.uvs[charts.faces[face]])
    return picture


def find_on_charts(charts: SurfaceCharts, parts: NDArray[Any], uvs: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Which chart face (N,) holds each (part, u, v), and the weights (N, 3) of its corners.

    A point beside the charts (coordinates that were rounded) gets the nearest candidate face with weights that are cut off at
    0. ValueError for parts that are not 1..24.
    """
    parts, uvs = np.asarray(parts).reshape(-1).astype(np.int64), np.asarray(uvs, np.float64).reshape(-1, 2)
    if len(parts) and not 1 <= int(parts.min()) <= int(parts.max()) <= charts.num_parts:
        raise ValueError(f"find_on_charts: parts must be 1..{charts.num_parts}.")
    faces, weights = np.zeros(len(parts), np.int64), np.zeros((len(parts), 3))
    for part in np.unique(parts):
        ids = np.flatnonzero(parts == part)
        for start in range(0, len(ids), _CANDIDATE_CHUNK):
            chunk = ids[start : start + _CANDIDATE_CHUNK]
            faces[chunk], weights[chunk] = _find_in_part(charts, int(part), uvs[chunk])
    return faces, weights


def surface_points(
    charts: SurfaceCharts, vertices: NDArray[Any], parts: NDArray[Any], uvs: NDArray[Any]
) -> NDArray[np.float64]:
    """(N, 3) the points of a body at (V, 3) ``vertices`` that (part, u, v) name."""
    faces, weights = find_on_charts(charts, parts, uvs)
    corners = charts.positions(np.asarray(vertices, np.float64))[charts.faces[faces]]
    return np.einsum("nk,nkc->nc", weights, corners)


class _PartIndex:
    """The faces of one part, to be found by their place in the chart."""

    def __init__(self, charts: SurfaceCharts, part: int) -> None:
        self.faces = np.flatnonzero(charts.face_parts == part)
        self.corners = charts.uvs[charts.faces[self.faces]].astype(np.float64)
        self.tree = cKDTree(self.corners.mean(axis=1)) if len(self.faces) else None


class _Held:
    """Charts as a key of the cache: the same object is the same key."""

    def __init__(self, charts: SurfaceCharts) -> None:
        self.charts = charts

    def __hash__(self) -> int:
        return id(self.charts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.charts is self.charts


@lru_cache(maxsize=64)
def _index(held: _Held, part: int) -> _PartIndex:
    return _PartIndex(held.charts, part)


def _find_in_part(charts: SurfaceCharts, part: int, uvs: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    index = _index(_Held(charts), part)
    if index.tree is None:
        raise ValueError(f"find_on_charts: the charts have no face of part {part}.")
    _, near = index.tree.query(uvs, k=min(_CANDIDATES, len(index.faces)))
    near = near.reshape(len(uvs), -1)
    weights = _weights(index.corners[near], uvs[:, None])
    best = weights.min(axis=2).argmax(axis=1)
    row = np.arange(len(uvs))
    chosen = np.clip(weights[row, best], 0.0, None)
    return index.faces[near[row, best]], chosen / chosen.sum(axis=1, keepdims=True)


def _weights(corners: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric weights (..., 3) of plane points (..., 2) in triangles (..., 3, 2); far outside for a degenerate one."""
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    first, second, offset = b - a, c - a, points - a
    area = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        w1 = (offset[..., 0] * second[..., 1] - offset[..., 1] * second[..., 0]) / area
        w2 = (first[..., 0] * offset[..., 1] - first[..., 1] * offset[..., 0]) / area
    weights = np.stack([1 - w1 - w2, w1, w2], axis=-1)
    return np.where(np.isfinite(weights).all(axis=-1, keepdims=True), weights, -1e9)
