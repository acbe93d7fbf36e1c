"""What the camera of the picture sees of both bodies: silhouettes and normal maps, rendered by the same kernel."""

from __future__ import annotations

import numpy as np

from vitruvian.evaluate.metrics.published import normal_map_distances
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import render


def compare_views(reconstruction: Mesh, truth: Mesh, camera: Camera, *, threads: int = 1) -> dict[str, float]:
    """Silhouette IoU and normal errors in the camera's view; both meshes in its world frame, metres.

    Normals are the meshes' smooth vertex normals, interpolated. ``normal_front_deg`` is the mean angle over pixels that both
    cover, and is left out when there are none. Raises ``ValueError`` when the camera does not see the truth.
    """
    ours, true = (render(mesh, camera, fields=("mask", "normal"), threads=threads) for mesh in (reconstruction, truth))
    if not true.mask.any():
        raise ValueError("compare_views: the camera does not see the truth.")
    cosine_distance, l2_distance = normal_map_distances(ours.normal, true.normal, ours.mask, true.mask)
    both = ours.mask & true.mask
    values = {
        "silhouette_iou": float(both.sum() / (ours.mask | true.mask).sum()),
        "normal_front_cosine": cosine_distance,
        "normal_front_l2": l2_distance,
    }
    if both.any():
        cosine = (ours.normal[both].astype(np.float64) * true.normal[both]).sum(axis=1)
        values["normal_front_deg"] = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())
    return values
