"""From a photograph, a box and an angle to the network's square picture, and from photograph pixels to crop pixels.

A box is ``center`` (column, row) and ``scale``: its side is 200 * scale pixels. Source: SPIN's preprocessing as PyMAF's current
code runs it (Zhang et al., ICCV 2021): whole source pixels, Pillow's bicubic resize. Points are rounded to whole crop pixels by
``transform_points``; that is published behaviour (``exact`` leaves it out).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
    pad = 0
    if rotation_deg != 0:
        across = lower_right - upper_left
        pad = int(np.linalg.norm(across) / 2 - across[1] / 2)
        upper_left, lower_right = upper_left - pad, lower_right + pad
    width, height = lower_right - upper_left
    whole = np.zeros((height, width, 3), np.uint8)
    rows, columns = picture.shape[:2]
    left, right = max(0, upper_left[0]), min(columns, lower_right[0])
    top, bottom = max(0, upper_left[1]), min(rows, lower_right[1])
    if left < right and top < bottom:
        target = np.s_[top - upper_left[1] : bottom - upper_left[1], left - upper_left[0] : right - upper_left[0]]
        whole[target] = picture[top:bottom, left:right, :3]
    if rotation_deg != 0:
        whole = turned(whole, rotation_deg)[pad : height - pad, pad : width - pad]
    return np.array(Image.fromarray(whole).resize((size_px, size_px), Image.Resampling.BICUBIC))


def turned(picture: NDArray[np.uint8], angle_deg: float) -> NDArray[np.uint8]:
    """The picture turned counter-clockwise about its middle: bilinear, black outside, cut to whole levels."""
    height, width = picture.shape[:2]
    angle = np.radians(angle_deg)
    c, s = np.cos(angle), np.sin(angle)
    x, y = np.arange(width)[None] - (width / 2 - 0.5), np.arange(height)[:, None] - (height / 2 - 0.5)
    columns, rows = c * x - s * y + (width / 2 - 0.5), s * x + c * y + (height / 2 - 0.5)
    left, top = np.floor(columns).astype(np.int64), np.floor(rows).astype(np.int64)
    right, down = (columns - left)[..., None], (rows - top)[..., None]
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0))).astype(np.float64)

    def at(row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.float64]:
        return padded[np.clip(row + 1, 0, height + 1), np.clip(column + 1, 0, width + 1)]

    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return (upper * (1 - down) + lower * down + 1e-6).astype(np.uint8)


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
