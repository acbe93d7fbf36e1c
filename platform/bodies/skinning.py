"""Linear blend skinning in the SMPL formulation: from betas, pose and expression to vertices, joints and transforms.

Source: Loper et al., "SMPL", 2015, equations 2 to 10. ``skin`` is the batched, differentiable torch form; ``pose_body`` the
numpy form for one body, which also gives the transform of every vertex, so that clothes can be carried by the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skeleton import NUM_JOINTS

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class SkinnedBody:
    """A batch of B posed bodies, in metres."""

    vertices: torch.Tensor
    """(B, V, 3)"""
    joints: torch.Tensor
    """(B, 24, 3)"""
    joint_transforms: torch.Tensor
    """(B, 24, 4, 4) from the rest shape to the posed body, translation included; blend them by the skinning weights."""
    rest_vertices: torch.Tensor
    """(B, V, 3) the shape in the T-pose, expression included, before the pose."""
    rest_joints: torch.Tensor
    """(B, 24, 3)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PosedBody:
    """One posed body as numpy arrays, in metres."""

    vertices: Floats
    """(V, 3)"""
    joints: Floats
    """(24, 3)"""
    joint_transforms: Floats
    """(24, 4, 4) from the rest shape to the posed body."""
    vertex_transforms: Floats
    """(V, 4, 4) the transforms blended by the skinning weights: ``vertices`` are these applied to ``rest_vertices``
    (plus the pose correctives of a model that has them)."""
    rest_vertices: Floats
    """(V, 3)"""
    rest_joints: Floats
    """(24, 3)"""


def rotation_matrices(axis_angle: torch.Tensor) -> torch.Tensor:
    """(..., 3) axis-angle radians -> (..., 3, 3), by Rodrigues' formula; smooth, with exact derivatives at zero."""
    squared = (axis_angle * axis_angle).sum(-1)[..., None, None]
    small = squared < 1e-6
    angle = torch.where(small, torch.ones_like(squared), squared).sqrt()
    sine = torch.where(small, 1 - squared / 6, angle.sin() / angle)
    cosine = torch.where(small, 0.5 - squared / 24, (1 - angle.cos()) / (angle * angle))
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*axis_angle.shape[:-1], 3, 3)
    outer = axis_angle[..., :, None] * axis_angle[..., None, :]
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + sine * cross + cosine * (outer - squared * identity)


def joint_transforms(rotations: torch.Tensor, rest_joints: torch.Tensor, parents: tuple[int, ...]) -> torch.Tensor:
    """(B, 24, 4, 4) transforms that carry rest points with each joint (SMPL equations 3 and 4).

    ``rotations`` (B, 24, 3, 3) of each joint relative to its parent; ``rest_joints`` (B, 24, 3).
    """
    turned, moved = [rotations[:, 0]], [rest_joints[:, 0]]
    for joint, parent in enumerate(parents[1:], start=1):
        offset = (rest_joints[:, joint] - rest_joints[:, parent])[..., None]
        moved.append((turned[parent] @ offset)[..., 0] + moved[parent])
        turned.append(turned[parent] @ rotations[:, joint])
    rotation, position = torch.stack(turned, 1), torch.stack(moved, 1)
    shift = position - (rotation @ rest_joints[..., None])[..., 0]
    upper = torch.cat([rotation, shift[..., None]], -1)
    lower = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*upper.shape[:-2], 1, 4)
    return torch.cat([upper, lower], -2)


