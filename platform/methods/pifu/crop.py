"""Where the network looks in a photograph: the published square around the person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.methods.pifu.samples import Placement

SIDE_PER_HEIGHT = 1.138
"""The published crop; also the ratio at which training pictures are drawn (204.8 units around a person of 180)."""


def mask_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the marked pixels, the last two exclusive; ``InputError`` for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise InputError("mask: nobody is marked in it. It must be true where the person is.")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def person_square(mask: NDArray[np.bool_]) -> Placement:
    """A square of 1.138 times the person's height around the middle of its box; may reach beyond the picture."""
    left, top, right, bottom = mask_box(mask)
    side = float(int(SIDE_PER_HEIGHT * (bottom - top)))
    return Placement(left_px=(left + right - side) / 2, top_px=(top + bottom - side) / 2, side_px=side)
