"""From Anny's rest pose to SMPL's T-pose, so that SMPL poses mean on the built-in body what they mean on SMPL's.

The T-pose is found backwards: its vertices are those that linear blend skinning carries exactly onto Anny's rest pose when
arms and legs go back there. So the model's arms-down poses, by far the most frequent, keep the sculpted shape of the
shoulders, and the stretch that blend skinning causes is left to the T-pose itself, which people seldom take.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.anny_source import AnnyBodies
from vitruvian.bodies.skeleton import JOINT_INDEX, NUM_JOINTS, PARENTS

Doubles = NDArray[np.float64]
LEG_SPREAD_RAD = np.deg2rad(2.0)
"""Angle between the line from hip to ankle and the vertical, seen from the front."""


def t_pose(bodies: AnnyBodies, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Vertices (N, V, 3) and joints (N, 24, 3) of the bodies in the T-pose, each with its pelvis at the origin."""
    vertices, joints = np.empty_like(bodies.vertices), np.empty_like(bodies.joints)
    for k in range(len(vertices)):
        vertices[k], joints[k] = _one(bodies.vertices[k], bodies.joints[k], bodies.knuckles[k], weights)
    return vertices, joints


def _one(vertices: Doubles, joints: Doubles, knuckles: Doubles, weights: Doubles) -> tuple[Doubles, Doubles]:
    rotations = _world_rotations(joints, knuckles)
    moved = np.zeros_like(joints)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        moved[joint] = moved[parent] + rotations[parent] @ (joints[joint] - joints[parent])
    back = np.zeros((NUM_JOINTS, 3, 4))  # from the T-pose to the rest pose
    back[:, :, :3] = rotations.transpose(0, 2, 1)
    back[:, :, 3] = joints - np.einsum("jrc,jc->jr", back[:, :, :3], moved)
    blended = (weights @ back.reshape(NUM_JOINTS, 12)).reshape(-1, 3, 4)
    solved = np.linalg.solve(blended[:, :, :3], (vertices - blended[:, :, 3])[..., None])[..., 0]
    return np.asarray(solved, np.float64), moved


def _world_rotations(joints: Doubles, knuckles: Doubles) -> Doubles:
    """(24, 3, 3) how each joint's part of the body turns, in the world frame."""
    rotations = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    for side, name in enumerate(("left", "right")):
        hip, knee, ankle, shoulder, elbow, wrist, hand = (
            JOINT_INDEX[f"{name}_{part}"] for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "hand")
        )
        outwards = np.array([1.0 - 2.0 * side, 0.0, 0.0])
        leg = joints[ankle] - joints[hip]
        spread = np.arctan2(leg[0] * outwards[0], -leg[1])
        rotations[[hip, knee]] = _about_z((LEG_SPREAD_RAD - spread) * outwards[0])

        upper, lower = joints[elbow] - joints[shoulder], joints[wrist] - joints[elbow]
        hinge = np.cross(upper, lower)  # the elbow bends about it; afterwards it bends the forearm forwards
        target = _frame(outwards, np.cross(outwards, [0.0, 0.0, 1.0]))
        rotations[shoulder] = target @ _frame(upper, hinge).T
        rotations[elbow] = target @ _frame(lower, hinge).T

        palm = np.cross(knuckles[side, 0] - joints[wrist], knuckles[side, 1] - joints[wrist]) * -outwards[0]
        rotations[[wrist, hand]] = _frame(outwards, np.array([0.0, -1.0, 0.0])) @ _frame(joints[hand] - joints[wrist], palm).T
    return rotations


def _frame(along: Doubles, beside: Doubles) -> Doubles:
    """(3, 3) with orthonormal columns: ``along``, what of ``beside`` is square to it, and their cross product."""
    first = along / np.linalg.norm(along)
    second = beside - first * (beside @ first)
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _about_z(angle_rad: float) -> Doubles:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
