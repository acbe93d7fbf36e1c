"""From a photograph, a box and an angle to the network's square picture, and from photograph pixels to crop pixels.

A box is ``center`` (column, row) and ``scale``: its side is 200 * scale pixels. Source: SPIN's preprocessing as PyMAF's current
code runs it (Zhang et al., ICCV 2021): whole source pixels, Pillow's bicubic resize. Points are rounded to whole crop pixels by
``transform_points``; that is published behaviour (``exact`` leaves it out).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.crops import resized_cut_out, tabulated

SIZE_PX = 224
PIXEL_SCALE = 200.0
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


def crop_matrix(
    center: NDArray[Any] | tuple[float, float], scale: float, *, size_px: int = SIZE_PX, rotation_deg: float = 0.0
) -> NDArray[np.float64]:
    """(3, 3) photograph pixels to crop pixels: the box fills the crop, then it is turned by -rotation about the middle."""
    side = PIXEL_SCALE * scale
    zoom = size_px / side
    middle = size_px / 2
    matrix = np.array([[zoom, 0, middle - zoom * center[0]], [0, zoom, middle - zoom * center[1]], [0, 0, 1.0]])
    if rotation_deg == 0:
        return matrix
    angle = -np.radians(rotation_deg)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, middle - c * middle + s * middle], [s, c, middle - s * middle - c * middle], [0, 0, 1.0]])
    return turn @ matrix


def transform_points(
    points_n2: NDArray[Any],
    center: NDArray[Any] | tuple[float, float],
    scale: float,
    *,
    size_px: int = SIZE_PX,
    rotation_deg: float = 0.0,
    inverse: bool = False,
) -> NDArray[np.int64]:
    """(N, 2) points counted from 1 to whole pixels counted from 1: less 1, through the matrix, cut towards zero, plus 1."""
    matrix = crop_matrix(center, scale, size_px=size_px, rotation_deg=rotation_deg)
    if inverse:
        matrix = np.asarray(np.linalg.inv(matrix), np.float64)
    moved = (np.asarray(points_n2, np.float64) - 1) @ matrix[:2, :2].T + matrix[:2, 2]
    return np.trunc(moved).astype(np.int64) + 1


def crop(
    picture: NDArray[np.uint8],
    center: NDArray[Any] | tuple[float, float],
    scale: float,
    *,
    size_px: int = SIZE_PX,
    rotation_deg: float = 0.0,
) -> NDArray[np.uint8]:
    """(size, size, 3) of a photograph (H, W, 3); black where the box leaves it."""
    corners = np.array([[1, 1], [size_px + 1, size_px + 1]])
    upper_left, lower_right = transform_points(corners, center, scale, size_px=size_px, inverse=True) - 1
    (left, top), (right, bottom) = upper_left.tolist(), lower_right.tolist()
    width, height = right - left, bottom - top
    pad = int(math.sqrt(width * width + height * height) / 2 - height / 2)
    return resized_cut_out(picture, (left, top), (right, bottom), size_px=size_px, pad=pad, rotation_deg=rotation_deg)


def coloured(cropped: NDArray[np.uint8], gains: NDArray[Any] | None = None, *, flip: bool = False) -> NDArray[np.float32]:
    """(S, S, 3) in [0, 1]: mirrored, channels times their gains, cut to whole 8-bit levels."""
    picture = cropped[:, ::-1] if flip else cropped
    if gains is not None:
        picture = np.clip(picture * np.asarray(gains, np.float64), 0.0, 255.0).astype(np.uint8)
    return picture.astype(np.float32) / np.float32(255.0)


def normalised(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(3, S, S) for the network: less ImageNet's mean over its standard deviation."""
    shifted = picture - np.array(IMAGE_MEAN, np.float32)
    return np.asarray(shifted / np.array(IMAGE_STD, np.float32), np.float32).transpose(2, 0, 1)


_LEVELS = np.arange(256, dtype=np.uint8)
_FLOATS = np.ascontiguousarray(normalised(coloured(np.repeat(_LEVELS[None, :, None], 3, axis=2)))[:, 0])
"""(3, 256) what each level of each channel is for the network."""


def network_picture(
    cropped: NDArray[np.uint8], gains: tuple[float, float, float] = (1.0, 1.0, 1.0), *, flip: bool = False
) -> NDArray[np.float32]:
    """(3, S, S): ``normalised`` of ``coloured``, with each level computed once."""
    return tabulated(cropped, _FLOATS, gains=gains, mirror=flip).transpose(2, 0, 1)
