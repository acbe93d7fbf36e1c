"""Values at vertices or corners to values at pixels, by the face and the weights that a renderer found for each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.rasterize import Fragments, GBuffer


def interpolated(
    values_vc: NDArray[np.float32], faces_f3: NDArray[np.int32], drawn: GBuffer | Fragments, *, background: float = 0.0
) -> NDArray[np.float32]:
    """Values at the vertices (V, C) to a picture (H, W, C)."""
    return by_corners(lambda face: values_vc[faces_f3[face]], values_vc.shape[1], drawn, background)


def interpolated_corners(
    values_f3c: NDArray[np.float32], drawn: GBuffer | Fragments, *, background: float = 0.0
) -> NDArray[np.float32]:
    """Values at the corners of faces (F, 3, C) to a picture (H, W, C)."""
    return by_corners(lambda face: values_f3c[face], values_f3c.shape[2], drawn, background)


def by_corners(corners_of: Any, channels: int, drawn: GBuffer | Fragments, background: float) -> NDArray[np.float32]:
    """``corners_of``: face ids (N,) to their corners' values (N, 3, C)."""
    picture = np.full((*drawn.face_id.shape, channels), background, np.float32)
    seen = np.flatnonzero(drawn.face_id >= 0)
    weights = drawn.barycentrics.reshape(-1, 3)[seen]
    corners = corners_of(drawn.face_id.reshape(-1)[seen])
    picture.reshape(-1, channels)[seen] = np.einsum("nk,nkc->nc", weights, corners)
    return picture
