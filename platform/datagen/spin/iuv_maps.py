"""PyMAF's IUV labels: a picture of (part / 24, u, v), and the one-hot maps that its auxiliary head is trained on.

Parts are DensePose's 24, merged into 14 for the second classification (``bodies/charts.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.charts import MERGED_15

Floats = NDArray[np.float32]

NUM_PARTS = 24
MAP_SIZE_PX = 56
NUM_MERGED = max(MERGED_15) + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class IuvMaps:
    """(25, H, W) each, ``merged`` (15, H, W); channel 0 is the background."""

    u: Floats
    v: Floats
    parts: Floats
    merged: Floats


def to_published(iuv_hw3: Floats) -> Floats:
    """(3, H, W) of part / 24, u, v from an item ``iuv`` (H, W, 3)."""
    return np.asarray(iuv_hw3 / np.array([NUM_PARTS, 1.0, 1.0], np.float32), np.float32).transpose(2, 0, 1)


def to_maps(picture_3hw: Floats) -> IuvMaps:
    """One-hot maps of a picture (3, H, W) of part / 24, u, v; u and v lie in the channel of their part."""
    part = np.rint(picture_3hw[0] * NUM_PARTS).astype(np.int64)
    one_hot = (np.arange(NUM_PARTS + 1)[:, None, None] == part).astype(np.float32)
    merged = (np.arange(NUM_MERGED)[:, None, None] == np.array(MERGED_15)[part]).astype(np.float32)
    return IuvMaps(u=one_hot * picture_3hw[1], v=one_hot * picture_3hw[2], parts=one_hot, merged=merged)


def to_picture(u: Floats, v: Floats, parts: Floats, merged: Floats | None = None) -> Floats:
    """(3, H, W) of part / 24, u, v from scores: the likeliest part, background where the merged scores say so."""
    part = parts.argmax(axis=0)
    if merged is not None:
        part = np.where(merged.argmax(axis=0) > 0, part, 0)
    chosen = [np.take_along_axis(values, part[None], axis=0)[0] for values in (u, v)]
    return np.stack([part.astype(np.float32) / NUM_PARTS, *chosen])
