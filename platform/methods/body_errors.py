"""How far an estimated body is from the true one: the measures of Human3.6M and 3DPW.

Source: the evaluation of HMR and SPIN (Kanazawa et al., CVPR 2018; Kolotouros et al., ICCV 2019), which PyMAF keeps. All in
the unit of the points; papers give millimetres.
"""

from __future__ import annotations

import torch
from torch import Tensor


def similarity_aligned(predicted: Tensor, truth: Tensor) -> Tensor:
    """(B, J, 3) predicted points turned, scaled and moved onto (B, J, 3) true ones, with the least squared distance.

    Never mirrored. Closed form of Umeyama, 1991.
    """
    middle, target = predicted.mean(1, keepdim=True), truth.mean(1, keepdim=True)
    ours, theirs = predicted - middle, truth - target
    left, singular, right = torch.linalg.svd(ours.mT @ theirs)
    sign = torch.ones_like(singular)
    sign[:, -1] = torch.sign(torch.linalg.det(left @ right))
    rotation = (right.mT * sign[:, None]) @ left.mT
    scale = (singular * sign).sum(1) / ours.square().sum((1, 2)).clamp_min(1e-12)
    return scale[:, None, None] * (ours @ rotation.mT) + target


def mean_distance(predicted: Tensor, truth: Tensor) -> Tensor:
    """(B,) the mean distance of (B, J, 3) points: MPJPE of joints that are both taken from their pelvis, PVE of vertices."""
    return torch.linalg.vector_norm(predicted - truth, dim=-1).mean(-1)


def aligned_distance(predicted: Tensor, truth: Tensor) -> Tensor:
    """(B,) the same after ``similarity_aligned``: PA-MPJPE."""
    return mean_distance(similarity_aligned(predicted, truth), truth)
