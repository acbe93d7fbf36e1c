"""A body as a module of a network: from shape and rotations to its joints, points and, where asked for, its surface.

The same skinning as ``skinning.skin``, with rotation matrices in. What a training step needs (49 joints, 431 points)
follows from about 500 vertices, so only these are computed unless the surface is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from vitruvian.bodies.mean_parameters import MeanParameters
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.point_rows import PointRows
from vitruvian.bodies.regression_body import BUILTIN, RegressionBody, builtin_regression_body
from vitruvian.bodies.skeleton import NUM_JOINTS, PARENTS
from vitruvian.bodies.skinning import joint_transforms

_SETS = ("joints", "h36m", "mesh_points")


@dataclass(frozen=True, kw_only=True, slots=True)
class BodySizes:
    """Which body a network works with: the built-in one, or one of such sizes whose arrays are kept among its weights."""

    name: str = BUILTIN
    num_vertices: int = 0
    num_faces: int = 0
    pose_correctives: bool = False
    num_points: int = 0
    """Of the coarser mesh."""
    widths: tuple[int, int, int] = (0, 0, 0)
    """How many points each of the 49 joints, of Human3.6M's 17 and of the coarser mesh is made of at most."""

    def __post_init__(self) -> None:
        sizes = (self.num_vertices, self.num_faces, self.num_points, *self.widths)
        if len(self.widths) != 3 or (self.name == BUILTIN) == any(sizes) or (self.name != BUILTIN and min(sizes) < 1):
            raise ValueError(f"BodySizes: {self.name!r} with sizes {sizes}; the built-in body has none, others have all.")

    @classmethod
    def of(cls, body: RegressionBody) -> BodySizes:
        if body.name == BUILTIN:
            return cls()
        return cls(
            name=body.name,
            num_vertices=body.model.num_vertices,
            num_faces=len(body.model.faces),
            pose_correctives=body.model.posedirs is not None,
            num_points=len(body.mesh_points),
            widths=(body.joints.indices.shape[1], body.h36m.indices.shape[1], body.mesh_points.indices.shape[1]),
        )

    def body(self) -> RegressionBody:
        """The built-in body, or one of these sizes with nothing in it, to be filled with weights."""
        if self.name == BUILTIN:
            return builtin_regression_body()
        count = self.num_vertices
        joints, h36m, points = (
            PointRows(indices=np.zeros((rows, width), np.int64), weights=np.zeros((rows, width)))
            for rows, width in zip((49, 17, self.num_points), self.widths, strict=True)
        )
        model = BodyModel(
            name=self.name,
            licence="see where the weights came from",
            v_template=np.zeros((count, 3), np.float32),
            faces=np.zeros((self.num_faces, 3), np.int32),
            shapedirs=np.zeros((count, 3, 10), np.float32),
            posedirs=np.zeros((count, 3, 207), np.float32) if self.pose_correctives else None,
            joint_regressor=np.zeros((NUM_JOINTS, count), np.float32),
            weights=np.zeros((count, NUM_JOINTS), np.float32),
            parents=PARENTS,
        )
        nothing = MeanParameters(pose=np.zeros(144, np.float32), betas=np.zeros(10, np.float32), camera=np.ones(3, np.float32))
        return RegressionBody(
            name=self.name, model=model, joints=joints, h36m=h36m, mesh_points=points, mean=nothing, origins={}
        )  # fmt: skip


class BodyPoints(NamedTuple):
    """Of B bodies, in the axes of their rotations, metres."""

    smpl_joints: Tensor
    """(B, 24, 3)"""
    joints: Tensor
    """(B, 49, 3)"""
    mesh_points: Tensor
    """(B, 431, 3)"""
    vertices: Tensor | None
    """(B, V, 3) where the surface was asked for."""