def skin(
    model: BodyModel,
    *,
    betas: torch.Tensor | None = None,
    body_pose: torch.Tensor | None = None,
    global_orient: torch.Tensor | None = None,
    translation: torch.Tensor | None = None,
    expression: torch.Tensor | None = None,
) -> SkinnedBody:
    """B bodies; differentiable in every argument; dtype and device are those of the first argument given.

    ``betas`` (B, <= S), ``body_pose`` (B, 69) or (B, 23, 3) axis-angle radians relative to the parent joint,
    ``global_orient`` (B, 3) axis-angle of the pelvis, ``translation`` (B, 3) metres, ``expression`` (B, <= E) in [0, 1].
    A missing argument is zero; a batch of one is broadcast against the others.
    """
    given = {"betas": betas, "body_pose": body_pose, "global_orient": global_orient, "translation": translation,
             "expression": expression}  # fmt: skip
    present = {name: value for name, value in given.items() if value is not None}
    reference = next(iter(present.values()), torch.zeros(1, 3))
    batch = max((len(value) for value in present.values()), default=1)

    def argument(name: str, width: int) -> torch.Tensor:
        value = given[name]
        if value is None:
            return reference.new_zeros(batch, width)
        value = value.reshape(len(value), -1)
        if len(value) not in (1, batch):
            raise ValueError(f"skin: {name} has a batch of {len(value)}; the others have {batch}.")
        if value.shape[1] > width or (name not in ("betas", "expression") and value.shape[1] != width):
            raise ValueError(f"skin: {name} has {value.shape[1]} values a body; model {model.name!r} takes {width}.")
        return value.to(reference).expand(batch, -1)

    def constant(array: NDArray[np.floating]) -> torch.Tensor:
        return torch.from_numpy(array).to(reference)

    coefficients = argument("betas", model.num_betas)
    shapedirs = constant(model.shapedirs)[..., : coefficients.shape[1]]
    rest = constant(model.v_template) + torch.einsum("vks,bs->bvk", shapedirs, coefficients)
    rest_joints = torch.einsum("jv,bvk->bjk", constant(model.joint_regressor), rest)
    if expression is not None:
        rest = _with_expression(model, rest, argument("expression", model.num_expressions))

    pose = torch.cat([argument("global_orient", 3), argument("body_pose", 3 * (NUM_JOINTS - 1))], 1)
    rotations = rotation_matrices(pose.reshape(batch, NUM_JOINTS, 3))
    transforms = joint_transforms(rotations, rest_joints, model.parents)
    root = argument("translation", 3)
    moved = transforms[..., :3, 3] + root[:, None]
    transforms = torch.cat([torch.cat([transforms[..., :3, :3], moved[..., None]], -1), transforms[..., 3:, :]], -2)

    corrected = rest
    if model.posedirs is not None:
        feature = (rotations[:, 1:] - torch.eye(3).to(reference)).reshape(batch, -1)
        corrected = rest + torch.einsum("vkp,bp->bvk", constant(model.posedirs), feature)
    # Blended transforms and points lie with the vertices last: long runs to multiply, instead of many small matrices.
    affine = transforms[..., :3, :].reshape(batch, NUM_JOINTS, 12)
    blended = (affine.mT @ constant(model.weights).T).reshape(batch, 3, 4, -1)
    points = corrected.mT.contiguous()
    x, y, z = (points[:, None, axis] for axis in range(3))
    vertices = (blended[:, :, 0] * x + blended[:, :, 1] * y + blended[:, :, 2] * z + blended[:, :, 3]).mT.contiguous()
    joints = (transforms[..., :3, :3] @ rest_joints[..., None])[..., 0] + transforms[..., :3, 3]
    return SkinnedBody(
        vertices=vertices, joints=joints, joint_transforms=transforms, rest_vertices=rest, rest_joints=rest_joints
    )


def _with_expression(model: BodyModel, rest: torch.Tensor, expression: torch.Tensor) -> torch.Tensor:
    if model.expressiondirs is None or model.expression_vertices is None:
        raise ValueError(f"skin: model {model.name!r} has no expressions; leave the argument out.")
    basis = torch.from_numpy(model.expressiondirs).to(rest)[..., : expression.shape[1]]
    where = torch.from_numpy(model.expression_vertices).to(rest.device)
    return rest.index_add(1, where, torch.einsum("uke,be->buk", basis, expression))


def pose_body(
    model: BodyModel,
    *,
    betas: ArrayLike | None = None,
    body_pose: ArrayLike | None = None,
    global_orient: ArrayLike | None = None,
    translation: ArrayLike | None = None,
    expression: ArrayLike | None = None,
) -> PosedBody:
    """One body from flat arrays of parameters (as ``skin``, without the batch axis); computed in float32."""

    def row(value: ArrayLike | None) -> torch.Tensor | None:
        return None if value is None else torch.from_numpy(np.asarray(value, np.float32).reshape(1, -1))

    with torch.no_grad():
        body = skin(
            model,
            betas=row(betas),
            body_pose=row(body_pose),
            global_orient=row(global_orient),
            translation=row(translation),
            expression=row(expression),
        )
    transforms = body.joint_transforms[0].numpy()
    return PosedBody(
        vertices=body.vertices[0].numpy(),
        joints=body.joints[0].numpy(),
        joint_transforms=transforms,
        vertex_transforms=blend_transforms(model.weights, transforms),
        rest_vertices=body.rest_vertices[0].numpy(),
        rest_joints=body.rest_joints[0].numpy(),
    )


def blend_transforms(weights: Floats, transforms: Floats) -> Floats:
    """(N, 4, 4) transforms of N points: (N, 24) ``weights`` over (24, 4, 4) ``transforms``."""
    return (weights @ transforms.reshape(len(transforms), 16)).reshape(-1, 4, 4)


def apply_transforms(transforms: Floats, points: Floats) -> Floats:
    """(N, 3) ``points`` carried by (N, 4, 4) ``transforms``, one each."""
    return np.einsum("nij,nj->ni", transforms[:, :3, :3], points) + transforms[:, :3, 3]
