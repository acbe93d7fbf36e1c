"""Square crops of photographs as networks see them: cut out, turned, resized, and their bytes as floats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian import _native


def resized_cut_out(
    picture: NDArray[np.uint8],
    upper_left: tuple[int, int],
    lower_right: tuple[int, int],
    *,
    size_px: int,
    pad: int = 0,
    rotation_deg: float = 0.0,
) -> NDArray[np.uint8]:
    """(size, size, 3) of what lies between two corners (column, row) of a picture (H, W, C); black where that is outside.

    With a rotation the cut-out is made ``pad`` pixels larger at each side, turned counter-clockwise about its middle (bilinear
    in doubles, cut to whole levels) and made smaller again. The resize is Pillow's bicubic one, to the bit. Of C channels the
    first three count; a single one is repeated.

    ValueError for corners in another order, and for arrays that are no such picture.
    """
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] == 2:
        raise ValueError(f"resized_cut_out: the picture is {array.dtype} {array.shape}; it must be uint8 (H, W, 3).")
    if upper_left[0] == lower_right[0] or upper_left[1] == lower_right[1]:
        return np.zeros((size_px, size_px, 3), np.uint8)
    pad = pad if rotation_deg != 0 else 0
    left, top = upper_left[0] - pad, upper_left[1] - pad
    width, height = lower_right[0] + pad - left, lower_right[1] + pad - top
    first_row, first_column = max(0, top), max(0, left)
    seen = array[first_row : max(first_row, top + height), first_column : max(first_column, left + width), :3]
    if not seen.size:
        seen, first_row, first_column = seen[:0, :0], top, left
    if seen.shape[2] == 1:
        seen = np.repeat(seen, 3, axis=2)
    elif seen.strides[1:] != (3, 1):
        seen = np.ascontiguousarray(seen)
    turn = None
    if rotation_deg != 0:
        angle = np.radians(rotation_deg)
        turn = (float(np.cos(angle)), float(np.sin(angle)))  # numpy's, whose last bits are not the C library's everywhere
    return _native.crop(seen, (first_row - top, first_column - left), (height, width), pad, turn, size_px)


def tabulated(
    picture: NDArray[np.uint8],
    tables: NDArray[np.float32],
    *,
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0),
    mirror: bool = False,
) -> NDArray[np.float32]:
    """(H, W, 3) floats: ``tables[channel, level]``, float32 (3, 256), for each level of a picture (H, W, 3).

    Before, levels are multiplied by the channel's gain, cut off at 255 and cut to whole ones. ``mirror``: from right to left.
    ValueError for arrays of another dtype or shape, and for negative gains.
    """
    return _native.tabulated(np.ascontiguousarray(picture), tables, gains, mirror)
