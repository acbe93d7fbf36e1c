"""What hides joints in HuManiFlow's training pictures: the body itself, and parts cut out of it (Sengupta et al., CVPR 2023).

Parts are DensePose's 24 (``bodies/charts.py``), joints COCO's 17.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MERGED_14: tuple[int, ...] = (0, 1, 1, 11, 12, 14, 13, 8, 6, 8, 6, 9, 7, 9, 7, 2, 4, 2, 4, 3, 5, 3, 5, 10, 10)
"""HuManiFlow's 14 body parts: the value of each of DensePose's 24. (The numbers are not those of DensePose's own 14.)"""

JOINT_PARTS_14: dict[int, int] = {7: 3, 8: 5, 9: 12, 10: 11, 13: 7, 14: 9, 15: 14, 16: 13}
"""COCO's elbows, wrists, knees and ankles -> the merged part that must be seen for the joint to be."""
LEAST_PIXELS = 50

LEGS: tuple[int, ...] = tuple(range(5, 15))
LEGS_AND_ARMS: tuple[int, ...] = (*range(3, 15), 19, 20, 21, 22)
CROP_PROBABILITY = 0.05
"""Each of: the box is drawn without the legs, without legs and arms."""


def merged_parts(parts_24: NDArray[Any]) -> NDArray[np.int8]:
    """(H, W) 24 parts (-1 outside, which becomes background) to 14."""
    return np.array(MERGED_14, np.int8)[np.maximum(np.asarray(parts_24), 0).astype(np.int64)]


def hide_occluded(
    visible_j: NDArray[np.bool_], parts_14: NDArray[Any], *, least_pixels: int = LEAST_PIXELS
) -> NDArray[np.bool_]:
    """(17,) flags: a limb's joint stays visible only if more than ``least_pixels`` of its part are."""
    count = np.bincount(np.asarray(parts_14, np.int64).reshape(-1), minlength=max(JOINT_PARTS_14.values()) + 1)
    left = np.array(visible_j, np.bool_)
    for joint, part in JOINT_PARTS_14.items():
        left[joint] &= bool(count[part] > least_pixels)
    return left


def box_mask(parts_24: NDArray[Any], rng: np.random.Generator) -> NDArray[np.bool_]:
    """The pixels that decide the box: all of the body, sometimes without legs or without legs and arms (extreme crops).

    Where nothing would be left, all of the body.
    """
    chance = rng.random()
    body = np.asarray(parts_24) > 0
    if chance < CROP_PROBABILITY:
        left = body & ~np.isin(parts_24, LEGS)
    elif chance < 2 * CROP_PROBABILITY:
        left = body & ~np.isin(parts_24, LEGS_AND_ARMS)
    else:
        left = body
    return left if left.any() else body
