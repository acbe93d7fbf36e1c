"""SPIN's training draw (mirror, colour gains, rotation, scale) and what it does to keypoints, 3D joints and poses.

Source: SPIN and PyMAF; the order of draws is the published one, so that their legacy generator gives their numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.skeleton import MIRROR_JOINTS
from vitruvian.datagen.spin.axis_angle import turned_about_z
from vitruvian.datagen.spin.crop import SIZE_PX, crop_matrix, transform_points

NOISE_FACTOR = 0.4
ROTATION_DEG = 30.0
SCALE_FACTOR = 0.25
NO_ROTATION_PROBABILITY = 0.6

MIRROR_J24: tuple[int, ...] = (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, 14, 15, 16, 17, 18, 19, 21, 20, 23, 22)
MIRROR_OPENPOSE25: tuple[int, ...] = (
    0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21,
)  # fmt: skip
MIRROR_49: tuple[int, ...] = MIRROR_OPENPOSE25 + tuple(25 + joint for joint in MIRROR_J24)


_MIRRORED = np.array([1.0, -1.0, -1.0])
"""What mirroring does to an axis of rotation, times the angle."""


@cache
def _order(mirror: tuple[int, ...]) -> NDArray[np.int64]:
    return np.array(mirror)


@dataclass(frozen=True, kw_only=True, slots=True)
class CropDraw:
    """One draw; the default is none, as at evaluation."""

    flip: bool = False
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    rotation_deg: float = 0.0
    scale: float = 1.0
    """Times the box's own."""


def draw_crop(rng: Any) -> CropDraw:
    """The published distribution; ``rng`` is a numpy generator."""
    flip = bool(rng.uniform() <= 0.5)
    red, green, blue = rng.uniform(1 - NOISE_FACTOR, 1 + NOISE_FACTOR, 3).tolist()
    rotation = min(max(float(rng.standard_normal()) * ROTATION_DEG, -2 * ROTATION_DEG), 2 * ROTATION_DEG)
    scale = min(max(1 + float(rng.standard_normal()) * SCALE_FACTOR, 1 - SCALE_FACTOR), 1 + SCALE_FACTOR)
    if rng.uniform() <= NO_ROTATION_PROBABILITY:
        rotation = 0.0
    return CropDraw(flip=flip, gains=(red, green, blue), rotation_deg=rotation, scale=scale)


def keypoints_in_crop(
    keypoints: NDArray[Any],
    center: NDArray[Any] | tuple[float, float],
    scale: float,
    draw: CropDraw | None = None,
    *,
    size_px: int = SIZE_PX,
    mirror: tuple[int, ...] = MIRROR_49,
    exact: bool = False,
) -> NDArray[np.float32]:
    """(J, 3) column, row, confidence in the photograph to the same in the crop, in [-1, 1]; whole pixels, as published, or
    ``exact``.

    ``scale`` is the box's own; ``draw`` multiplies it.
    """
    drawn = draw or CropDraw()
    moved = np.array(keypoints, np.float64)
    place: dict[str, Any] = {"size_px": size_px, "rotation_deg": drawn.rotation_deg}
    if exact:
        matrix = crop_matrix(center, scale * drawn.scale, **place)
        pixels: NDArray[Any] = moved[:, :2] @ matrix[:2, :2].T + matrix[:2, 2]
    else:
        pixels = transform_points(moved[:, :2] + 1, center, scale * drawn.scale, **place)
    moved[:, :2] = 2.0 * pixels / size_px - 1.0
    if drawn.flip:
        moved = moved[_order(mirror)]
        moved[:, 0] = -moved[:, 0]
    return moved.astype(np.float32)


def turned_joints(joints: NDArray[Any], draw: CropDraw, *, mirror: tuple[int, ...] = MIRROR_J24) -> NDArray[np.float32]:
    """(J, 4) x, y (down), z, confidence in the camera's axes, as the drawn crop shows them."""
    angle = -np.radians(draw.rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    moved = np.array(joints, np.float64)
    moved[:, :3] = moved[:, :3] @ turn.T
    if draw.flip:
        moved = moved[_order(mirror)]
        moved[:, 0] = -moved[:, 0]
    return moved.astype(np.float32)


def turned_pose(pose_72: NDArray[Any], draw: CropDraw) -> NDArray[np.float32]:
    """(72,) axis-angle in the camera's axes (y down), as the drawn crop shows it: the root turned, then all mirrored."""
    pose = np.array(pose_72, np.float64)
    pose[:3] = turned_about_z(pose[:3].tolist(), -math.radians(draw.rotation_deg))
    if draw.flip:
        pose = (pose.reshape(24, 3)[_order(MIRROR_JOINTS)] * _MIRRORED).reshape(-1)
    return pose.astype(np.float32)
