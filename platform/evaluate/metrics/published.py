"""The measures of the Geo-PIFu evaluation as published, so that numbers can be compared with that paper and its followers.

Source: He et al., *Geo-PIFu* (NeurIPS 2020), section 4.2 and its released evaluation. They compare raw vertices in a box of
height 1 and the normal map of the picture's own view. Centimetre measures of surfaces are in ``surface``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.closest_point import chamfer

BOX_HALF_EXTENT = (0.5 * 128 / 192 * 0.85, 0.5 * 0.85, 0.5 * 128 / 192 * 0.85)
"""The truth is scaled to fit within these, x, y, z: 85 % of a volume of height 1 and width and depth 2/3."""


class CanonicalFit(NamedTuple):
    """``canonical = (vertices - mean) * scale``."""

    mean: NDArray[np.float64]
    """(3,) mean of the vertices (not the centre of their box)."""
    scale: float


def canonical_fit(vertices: NDArray[Any]) -> CanonicalFit:
    """The shift and scale that put (V, 3) vertices of any unit into the published box.

    The scale is the largest at which every coordinate of the centred vertices stays inside ``BOX_HALF_EXTENT``.
    """
    points = np.asarray(vertices, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        raise ValueError(f"canonical_fit: vertices are {points.shape}; they must be (V, 3) with V at least 1.")
    mean = points.mean(axis=0)
    reach = np.abs(points - mean).max(axis=0)
    if not reach.max() > 0:
        raise ValueError("canonical_fit: all vertices are one point; a body has an extent.")
    with np.errstate(divide="ignore"):
        return CanonicalFit(mean, float(np.min(np.array(BOX_HALF_EXTENT) / reach)))


class VertexDistances(NamedTuple):
    """Squared Euclidean distances between the vertices of two meshes, in the squared unit of the vertices."""

    truth_to_estimate: NDArray[np.float64]
    """(T,) from each vertex of the truth to the nearest of the estimate."""
    estimate_to_truth: NDArray[np.float64]
    """(E,)"""
    nearest_truth: NDArray[np.int64]
    """(E,) index of the truth's vertex nearest to each vertex of the estimate."""

    @property
    def chamfer_e4(self) -> float:
        """CD, times 10,000."""
        return 1e4 * float(self.truth_to_estimate.mean() + self.estimate_to_truth.mean()) / 2

    @property
    def psd_e4(self) -> float:
        """PSD, times 10,000: despite its name from vertex to vertex, estimate to truth."""
        return 1e4 * float(self.estimate_to_truth.mean())


def vertex_distances(estimate: NDArray[Any], truth: NDArray[Any]) -> VertexDistances:
    """Squared distances to the nearest vertex of the other mesh; (E, 3) and (T, 3), any one unit."""
    to_truth, to_estimate = chamfer(np.asarray(estimate, np.float64), np.asarray(truth, np.float64))
    return VertexDistances(
        np.square(to_estimate.distance), np.square(to_truth.distance), np.asarray(to_truth.target_id, np.int64)
    )


def published_vertex_metrics(estimate_units: NDArray[Any], truth_units: NDArray[Any]) -> dict[str, float]:
    """CD and PSD of (E, 3) and (T, 3) vertices in one frame, in units of the box."""
    distances = vertex_distances(estimate_units, truth_units)
    return {"vertex_chamfer_e4": distances.chamfer_e4, "vertex_psd_e4": distances.psd_e4}


def normal_map_distances(
    estimate: NDArray[Any], truth: NDArray[Any], estimate_mask: NDArray[Any], truth_mask: NDArray[Any]
) -> tuple[float, float]:
    """(mean 1 - cosine, mean difference length) of two normal maps over the truth's silhouette.

    Maps are (H, W, 3) of any length. Both are made unit length, then zero outside their masks (H, W), so a pixel that the
    estimate leaves empty costs exactly 1 in both means. The estimate outside the truth is free. As in the original a vector of
    length 0 inside its mask has no direction, and both means are NaN.
    """
    inside = np.asarray(truth_mask, np.float64)
    if not inside.sum() > 0:
        raise ValueError("normal_map_distances: the truth's mask is empty.")
    unit_estimate = _unit(estimate, np.asarray(estimate_mask, np.float64))
    unit_truth = _unit(truth, inside)
    cosine = (unit_estimate * unit_truth).sum(axis=-1)
    difference = np.linalg.norm(unit_estimate - unit_truth, axis=-1)
    return float((inside * (1 - cosine)).sum() / inside.sum()), float((inside * difference).sum() / inside.sum())


def _unit(vectors: NDArray[Any], mask: NDArray[np.float64]) -> NDArray[np.float64]:
    vectors = np.asarray(vectors, np.float64)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit = np.divide(vectors, length, out=np.full_like(vectors, np.nan), where=length > 0)
    return np.where(mask[..., None] > 0, unit * mask[..., None], 0.0)
