"""``mask_from_voxels``: the solid voxels seen from one of the four sides of their grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.items.context import ViewContext
from vitruvian.datagen.items.solid_voxels import solid_voxels


def seen_from(solid: NDArray[np.bool_], turn_33: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(H, W) whether a line of sight meets a solid cell. ``turn_33`` takes the grid's axes to the view's (x right, y down, z
    away); it must be a signed permutation, else ValueError."""
    whole = np.rint(turn_33).astype(int)
    if not np.allclose(turn_33, whole, atol=1e-6) or not (np.abs(whole).sum(axis=0) == 1).all():
        raise ValueError("mask_from_voxels: the view does not look along an axis of the voxel grid.")
    turned = solid.transpose([int(np.flatnonzero(row)[0]) for row in whole])
    turned = turned[tuple(slice(None, None, int(row.sum())) for row in whole)]
    return np.any(turned, axis=2).T


def mask_from_voxels(context: ViewContext) -> dict[str, Any]:
    """bool (rows, columns) of the grid's size; the original stores it a second time, enlarged to the picture's size."""
    frame, camera = context.subject.plan.similarity, context.view.camera
    turn = np.diag([1.0, -1.0, -1.0]) @ camera.rotation_33 @ frame.rotation_33.T
    return {"mask_from_voxels": seen_from(solid_voxels(context.subject)["solid_voxels"], turn)}
