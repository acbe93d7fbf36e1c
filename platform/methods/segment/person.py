"""Masks of a person where no segmenter is given: by the finder that comes with the package, around a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.methods.body_reconstruction import Box
from vitruvian.methods.cutout.find import PersonFinder

AROUND = 1.3
"""Side of the square that the finder sees over the larger side of the box."""


def person_in_box(finder: PersonFinder, picture: NDArray[np.uint8], box: Box) -> NDArray[np.bool_]:
    """(H, W) the person around whom the box is drawn. InputError for a box beside the picture, or with nobody in it."""
    height, width = picture.shape[:2]
    left, top, right, bottom = box
    half = AROUND * max(right - left, bottom - top) / 2
    column, row = (left + right) / 2, (top + bottom) / 2
    first_row, last_row = (int(np.clip(row + side, 0, height)) for side in (-half, half))
    first_column, last_column = (int(np.clip(column + side, 0, width)) for side in (-half, half))
    if min(last_row - first_row, last_column - first_column) < 8:
        raise InputError(f"box {box}: is too small, or lies beside the picture of {width} x {height} pixels.")
    mask = np.zeros((height, width), np.bool_)
    place = np.s_[first_row:last_row, first_column:last_column]
    mask[place] = finder.find(np.ascontiguousarray(picture[place])).mask
    return mask
