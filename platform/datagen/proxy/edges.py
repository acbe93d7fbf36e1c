"""The edge picture of HuManiFlow's input: blur, Sobel gradients, thinning across the edge. Nothing in it is learned.

Source: HuManiFlow (Sengupta et al., CVPR 2023), after Canny 1986. The picture is padded with zeros everywhere, so its border
and black bars give edges of their own; the published networks have seen those.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SOBEL = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))
# The neighbour (row, column) that each of the eight directions points at.
_NEIGHBOURS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Edges:
    """Every stage, (H, W) but for the first."""

    blurred: Floats
    """(H, W, 3)"""
    magnitude: Floats
    orientation_deg: Floats
    """A multiple of 45, 0 to 360."""
    thresholded_magnitude: Floats
    thin: Floats
    thresholded_thin: Floats
    """What the network is given."""


def detect_edges(rgb: Floats, *, gaussian_std: float = 1.0, gaussian_size: int = 5, threshold: float = 0.0) -> Edges:
    """Edges of a picture (H, W, 3) in [0, 1]; the defaults are the published ones."""
    picture = np.asarray(rgb, np.float32)
    reach = np.arange(gaussian_size, dtype=np.float64) - (gaussian_size - 1) / 2
    taps = np.exp(-0.5 * (reach / gaussian_std) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    blurred = _along(_along(picture, taps, axis=1), taps, axis=0)
    gradient_x = _correlated(blurred, np.array(_SOBEL, np.float32)).mean(axis=-1)
    gradient_y = _correlated(blurred, np.array(_SOBEL, np.float32).T).mean(axis=-1)
    magnitude = np.sqrt(gradient_x**2 + gradient_y**2)
    degrees = np.arctan2(gradient_y, gradient_x) * np.float32(180.0 / np.pi) + np.float32(180.0)
    orientation = np.rint(degrees / np.float32(45.0)) * np.float32(45.0)
    thresholded = np.where(magnitude < threshold, np.float32(0), magnitude)
    thin = _thinned(magnitude, (orientation / 45).astype(np.int64) % 8)
    return Edges(
        blurred=blurred,
        magnitude=magnitude,
        orientation_deg=orientation,
        thresholded_magnitude=thresholded,
        thin=thin,
        thresholded_thin=np.where(thin < threshold, np.float32(0), thin),
    )


def _along(picture: Floats, taps: Floats, *, axis: int) -> Floats:
    reach = len(taps) // 2
    padding = [(0, 0)] * picture.ndim
    padding[axis] = (reach, reach)
    padded = np.pad(picture, padding)
    count = picture.shape[axis]
    total = np.zeros_like(picture)
    for k, tap in enumerate(taps):
        total += tap * padded.take(np.arange(k, k + count), axis=axis)
    return total


def _correlated(picture: Floats, kernel_33: Floats) -> Floats:
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    height, width = picture.shape[:2]
    total = np.zeros_like(picture)
    for row in range(3):
        for column in range(3):
            if kernel_33[row, column]:
                total += kernel_33[row, column] * padded[row : row + height, column : column + width]
    return total


def _thinned(magnitude: Floats, direction: NDArray[np.int64]) -> Floats:
    """The magnitude where it exceeds both neighbours on the line of its gradient, else 0; 0 lies outside the picture."""
    padded = np.pad(magnitude, 1)
    height, width = magnitude.shape
    around = np.stack(
        [padded[1 + row : 1 + row + height, 1 + column : 1 + column + width] for row, column in _NEIGHBOURS], axis=0
    )
    ahead = np.take_along_axis(around, direction[None], axis=0)[0]
    behind = np.take_along_axis(around, (direction[None] + 4) % 8, axis=0)[0]
    return np.where((magnitude > ahead) & (magnitude > behind), magnitude, np.float32(0))
