"""Joints as pictures and back: Gaussian heatmaps, their peaks, and which joints a picture holds.

Source: HuManiFlow (Sengupta et al., CVPR 2023): sigma 4 pixels at 256, peak 1, neither cut off nor normalised; the centre of
the first pixel has the coordinates (0, 0) here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE_PX = 256
SIGMA_PX = 4.0
_LEAST_PEAK = 1e-6
_PEAK_INSIDE = 0.01
HIDDEN_PX = -1000.0


def draw_heatmaps(
    joints_j2: NDArray[Any], visible_j: NDArray[np.bool_] | None = None, *, size_px: int = SIZE_PX, sigma_px: float = SIGMA_PX
) -> NDArray[np.float32]:
    """(J, size, size): exp(-d^2 / (2 sigma^2)) around each joint (column, row); zero where ``visible_j`` is False."""
    joints = np.asarray(joints_j2, np.float32)
    grid = np.arange(size_px, dtype=np.float32)
    scale = np.float32(-0.5 / sigma_px**2)
    across = np.exp(scale * (grid[None] - joints[:, :1]) ** 2)
    down = np.exp(scale * (grid[None] - joints[:, 1:]) ** 2)
    heatmaps = down[:, :, None] * across[:, None, :]
    return heatmaps if visible_j is None else heatmaps * np.asarray(visible_j, np.float32)[:, None, None]


def heatmap_peaks(heatmaps: NDArray[np.float32], *, inside_only: bool = False) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The brightest pixel (column, row) of each heatmap (..., J, H, W) and whether there is any: (..., J, 2) and (..., J).

    ``inside_only`` also asks for the peak itself to lie in the picture: it must come within 0.01 of the largest maximum of all
    heatmaps given. Joints that are not seen get (-1000, -1000).
    """
    width = heatmaps.shape[-1]
    flat = heatmaps.reshape(*heatmaps.shape[:-2], -1)
    at, peak = flat.argmax(axis=-1), flat.max(axis=-1)
    seen = peak > _LEAST_PEAK
    if inside_only:
        seen &= peak > peak.max() - np.float32(_PEAK_INSIDE)
    joints = np.stack([at % width, at // width], axis=-1).astype(np.float32)
    return np.where(seen[..., None], joints, np.float32(HIDDEN_PX)), seen


def in_frame(joints_j2: NDArray[Any], size_px: int = SIZE_PX) -> NDArray[np.bool_]:
    """(..., J): both coordinates in 0..size, the ends included."""
    joints = np.asarray(joints_j2)
    return np.asarray(((joints >= 0) & (joints <= size_px)).all(axis=-1))
