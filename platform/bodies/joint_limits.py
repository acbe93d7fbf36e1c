"""Anatomical limits of the 23 body joints, and the angles in which they are boxes.

A joint's rotation is written as swing after twist: R = exp(swing) exp(twist), the twist about the bone, the swing about the
two axes square to it. The three numbers (along x, y, z of the T-pose; one is the twist, two the swing) are its *joint angles*:
unlike axis-angle vectors their ranges can be read off tables of joint motion, such as Norkin and White, "Measurement of Joint
Motion" (normal adult ranges, rounded; the spine's range is shared out over its three joints).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from vitruvian.bodies.skeleton import JOINT_NAMES, NUM_JOINTS

Doubles = NDArray[np.float64]
Range = tuple[float, float]

# Degrees about x, y, z for the left side and the middle. x turns forwards-down (a positive knee bends), y turns to the left,
# z raises the left arm and leg. The right side is the mirror image: ranges of y and z change sign.
_DEGREES: dict[str, tuple[Range, Range, Range]] = {
    "hip": ((-125, 25), (-40, 45), (-25, 45)),
    "knee": ((0, 145), (-10, 10), (-4, 4)),
    "ankle": ((-25, 50), (-15, 15), (-20, 20)),
    "foot": ((-50, 25), (-3, 3), (-3, 3)),
    "spine1": ((-12, 30), (-12, 12), (-12, 12)),
    "spine2": ((-12, 30), (-15, 15), (-12, 12)),
    "spine3": ((-12, 25), (-15, 15), (-12, 12)),
    "neck": ((-25, 30), (-40, 40), (-22, 22)),
    "head": ((-25, 25), (-40, 40), (-18, 18)),
    "collar": ((-8, 8), (-20, 15), (-10, 30)),
    "shoulder": ((-95, 85), (-125, 50), (-95, 105)),
    "elbow": ((-85, 80), (-148, 0), (-4, 4)),
    "wrist": ((-10, 10), (-20, 32), (-75, 65)),
    "hand": ((-4, 4), (-6, 6), (-80, 15)),
}
_TWIST_X = ("collar", "shoulder", "elbow", "wrist", "hand")  # along the arm; everywhere else the bone is upright, along y

TWIST_AXES: NDArray[np.int64] = np.array([0 if name.split("_")[-1] in _TWIST_X else 1 for name in JOINT_NAMES[1:]])
"""(23,) which of x, y, z the twist is."""


def _limits() -> Doubles:
    limits = np.zeros((NUM_JOINTS - 1, 3, 2))
    for row, name in enumerate(JOINT_NAMES[1:]):
        limits[row] = np.deg2rad(_DEGREES[name.split("_")[-1]])
        if name.startswith("right_"):
            limits[row, 1:] = -limits[row, 1:, ::-1]
    return limits


LIMITS_RAD: Doubles = _limits()
"""(23, 3, 2) lowest and highest joint angle about x, y, z of joints 1 to 23."""


def to_joint_angles(body_pose: ArrayLike) -> Doubles:
    """(69,) axis-angle radians -> (23, 3) joint angles in radians."""
    rotation = Rotation.from_rotvec(np.asarray(body_pose, np.float64).reshape(-1, 3))
    quaternion = rotation.as_quat()
    twist = np.zeros_like(quaternion)
    rows = np.arange(len(twist))
    twist[rows, TWIST_AXES] = quaternion[rows, TWIST_AXES]
    twist[:, 3] = quaternion[:, 3]
    twist[np.linalg.norm(twist, axis=1) < 1e-9, 3] = 1.0  # half a turn of swing: any twist will do
    about = Rotation.from_quat(twist)
    return (rotation * about.inv()).as_rotvec() + about.as_rotvec()


def from_joint_angles(angles: ArrayLike) -> Doubles:
    """(23, 3) joint angles in radians -> (69,) axis-angle radians: the inverse of ``to_joint_angles``."""
    swing = np.array(angles, np.float64).reshape(-1, 3)
    twist = np.zeros_like(swing)
    rows = np.arange(len(swing))
    twist[rows, TWIST_AXES] = swing[rows, TWIST_AXES]
    swing[rows, TWIST_AXES] = 0
    return (Rotation.from_rotvec(swing) * Rotation.from_rotvec(twist)).as_rotvec().reshape(-1)


def clip_joint_angles(angles: ArrayLike) -> Doubles:
    """(23, 3) joint angles, each moved to the nearest one inside its limits."""
    return np.clip(np.asarray(angles, np.float64), LIMITS_RAD[..., 0], LIMITS_RAD[..., 1])


def limit_excess(body_pose: ArrayLike) -> Doubles:
    """(23, 3) radians by which an axis-angle pose (69,) leaves the limits; zero inside."""
    angles = to_joint_angles(body_pose)
    return np.abs(angles - clip_joint_angles(angles))
