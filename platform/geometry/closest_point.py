"""Distances: from points to a mesh, and from points to points, as evaluation and label transfer need them.

A search in float32 over an eight-wide tree finds the face (or point); its distance is then computed in float64. So a returned
distance is that of the returned face, and longer than the smallest one by at most about 1e-6 of the mesh's size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitruvian import _native
from vitruvian.geometry._arrays import as_faces, as_positions


class ClosestPoints(NamedTuple):
    """For every query the closest point of a mesh."""

    points: NDArray[np.float32]
    """(N, 3) on the surface."""
    distance: NDArray[np.float32]
    """(N,) unsigned, in the unit of the vertices."""
    face_id: NDArray[np.int32]
    """(N,) a face that holds the point; where several do (an edge, a vertex), one of them."""
    barycentrics: NDArray[np.float32]
    """(N, 3) weights of that face's corners."""


class NearestPoints(NamedTuple):
    """For every query the nearest of a set of points."""

    distance: NDArray[np.float64]
    """(N,)"""
    target_id: NDArray[np.int32]
    """(N,) row of the target."""


class Chamfer(NamedTuple):
    """Two sets of points, each seen from the other."""

    first_to_second: NearestPoints
    """For every point of the first set the nearest of the second."""
    second_to_first: NearestPoints
    """For every point of the second set the nearest of the first."""

    @property
    def mean_distance(self) -> float:
        """The mean of the two mean distances."""
        return float(self.first_to_second.distance.mean() + self.second_to_first.distance.mean()) / 2

    @property
    def mean_squared_distance(self) -> float:
        """The mean of the two mean squared distances."""
        return float(np.square(self.first_to_second.distance).mean() + np.square(self.second_to_first.distance).mean()) / 2


def closest_point(vertices: NDArray[Any], faces: NDArray[Any], points_n3: NDArray[Any], *, threads: int = 1) -> ClosestPoints:
    """The point of the mesh closest to each of ``points_n3`` (N, 3).

    ``vertices`` (V, 3) and ``points_n3`` float32 or float64; ``faces`` (F, 3), at least one; faces without area count as the
    segments or points that they are. The result does not depend on ``threads``. Raises ValueError for a wrong shape, an index
    out of range, a value that is not finite or a mesh without faces.
    """
    vertices, points_n3 = as_positions(vertices, points_n3)
    return ClosestPoints(*_native.closest_point(vertices, as_faces(faces), points_n3, threads))


def nearest_points(targets_m3: NDArray[Any], queries_n3: NDArray[Any], *, threads: int = 1) -> NearestPoints:
    """The nearest of ``targets_m3`` (M, 3) to each of ``queries_n3`` (N, 3); M must be at least 1.

    Errors as for ``closest_point``.
    """
    targets, queries = as_positions(targets_m3, queries_n3)
    return NearestPoints(*_native.nearest_points(targets, queries, threads))


def chamfer(first_n3: NDArray[Any], second_m3: NDArray[Any], *, threads: int = 1) -> Chamfer:
    """The nearest points of two sets, (N, 3) and (M, 3), both ways; N and M must be at least 1.

    For surfaces, sample them first (``vitruvian.geometry.sampling``), or ask ``closest_point`` for distances to the surface
    itself. Errors as for ``closest_point``.
    """
    return Chamfer(nearest_points(second_m3, first_n3, threads=threads), nearest_points(first_n3, second_m3, threads=threads))
