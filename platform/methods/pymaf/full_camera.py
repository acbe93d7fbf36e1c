"""From the camera of a crop to cameras of the whole picture, ours and the two that the published code writes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.spin.camera import FOCAL_PX, SIZE_PX, translation_of
from vitruvian.geometry.camera import Camera

AXES = np.array([1.0, -1.0, -1.0])
"""PyMAF's axes (y down, z away) to ours (y up, z towards the viewer)."""

Crop = tuple[float, float, float]
"""Middle (column, row) and side of the square, pixels of the picture."""


def picture_camera(camera_3: NDArray[Any], crop: Crop, *, width_px: int, height_px: int, shift_m: NDArray[Any]) -> Camera:
    """The crop's own camera on the whole picture: what it sees of a point does not change by a pixel's fraction.

    Its principal point is the middle of the crop, its focal length that of the network in pixels of the picture. ``shift_m``:
    what a point in our axes was moved by to its place in the world.
    """
    column, row, side = crop
    focal = FOCAL_PX * side / SIZE_PX
    x, y, z = (translation_of(camera_3) * AXES - shift_m).tolist()
    return Camera(
        projection="perspective",
        width_px=width_px,
        height_px=height_px,
        focal_px=(focal, focal),
        center_px=(column, row),
        translation_m=(x, y, z),
    )


def published_full_camera(
    camera_3: NDArray[Any], crop: Crop, *, width_px: int, height_px: int, focal_px: float = FOCAL_PX
) -> NDArray[np.float64]:
    """(3,) the translation before a camera of ``focal_px`` whose principal point is the picture's middle."""
    scale, x, y = np.asarray(camera_3, np.float64)
    column, row, side = crop
    return np.array(
        [
            x + 2 * (column - width_px / 2) / (scale * side),
            y + 2 * (row - height_px / 2) / (scale * side),
            2 * focal_px / (side * scale),
        ]
    )


def published_original_camera(camera_3: NDArray[Any], crop: Crop, *, width_px: int, height_px: int) -> NDArray[np.float64]:
    """(4,) scales and shifts along x and y of an orthographic camera of the whole picture (``orig_cam`` of the demo's
    results)."""
    scale, x, y = np.asarray(camera_3, np.float64)
    column, row, side = crop
    scale_x, scale_y = scale * side / width_px, scale * side / height_px
    return np.array(
        [
            scale_x,
            scale_y,
            x + (column - width_px / 2) / (width_px / 2) / scale_x,
            y + (row - height_px / 2) / (height_px / 2) / scale_y,
        ]
    )
