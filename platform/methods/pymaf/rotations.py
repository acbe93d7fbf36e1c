"""Rotations as the network writes them (six numbers), as bodies take them (matrices) and as lists hold them (axis-angle).

Six numbers are the first two columns of a matrix, row by row (Zhou et al., CVPR 2019). Formulas and signs are the published
code's, so that what it reports can be compared number by number.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

NORM_GUARD = 1e-12
_TINY = 1e-8
_NEAR_ZERO = 1e-6


def six_to_matrix(six: Tensor) -> Tensor:
    """(..., 6) -> (..., 3, 3): the columns made orthonormal, the third their cross product."""
    pairs = six.reshape(*six.shape[:-1], 3, 2)
    first = F.normalize(pairs[..., 0], dim=-1, eps=NORM_GUARD)
    beside = pairs[..., 1] - (first * pairs[..., 1]).sum(-1, keepdim=True) * first
    second = F.normalize(beside, dim=-1, eps=NORM_GUARD)
    return torch.stack([first, second, torch.linalg.cross(first, second, dim=-1)], dim=-1)


def matrix_to_six(matrices: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 6)."""
    return matrices[..., :2].reshape(*matrices.shape[:-2], 6)


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """(..., 3) -> (..., 3, 3) by way of a quaternion; the norm is taken of the vector with 1e-8 added, as in the losses."""
    angle = torch.linalg.vector_norm(axis_angle + _TINY, dim=-1, keepdim=True)
    axis = axis_angle / angle
    quaternion = torch.cat([torch.cos(angle / 2), torch.sin(angle / 2) * axis], dim=-1)
    w, x, y, z = F.normalize(quaternion, dim=-1).unbind(-1)
    rows = [
        [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (w * y + x * z)],
        [2 * (w * z + x * y), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (w * x + y * z), w * w - x * x - y * y + z * z],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def matrix_to_quaternion(matrices: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 4) w, x, y, z; of the four ways the one that the published code takes, its own part positive."""
    m = [[matrices[..., row, column] for column in range(3)] for row in range(3)]
    squared = torch.stack(  # four times the square of w, x, y, z
        [
            1 + m[0][0] + m[1][1] + m[2][2],
            1 + m[0][0] - m[1][1] - m[2][2],
            1 - m[0][0] + m[1][1] - m[2][2],
            1 - m[0][0] - m[1][1] + m[2][2],
        ],
        dim=-1,
    )
    x, y, z = m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]
    xy, xz, yz = m[0][1] + m[1][0], m[0][2] + m[2][0], m[1][2] + m[2][1]
    by_w, by_x = [squared[..., 0], x, y, z], [x, squared[..., 1], xy, xz]
    by_y, by_z = [y, xy, squared[..., 2], yz], [z, xz, yz, squared[..., 3]]
    lower = torch.where(m[0][0] > m[1][1], 1, 2)
    upper = torch.where(m[0][0] < -m[1][1], 3, 0)
    chosen = torch.where(m[2][2] < _NEAR_ZERO, lower, upper)[..., None]
    candidates = torch.stack([torch.stack(parts, -1) for parts in (by_w, by_x, by_y, by_z)], -2)
    picked = torch.take_along_dim(candidates, chosen[..., None], dim=-2)[..., 0, :]
    return 0.5 * picked / torch.take_along_dim(squared, chosen, dim=-1).sqrt()


def matrix_to_axis_angle(matrices: Tensor) -> Tensor:
    """(..., 3, 3) -> (..., 3), angles in (-pi, pi]; for reports, there is no good gradient at half turns."""
    quaternion = matrix_to_quaternion(matrices)
    w, vector = quaternion[..., :1], quaternion[..., 1:]
    sine = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    angle = 2 * torch.where(w < 0, torch.atan2(-sine, -w), torch.atan2(sine, w))
    factor = torch.where(sine > 0, angle / sine.clamp_min(torch.finfo(sine.dtype).tiny), torch.full_like(sine, 2.0))
    return torch.nan_to_num(vector * factor)
