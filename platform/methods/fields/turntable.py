"""Photographs taken around a person who stands still: how they lie to each other, from how far the person is turned in each.

What a photograph does not tell is assumed: that it was taken level and from far away (orthographic), that the person keeps the
pose and is as high in every one, and turns about a vertical axis in the middle of what is seen of it. That middle is the median
column of the mask: for people who stand upright it was within 1 cm of the middle of the body on average (4 cm at most), where
the middle of the mask's box was off by 5 cm (21 at most).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.methods.fields.look import ASSUMED_HEIGHT_M, View
from vitruvian.methods.fields.placement import SIDE_PER_HEIGHT, mask_box


def turned_views(
    pictures: Sequence[NDArray[np.uint8]],
    masks: Sequence[NDArray[np.bool_]],
    yaws_rad: Sequence[float],
    *,
    side_per_height: float = SIDE_PER_HEIGHT,
) -> list[View]:
    """Square views of one person, with cameras in a common frame: y up, the feet at y = 0, 1.75 m high, the front along +z.

    ``yaws_rad``: how far the person is turned in each of the ``pictures`` (H, W, 3): 0 faces the viewer, a quarter turn shows
    the front to the viewer's right. ``side_per_height``: of the square, in heights of the person, as the network knows them.
    Raises ``InputError`` if the numbers differ or a mask marks nobody.
    """
    if not len(pictures) == len(masks) == len(yaws_rad):
        raise InputError(
            f"pictures: there are {len(pictures)} of them, {len(masks)} masks and {len(yaws_rad)} angles; give one of each."
        )
    return [_turned(picture, mask, yaw, side_per_height) for picture, mask, yaw in zip(pictures, masks, yaws_rad, strict=True)]


def _turned(picture: NDArray[np.uint8], mask: NDArray[np.bool_], yaw_rad: float, side_per_height: float) -> View:
    _, top, _, bottom = mask_box(mask)
    axis = float(np.median(np.nonzero(mask)[1])) + 0.5
    side = round(side_per_height * (bottom - top))
    left, upper = round(axis - side / 2), round((top + bottom - side) / 2)
    focal = (bottom - top) / ASSUMED_HEIGHT_M
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    camera = Camera(
        projection="orthographic",
        width_px=side,
        height_px=side,
        focal_px=(focal, focal),
        center_px=(axis - left, float(bottom - upper)),
        rotation=(cosine, 0.0, sine, 0.0, 1.0, 0.0, -sine, 0.0, cosine),
    )
    return View(picture=_cut(picture, left, upper, side), mask=_cut(mask, left, upper, side), camera=camera)


def _cut(pixels: NDArray[Any], left: int, top: int, side: int) -> NDArray[Any]:
    """The square of ``pixels`` (H, W, ...) that begins at column ``left`` and row ``top``; zeros where it reaches beyond."""
    height, width = pixels.shape[:2]
    square = np.zeros((side, side, *pixels.shape[2:]), pixels.dtype)
    y0, y1, x0, x1 = max(0, top), min(height, top + side), max(0, left), min(width, left + side)
    if y1 > y0 and x1 > x0:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = pixels[y0:y1, x0:x1]
    return square
