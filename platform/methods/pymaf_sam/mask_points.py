"""Points on a person and beside the person, chosen from a mask.

The published variant takes 400 and 41 random pixels of masks that Segment Anything made of 960 training pictures, stretches
each group to the whole square, and then gives any picture any of these rows. Here a picture's points come from its own
mask: by default where they are in the crop, chosen evenly, so that the same mask always gives the same points.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError

Frame = Literal["crop", "stretched"]


def mask_points(
    mask: NDArray[np.bool_],
    *,
    num_foreground: int,
    num_background: int,
    frame: Frame = "crop",
    rng: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """(F + B, 2) x and y in [-1, 1] of pixels of a square mask (S, S), those on the person first.

    Chosen evenly in the order of rows, or, with ``rng``, at random without repetition (as published). A group with fewer
    pixels than asked for repeats them. ``crop``: -1 and 1 are the edges of the mask. ``stretched``: the outermost chosen
    pixels of each group, along each axis, as published; place and proportions are lost. ``InputError`` for a mask that
    marks nobody, or everything.
    """
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        raise ValueError(f"mask_points: the mask is {mask.shape}; it must be square.")
    groups = []
    for marked, count in ((mask, num_foreground), (~mask, num_background)):
        rows, columns = np.nonzero(marked)
        if not len(rows):
            raise InputError("mask: marks nobody, or everything, in the crop; points on and beside the person are needed.")
        if rng is not None and len(rows) >= count:
            chosen = rng.choice(len(rows), count, replace=False)
        else:
            chosen = np.floor((np.arange(count) + 0.5) * len(rows) / count).astype(np.int64)
        points = np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float64)
        groups.append(_stretched(points) if frame == "stretched" else (points + 0.5) * (2 / len(mask)) - 1)
    return np.concatenate(groups).astype(np.float32)


def _stretched(points: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = points.min(axis=0), points.max(axis=0)
    return 2 * (points - low) / np.maximum(high - low, 1e-9) - 1
