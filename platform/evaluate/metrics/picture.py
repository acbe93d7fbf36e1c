"""What the camera of the picture sees of both bodies: silhouettes, normal maps and which points of the truth it shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import GBuffer, render

VISIBLE_WITHIN_M = 0.01
"""A point this far behind what its pixel shows still counts as shown."""


def seen(mesh: Mesh, camera: Camera, *, threads: int = 1) -> GBuffer:
    """``mask``, ``normal`` (smooth vertex normals, interpolated) and ``depth_m`` of a mesh in the camera's world frame."""
    return render(mesh, camera, fields=("mask", "normal", "depth_m"), threads=threads)


def compare_views(ours: GBuffer, true: GBuffer) -> dict[str, float]:
    """Silhouette IoU and the mean angle between normals, from what one camera sees of both (``seen``).

    ``normal_front_deg`` is over pixels that both cover, and is left out when there are none. Raises ``ValueError`` when the
    camera does not see the truth.
    """
    if not true.mask.any():
        raise ValueError("compare_views: the camera does not see the truth.")
    both = ours.mask & true.mask
    values = {"silhouette_iou": float(both.sum() / (ours.mask | true.mask).sum())}
    if both.any():
        cosine = (ours.normal[both].astype(np.float64) * true.normal[both]).sum(axis=1)
        values["normal_front_deg"] = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())
    return values


def shown(points: NDArray[np.float32], camera: Camera, view: GBuffer) -> NDArray[np.bool_]:
    """Which of (N, 3) surface points the camera sees, given what it sees of their body (``seen``)."""
    column, row, depth = camera.project(points).T
    inside = (column >= 0) & (column < camera.width_px) & (row >= 0) & (row < camera.height_px)
    result = np.zeros(len(points), bool)
    pixels = np.floor(row[inside]).astype(int), np.floor(column[inside]).astype(int)
    result[inside] = view.mask[pixels] & (depth[inside] <= view.depth_m[pixels] + VISIBLE_WITHIN_M)
    return result
