"""Published body parameters brought into the world frame: posed surface, joints, and parameters that pose the model there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skinning import pose_body
from vitruvian.geometry.closest_point import closest_point
from vitruvian.geometry.mesh import Mesh

Doubles = NDArray[np.float64]
ON_THE_SCAN_M = 0.08
"""A registered body whose median distance from the scan is larger is not this scan's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyFit:
    """A body in the world frame."""

    vertices: NDArray[np.float32]
    joints_m: NDArray[np.float32]
    parameters: dict[str, NDArray[np.float32]]
    """``pose_body`` makes ``vertices`` of them; without ``translation_m`` and size where a fit scales the body."""


def fit_in_world(
    model: BodyModel,
    *,
    betas: Doubles,
    pose: Doubles,
    world_from_model: Doubles,
    scale: float = 1.0,
    offset: Doubles | None = None,
) -> BodyFit:
    """``pose`` (72,) axis-angle of all joints, the root first; a model point x goes to
    ``M[:3, :3] (scale x + offset) + M[:3, 3]`` with M = ``world_from_model`` (4, 4), a rotation or similarity.

    Source of the composition: skinning turns about the root joint j, so a rotation A with translation b of the posed body is
    the pose A R with translation A j + b - j.
    """
    betas = np.asarray(betas, np.float64).reshape(-1)[: model.num_betas]
    posed = pose_body(model, betas=betas, body_pose=pose[3:], global_orient=pose[:3])
    linear = world_from_model[:3, :3] * scale
    shift = world_from_model[:3, 3] + (0.0 if offset is None else world_from_model[:3, :3] @ np.asarray(offset, np.float64))
    size = float(np.cbrt(np.linalg.det(linear)))
    root = Rotation.from_matrix(linear / size) * Rotation.from_rotvec(pose[:3])
    parameters = {"betas": betas, "body_pose": pose[3:], "global_orient": root.as_rotvec()}
    if abs(size - 1) < 1e-4:
        joint = posed.rest_joints[0].astype(np.float64)
        parameters["translation_m"] = linear @ joint + shift - joint
    else:
        parameters["scale"] = np.array([size])
    return BodyFit(
        vertices=(posed.vertices.astype(np.float64) @ linear.T + shift).astype(np.float32),
        joints_m=(posed.joints.astype(np.float64) @ linear.T + shift).astype(np.float32),
        parameters={name: np.asarray(value, np.float32) for name, value in parameters.items()},
    )


def parameters_without_model(betas: Doubles, pose: Doubles, turn: Doubles) -> dict[str, NDArray[np.float32]]:
    """What is known in the world frame without a model: everything but the translation, which depends on the root joint."""
    root = Rotation.from_matrix(turn) * Rotation.from_rotvec(pose[:3])
    values = {"betas": betas, "body_pose": pose[3:], "global_orient": root.as_rotvec()}
    return {name: np.asarray(value, np.float32) for name, value in values.items()}


def distance_from_scan(mesh: Mesh, points: NDArray[np.float32]) -> float:
    """Median distance in metres of a body's vertices (V, 3), some 700 of them, from the scan."""
    some = np.ascontiguousarray(points[:: max(1, len(points) // 700)], np.float32)
    return float(np.median(closest_point(mesh.vertices, mesh.faces, some).distance))
