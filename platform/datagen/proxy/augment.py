"""HuManiFlow's augmentation of a cropped sample: parts, boxes and halves cut out, joints moved and lost, colours changed.

Source: HuManiFlow (Sengupta et al., CVPR 2023), the released configuration; every draw is of one sample. The order of steps is
the published one; the random numbers are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProxyAugmentation:
    """The released configuration."""

    part_probability: tuple[float, ...] = tuple(
        0.05 if part in (7, 8, 9, 10, 15, 16, 17, 18, 23, 24) else 0.1 for part in range(1, 25)
    )
    """Of each of the 24 parts being cut out of the mask."""
    hidden_with_part: float = 0.5
    """Probability that the joint of a part that was cut out is hidden."""
    box_probability: float = 0.1
    box_side_px: int = 48
    box_centre_px: tuple[float, float] = (89.6, 166.4)
    swaps: tuple[tuple[int, int], ...] = ((5, 6), (11, 12))
    swap_probability: float = 0.1
    jitter_px: float = 6.0
    removable_joints: tuple[int, ...] = (7, 8, 9, 10, 13, 14, 15, 16)
    removal_probability: float = 0.1
    bottom_probability: float = 0.02
    top_probability: float = 0.005
    side_probability: float = 0.05
    bottom_top_range_px: tuple[int, int] = (-51, 51)
    side_range_px: tuple[int, int] = (-8, 8)
    gain: tuple[float, float] = (0.8, 1.2)


PART_JOINTS: dict[int, int] = {19: 7, 21: 7, 20: 8, 22: 8, 4: 9, 3: 10, 12: 13, 14: 13, 11: 14, 13: 14, 5: 15, 6: 16}
"""DensePose part -> the COCO joint that goes with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProxySample:
    """A cropped sample."""

    rgb: Floats
    """(S, S, 3) in [0, 1]: the body on black; after ``over_background`` the whole picture."""
    parts: NDArray[np.int8]
    """(S, S): 24 parts, 0 background, -1 outside the picture that was cropped. A part that was cut out is 0."""
    joints: NDArray[np.float64]
    """(17, 2) COCO, (column, row) pixels."""
    visible: NDArray[np.bool_]
    """(17,)"""


def augment_mask_and_joints(
    sample: ProxySample, rng: np.random.Generator, options: ProxyAugmentation | None = None
) -> ProxySample:
    """Parts, a box and halves cut out of ``parts`` (so that the background shows), joints swapped, moved and hidden."""
    chosen = options or ProxyAugmentation()
    parts, joints, visible = sample.parts.copy(), sample.joints.copy(), sample.visible.copy()
    size = parts.shape[0]
    for part, probability in enumerate(chosen.part_probability, start=1):
        if rng.random() < probability:
            parts[parts == part] = 0
            if part in PART_JOINTS and rng.random() < chosen.hidden_with_part:
                visible[PART_JOINTS[part]] = False
    if rng.random() < chosen.box_probability:
        centre = rng.uniform(*chosen.box_centre_px, size=2)
        low = np.rint(centre - chosen.box_side_px / 2).astype(int)
        cut = np.s_[max(low[0], 0) : low[0] + chosen.box_side_px, max(low[1], 0) : low[1] + chosen.box_side_px]
        parts[cut] = np.minimum(parts[cut], 0)
    for first, second in chosen.swaps:
        if rng.random() < chosen.swap_probability:
            joints[[first, second]] = joints[[second, first]]
    joints += rng.uniform(-chosen.jitter_px, chosen.jitter_px, joints.shape)
    for joint in chosen.removable_joints:
        if rng.random() < chosen.removal_probability:
            visible[joint] = False
    for region in draw_halves(size, rng, chosen):
        parts[region] = np.minimum(parts[region], 0)
        visible &= ~joints_in(sample.joints, region, size)
    return replace(sample, parts=parts, joints=joints, visible=visible)


def over_background(sample: ProxySample, background: Floats) -> ProxySample:
    """The background (S, S, 3) where ``parts`` is 0; black stays where it is -1."""
    return replace(sample, rgb=np.where((sample.parts == 0)[..., None], background, sample.rgb).astype(np.float32))


def augment_picture(sample: ProxySample, rng: np.random.Generator, options: ProxyAugmentation | None = None) -> ProxySample:
    """Halves of the whole picture blackened, with their joints hidden; each channel brighter or darker."""
    chosen = options or ProxyAugmentation()
    rgb, visible = sample.rgb.copy(), sample.visible.copy()
    for region in draw_halves(rgb.shape[0], rng, chosen):
        rgb[region] = 0
        visible &= ~joints_in(sample.joints, region, rgb.shape[0])
    gains = rng.uniform(*chosen.gain, size=3).astype(np.float32)
    return replace(sample, rgb=np.minimum(rgb * gains, np.float32(1.0)), visible=visible)


def draw_halves(size_px: int, rng: np.random.Generator, options: ProxyAugmentation) -> list[tuple[slice, slice]]:
    """Which of the bottom, the top and one side are cut off in this draw: regions of a square picture."""
    middle, everything = size_px // 2, slice(0, size_px)
    regions = []
    if rng.random() < options.bottom_probability:
        regions.append((slice(middle + int(rng.integers(*options.bottom_top_range_px)), size_px), everything))
    if rng.random() < options.top_probability:
        regions.append((slice(0, middle + int(rng.integers(*options.bottom_top_range_px))), everything))
    if rng.random() < options.side_probability:
        column = middle + int(rng.integers(*options.side_range_px))
        regions.append((everything, slice(0, column) if rng.random() < 0.5 else slice(column, size_px)))
    return regions


def joints_in(joints_j2: NDArray[np.float64], region: tuple[slice, slice], size_px: int) -> NDArray[np.bool_]:
    """(J,) joints that lie in a region; one that reaches to the picture's border reaches beyond it."""
    inside = np.ones(len(joints_j2), np.bool_)
    for span, coordinate in zip(region, (joints_j2[:, 1], joints_j2[:, 0]), strict=True):
        if span.start > 0:
            inside &= coordinate >= span.start
        if span.stop < size_px:
            inside &= coordinate < span.stop
    return inside