class BodyLayer(nn.Module):
    """The arrays of a body; part of the state dict unless it is the built-in one."""

    v_template: Tensor
    faces: Tensor
    shapedirs: Tensor
    posedirs: Tensor | None
    joint_regressor: Tensor
    weights: Tensor
    joints_indices: Tensor
    joints_weights: Tensor
    h36m_indices: Tensor
    h36m_weights: Tensor
    mesh_points_indices: Tensor
    mesh_points_weights: Tensor
    rest_joints: Tensor
    joint_shapes: Tensor
    few_template: Tensor
    few_shapes: Tensor
    few_poses: Tensor | None
    few_weights: Tensor
    few_joints: Tensor
    few_points: Tensor

    def __init__(self, body: RegressionBody) -> None:
        super().__init__()
        self.name = body.name
        kept = body.name != BUILTIN
        model = body.model
        arrays: dict[str, Any] = {
            "v_template": model.v_template,
            "faces": model.faces,
            "shapedirs": model.shapedirs[..., :10],
            "posedirs": model.posedirs,
            "joint_regressor": model.joint_regressor,
            "weights": model.weights,
        }
        for name in _SETS:
            rows: PointRows = getattr(body, name)
            arrays[f"{name}_indices"], arrays[f"{name}_weights"] = rows.indices, rows.weights.astype(np.float32)
        for name, array in arrays.items():
            tensor = None if array is None else torch.from_numpy(np.array(array))
            self.register_buffer(name, tensor, persistent=kept)
        for name in ("rest_joints", "joint_shapes", "few_template", "few_shapes", "few_poses", "few_weights",
                     "few_joints", "few_points"):  # fmt: skip
            self.register_buffer(name, None, persistent=False)
        self._derive()
        self.register_load_state_dict_post_hook(_derive_again)

    def _derive(self) -> None:
        """What follows from the arrays: rest joints as a function of shape, and the part that a few points need."""
        self.rest_joints = self.joint_regressor @ self.v_template
        self.joint_shapes = torch.einsum("jv,vks->jks", self.joint_regressor, self.shapedirs)
        device = self.v_template.device
        rows = [self._rows(name) for name in ("joints", "mesh_points")]
        used = np.unique(np.concatenate([row.used() for row in rows]))
        order = np.concatenate([np.arange(NUM_JOINTS), used[used >= NUM_JOINTS]])
        vertices = torch.from_numpy(order[NUM_JOINTS:] - NUM_JOINTS).to(device)
        self.few_template, self.few_shapes = self.v_template[vertices], self.shapedirs[vertices]
        self.few_poses = None if self.posedirs is None else self.posedirs[vertices]
        self.few_weights = self.weights[vertices]
        self.few_joints, self.few_points = (torch.from_numpy(row.renumbered(order).indices).to(device) for row in rows)

    def _rows(self, name: str) -> PointRows:
        indices, weights = getattr(self, f"{name}_indices"), getattr(self, f"{name}_weights")
        return PointRows(indices=indices.cpu().numpy(), weights=weights.double().cpu().numpy())

    def forward(self, betas: Tensor, rotations: Tensor, *, surface: bool = False) -> BodyPoints:
        """From (B, 10) and (B, 24, 3, 3)."""
        rest_joints = self.rest_joints + torch.einsum("jks,bs->bjk", self.joint_shapes, betas)
        transforms = joint_transforms(rotations, rest_joints, PARENTS)
        smpl = (transforms[..., :3, :3] @ rest_joints[..., None])[..., 0] + transforms[..., :3, 3]
        if surface:
            vertices = _blend(self.v_template, self.shapedirs, self.posedirs, self.weights, betas, rotations, transforms)
            there, joints, points = torch.cat([smpl, vertices], 1), self.joints_indices, self.mesh_points_indices
        else:
            few = _blend(self.few_template, self.few_shapes, self.few_poses, self.few_weights, betas, rotations, transforms)
            there, joints, points = torch.cat([smpl, few], 1), self.few_joints, self.few_points
        return BodyPoints(
            smpl_joints=smpl,
            joints=weighted(there, joints, self.joints_weights),
            mesh_points=weighted(there, points, self.mesh_points_weights),
            vertices=vertices if surface else None,
        )

    def h36m_joints(self, smpl_joints: Tensor, vertices: Tensor) -> Tensor:
        """(B, 17, 3) Human3.6M's joints of (B, 24, 3) joints and (B, V, 3) vertices."""
        return weighted(torch.cat([smpl_joints, vertices], 1), self.h36m_indices, self.h36m_weights)


def _derive_again(module: nn.Module, keys: object) -> None:
    """After weights were loaded into a layer."""
    assert isinstance(module, BodyLayer)
    module._derive()


def weighted(points: Tensor, indices: Tensor, weights: Tensor) -> Tensor:
    """(B, R, 3) means of (B, N, 3) points by (R, K) indices and weights."""
    taken = points[:, indices.reshape(-1)].reshape(len(points), *indices.shape, 3)
    return (taken * weights[..., None]).sum(2)


def _blend(
    template: Tensor,
    shapes: Tensor,
    poses: Tensor | None,
    weights: Tensor,
    betas: Tensor,
    rotations: Tensor,
    transforms: Tensor,
) -> Tensor:
    """(B, N, 3) vertices, see ``skinning.skin``; vertices lie last while they are computed: long runs to multiply."""
    batch, count = len(betas), len(template)
    rest = template.reshape(-1) + betas @ shapes.reshape(3 * count, -1).T
    if poses is not None:
        feature = (rotations[:, 1:] - torch.eye(3, dtype=rotations.dtype, device=rotations.device)).reshape(batch, -1)
        rest = rest + feature @ poses.reshape(3 * count, -1).T
    affine = transforms[..., :3, :].reshape(batch, NUM_JOINTS, 12)
    blended = (affine.mT @ weights.T).reshape(batch, 3, 4, count)
    points = rest.reshape(batch, count, 3).mT
    x, y, z = (points[:, None, axis] for axis in range(3))
    return (blended[:, :, 0] * x + blended[:, :, 1] * y + blended[:, :, 2] * z + blended[:, :, 3]).mT.contiguous()
