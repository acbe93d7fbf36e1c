"""Values at vertices or corners to values at pixels, by the face and the weights that a renderer found for each pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian import _native
from vitruvian.geometry.rasterize import Fragments, GBuffer


def interpolated(
    values: NDArray[np.float32], faces_f3: NDArray[np.int32] | None, drawn: GBuffer | Fragments, *, background: float = 0.0
) -> NDArray[np.float32]:
    """Values at the vertices, float32 (V, C) with int32 ``faces_f3``, or at the corners of faces, (F, 3, C) with None, to a
    picture float32 (H, W, C). ``drawn`` has ``face_id`` and ``barycentrics``.

    Raises ValueError for arrays of another dtype, shape or layout and indices out of range.
    """
    return _native.interpolate(values, faces_f3, drawn.face_id, drawn.barycentrics, background)


def interpolated_bytes(
    values: NDArray[np.float32],
    faces_f3: NDArray[np.int32] | None,
    drawn: GBuffer | Fragments,
    *,
    background: int = 0,
    cut_off: bool = False,
) -> NDArray[np.uint8]:
    """The same as uint8 (H, W, C): values in [0, 1] times 255, clamped and rounded, or with ``cut_off`` truncated."""
    return _native.interpolate_bytes(values, faces_f3, drawn.face_id, drawn.barycentrics, background, 0.0 if cut_off else 0.5)
