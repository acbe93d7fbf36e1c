"""Sharpen a coarse outline along the edges of the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter


def guided(
    picture: NDArray[np.uint8], coarse: NDArray[np.floating], *, radius_px: int = 8, smoothness: float = 1e-4
) -> NDArray[np.float32]:
    """``coarse`` (H, W) as, near every pixel, a linear function of the picture's (H, W, 3) colours.

    The guided filter with a colour guide (He, Sun and Tang, "Guided image filtering", 2013, section 3.4). ``smoothness`` is its
    epsilon, for colours in [0, 1].
    """
    size = 2 * radius_px + 1
    guide = picture.astype(np.float64) / 255
    value = np.asarray(coarse, np.float64)

    def mean(array: NDArray[np.float64]) -> NDArray[np.float64]:
        return uniform_filter(array, (size, size, *[0] * (array.ndim - 2)), mode="nearest")

    middle, middle_value = mean(guide), mean(value)
    products = mean(guide[..., :, None] * guide[..., None, :]) - middle[..., :, None] * middle[..., None, :]
    with_value = mean(guide * value[..., None]) - middle * middle_value[..., None]
    slope = np.linalg.solve(products + smoothness * np.eye(3), with_value[..., None])[..., 0]
    offset = middle_value - (slope * middle).sum(-1)
    return ((mean(slope) * guide).sum(-1) + mean(offset)).astype(np.float32)
