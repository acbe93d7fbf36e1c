"""One body's joints and surface from its pose, for labels: what ``pose_body`` gives, without what only clothes need.

Numbers of a model that do not depend on the pose are worked out once. Source: as ``bodies.skinning``.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skeleton import NUM_JOINTS

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    """Of a model; the last axes are its V vertices."""

    template: Floats
    """(3 V,)"""
    shapes: Floats
    """(3 V, S)"""
    joint_template: NDArray[np.float64]
    """(24, 3)"""
    joint_shapes: NDArray[np.float64]
    """(24, 3, S)"""
    correctives: Floats | None
    """(3 V, 207)"""
    weights: Floats
    """(24, V)"""


_PREPARED: dict[int, tuple[weakref.ref[NDArray[np.float32]], _Prepared]] = {}
"""By the identity of a model's template, which lives as long as the model."""


def _prepared(model: BodyModel) -> _Prepared:
    key = id(model.v_template)
    found = _PREPARED.get(key)
    if found is not None and found[0]() is model.v_template:
        return found[1]
    regressor = model.joint_regressor.astype(np.float64)
    num_shapes = model.shapedirs.shape[-1]
    prepared = _Prepared(
        template=np.ascontiguousarray(model.v_template.T).reshape(-1),
        shapes=np.ascontiguousarray(model.shapedirs.transpose(1, 0, 2)).reshape(-1, num_shapes),
        joint_template=regressor @ model.v_template,
        joint_shapes=np.einsum("jv,vks->jks", regressor, model.shapedirs),
        correctives=None if model.posedirs is None else _rows(model.posedirs),
        weights=np.ascontiguousarray(model.weights.T),
    )
    _PREPARED[key] = (weakref.ref(model.v_template, lambda _: _PREPARED.pop(key, None)), prepared)
    return prepared


def _rows(directions: Floats) -> Floats:
    """(3 V, D) of (V, 3, D)."""
    return np.ascontiguousarray(directions.transpose(1, 0, 2)).reshape(-1, directions.shape[-1])


def posed_surface(model: BodyModel, *, betas: ArrayLike, pose_72: ArrayLike) -> tuple[Floats, Floats]:
    """(24, 3) joints and (V, 3) vertices, metres, of up to S ``betas`` and axis-angles of all joints, the root's first."""
    known = _prepared(model)
    shape = np.asarray(betas, np.float32).reshape(-1)
    if len(shape) > model.num_betas:
        raise ValueError(f"posed_surface: there are {len(shape)} betas; model {model.name!r} takes {model.num_betas}.")
    rest = known.template + known.shapes[:, : len(shape)] @ shape
    rest_joints = known.joint_template + known.joint_shapes[:, :, : len(shape)] @ shape
    rotations = rotation_matrices(np.asarray(pose_72, np.float64).reshape(NUM_JOINTS, 3))
    if known.correctives is not None:
        rest = rest + known.correctives @ (rotations[1:] - np.eye(3)).reshape(-1).astype(np.float32)
    turned, joints = rotations.copy(), rest_joints.copy()
    for joint, parent in enumerate(model.parents[1:], start=1):
        turned[joint] = turned[parent] @ rotations[joint]
        joints[joint] = turned[parent] @ (rest_joints[joint] - rest_joints[parent]) + joints[parent]
    shift = joints - np.einsum("jik,jk->ji", turned, rest_joints)
    affine = np.concatenate([turned, shift[:, :, None]], axis=2).astype(np.float32).reshape(NUM_JOINTS, 12)
    blended = (affine.T @ known.weights).reshape(3, 4, -1)
    points = rest.reshape(3, -1)
    vertices = blended[:, 3]
    for axis in range(3):
        vertices = vertices + blended[:, axis] * points[axis]
    return joints.astype(np.float32), np.ascontiguousarray(vertices.T)


def rotation_matrices(axis_angle_n3: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3, 3) by Rodrigues' formula."""
    squared = np.einsum("nk,nk->n", axis_angle_n3, axis_angle_n3)
    small = squared < 1e-6
    angle = np.sqrt(np.where(small, 1.0, squared))
    sine = np.where(small, 1 - squared / 6, np.sin(angle) / angle)
    cosine = np.where(small, 0.5 - squared / 24, (1 - np.cos(angle)) / (angle * angle))
    x, y, z = (sine[:, None] * axis_angle_n3).T
    found = axis_angle_n3[:, :, None] * (cosine[:, None] * axis_angle_n3)[:, None, :]
    diagonal = 1 - cosine * squared
    for axis in range(3):
        found[:, axis, axis] += diagonal
    found[:, 0, 1] -= z
    found[:, 1, 0] += z
    found[:, 0, 2] += y
    found[:, 2, 0] -= y
    found[:, 1, 2] -= x
    found[:, 2, 1] += x
    return found
