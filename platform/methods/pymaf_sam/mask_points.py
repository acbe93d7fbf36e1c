"""Points on a person and beside the person, chosen from a mask.

The published variant takes 400 and 41 random pixels of masks that Segment Anything made of 960 training pictures, stretches
each group to the whole square, and then gives any picture any of these rows. Here a picture's points come from its own
mask: by default where they are in the crop, chosen evenly, so that the same mask always gives the same points.
"""

from __future__ import annotations

from functools import lru_cache
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
    """(F + B, 2) x and y in [-1, 1] of pixels of a square mask (S, S), those on the person first; see ``chosen_pixels`` and
    ``placed``."""
    pixels = chosen_pixels(mask, num_foreground=num_foreground, num_background=num_background, rng=rng)
    return placed(pixels, num_foreground=num_foreground, size_px=len(mask), frame=frame)


def chosen_pixels(
    mask: NDArray[np.bool_], *, num_foreground: int, num_background: int, rng: np.random.Generator | None = None
) -> NDArray[np.int64]:
    """(F + B, 2) column and row of pixels of a square mask (S, S), those on the person first.

    Chosen at even steps along a curve that fills the square, so that they are spread evenly over the person, and then in the
    order of rows; or, with ``rng``, at random without repetition (as published). A group with fewer pixels than asked for
    repeats them. ``InputError`` for a mask that marks nobody, or everything.
    """
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        raise ValueError(f"chosen_pixels: the mask is {mask.shape}; it must be square.")
    groups = []
    curve = _curve(len(mask))
    on_curve = mask.reshape(-1)[curve]
    for marked, count in ((on_curve, num_foreground), (~on_curve, num_background)):
        places = curve[marked]
        if not len(places):
            raise InputError("mask: marks nobody, or everything, in the crop; points on and beside the person are needed.")
        if rng is not None and len(places) >= count:
            chosen = rng.choice(places, count, replace=False)
        else:
            chosen = np.sort(places[np.floor((np.arange(count) + 0.5) * len(places) / count).astype(np.int64)])
        rows, columns = np.divmod(chosen, len(mask))
        groups.append(np.stack([columns, rows], axis=1))
    return np.concatenate(groups).astype(np.int64)


@lru_cache(maxsize=4)
def _curve(size_px: int) -> NDArray[np.int64]:
    """(S * S,) the pixels of a square, numbered row by row, in the order of Morton's curve: neighbours on it lie close."""
    rows, columns = np.divmod(np.arange(size_px * size_px), size_px)
    code = np.zeros_like(rows)
    for bit in range(size_px.bit_length()):
        code |= ((columns >> bit) & 1) << (2 * bit) | ((rows >> bit) & 1) << (2 * bit + 1)
    order = np.argsort(code)
    order.flags.writeable = False
    return order


def placed(pixels: NDArray[np.int64], *, num_foreground: int, size_px: int, frame: Frame) -> NDArray[np.float32]:
    """(N, 2) of (N, 2) pixels of a square of ``size_px``. ``crop``: -1 and 1 are its edges. ``stretched``: the outermost
    pixels of each group, along each axis, as published; place and proportions are lost."""
    points = pixels.astype(np.float64)
    if frame == "crop":
        return np.asarray((points + 0.5) * (2 / size_px) - 1, np.float32)
    groups = (points[:num_foreground], points[num_foreground:])
    return np.concatenate([_stretched(group) for group in groups if len(group)]).astype(np.float32)


def _stretched(points: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = points.min(axis=0), points.max(axis=0)
    return 2 * (points - low) / np.maximum(high - low, 1e-9) - 1
