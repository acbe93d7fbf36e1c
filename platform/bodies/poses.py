"""The pose and shape sampler: everyday poses, their mirror images, and noise that stays inside the limits of the joints."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.joint_limits import clip_joint_angles, from_joint_angles, to_joint_angles
from vitruvian.bodies.named_poses import BASE, NAMED_POSES
from vitruvian.bodies.skeleton import JOINT_INDEX, JOINT_NAMES, NUM_JOINTS, mirror_body_pose
from vitruvian.errors import InputError

Doubles = NDArray[np.float64]
POSE_NAMES: tuple[str, ...] = tuple(NAMED_POSES)
NOT_UPRIGHT = frozenset(
    {
        "walking_contact",
        "walking_passing",
        "sitting",
        "crouching",
        "kneeling",
        "lunging",
        "running",
        "stepping_up",
        "bending_forward",
    }
)
"""Poses of people who do not stand and gesture."""

# How much of the noise each joint gets: arms and head move freely, legs less (the feet should stay near the floor), joints
# that hardly move least. Poses in which hands touch the body get less everywhere, lest they sink in.
_SHARE = {"shoulder": 1.0, "elbow": 1.0, "neck": 0.8, "head": 0.8, "wrist": 0.8, "hand": 0.8, "hip": 0.5, "knee": 0.5,
          "collar": 0.4, "spine1": 0.4, "spine2": 0.4, "spine3": 0.4, "ankle": 0.3, "foot": 0.2}  # fmt: skip
_TOUCHING = {"hands_on_hips": 0.3, "arms_crossed": 0.2, "phone_at_ear": 0.3, "hand_on_chin": 0.3, "sitting": 0.7}


class SampledPose(NamedTuple):
    body_pose: Doubles
    """(69,) axis-angle radians."""
    global_orient: Doubles
    """(3,) axis-angle radians of the pelvis."""
    name: str
    """The named pose it came from; with ``_mirrored`` at the end where left and right were exchanged."""


def named_pose(name: str) -> SampledPose:
    """An everyday pose without noise; raises ``InputError`` for a name that is not in ``POSE_NAMES``."""
    if name not in NAMED_POSES:
        raise InputError(f"Pose {name!r} is not known; known ones are {', '.join(POSE_NAMES)}.")
    angles = np.zeros((NUM_JOINTS, 3))
    for joint, degrees in (BASE | NAMED_POSES[name]).items():
        angles[JOINT_INDEX[joint]] = np.deg2rad(degrees)
    return SampledPose(body_pose=from_joint_angles(angles[1:]), global_orient=angles[0].copy(), name=name)


def sample_pose(rng: np.random.Generator, *, noise_rad: float = 0.1, names: tuple[str, ...] = POSE_NAMES) -> SampledPose:
    """One of the named poses, mirrored half of the time, with noise of about ``noise_rad`` in every joint angle.

    The result is inside the anatomical limits. The body faces +z within a few degrees; turning it further is the caller's.
    """
    if not names or not noise_rad >= 0:
        raise ValueError(f"sample_pose: names must not be empty and noise_rad ({noise_rad}) not negative.")
    pose = named_pose(names[int(rng.integers(len(names)))])
    scale = noise_rad * _TOUCHING.get(pose.name, 1.0)
    share = np.array([_SHARE[joint.split("_")[-1]] for joint in JOINT_NAMES[1:]])
    noise = np.clip(rng.normal(size=(NUM_JOINTS - 1, 3)), -2.5, 2.5) * share[:, None] * scale
    body_pose = from_joint_angles(clip_joint_angles(to_joint_angles(pose.body_pose) + noise))
    global_orient = pose.global_orient + 0.3 * scale * np.clip(rng.normal(size=3), -2.5, 2.5)
    if rng.random() < 0.5:
        mirrored = global_orient * np.array([1.0, -1.0, -1.0])
        return SampledPose(body_pose=mirror_body_pose(body_pose), global_orient=mirrored, name=f"{pose.name}_mirrored")
    return SampledPose(body_pose=body_pose, global_orient=global_orient, name=pose.name)


def sample_betas(rng: np.random.Generator, *, num_betas: int = 10, limit: float = 2.2) -> NDArray[np.float32]:
    """(num_betas,) standard normal shape coefficients, drawn again where they leave +-``limit``."""
    betas = rng.normal(size=num_betas)
    while (outside := np.abs(betas) > limit).any():
        betas[outside] = rng.normal(size=int(outside.sum()))
    return betas.astype(np.float32)
