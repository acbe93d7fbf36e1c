"""The 24 joints of the SMPL format: names, tree and the mirror image of each, in the order of every file and pose.

Source: Loper et al., "SMPL: A Skinned Multi-Person Linear Model", 2015; the order is that of the published model files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

JOINT_NAMES: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle", "spine3",
    "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
"""Joint 0 is turned by ``global_orient``, joints 1 to 23 by the rows of ``body_pose``."""

PARENTS: tuple[int, ...] = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

NUM_JOINTS = len(JOINT_NAMES)
JOINT_INDEX: dict[str, int] = {name: index for index, name in enumerate(JOINT_NAMES)}


def _mirrored(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    return "left_" + name.removeprefix("right_") if name.startswith("right_") else name


MIRROR_JOINTS: tuple[int, ...] = tuple(JOINT_INDEX[_mirrored(name)] for name in JOINT_NAMES)
"""The joint on the other side of the body."""


def mirror_body_pose(body_pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pose of the person in the mirror: left and right change places across the plane x = 0.

    ``body_pose`` (69,) axis-angle radians; the result has its shape. A mirror turns the axis-angle vector (x, y, z)
    into (x, -y, -z), because rotation vectors are axial.
    """
    rows = np.asarray(body_pose, np.float64).reshape(NUM_JOINTS - 1, 3)
    order = np.asarray(MIRROR_JOINTS[1:]) - 1
    return (rows[order] * np.array([1.0, -1.0, -1.0])).reshape(-1)
