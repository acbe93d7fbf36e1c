"""What PyMAF is trained to minimise: errors of keypoints, joints, pose and shape after each correction, and of IUV maps.

Published means are over all entries of the samples that have the label; a keypoint's confidence is a factor, never a
divisor. The loss of u and v is a sum over pixels divided by the batch: large, and what early training is about.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vitruvian.bodies.charts import MERGED_15
from vitruvian.bodies.joint_sets import OPENPOSE25
from vitruvian.datagen.spin.iuv_maps import NUM_PARTS
from vitruvian.methods.pymaf.iuv_head import IuvScores
from vitruvian.methods.pymaf.network import Estimate
from vitruvian.methods.pymaf.rotations import axis_angle_to_matrix

NUM_OPENPOSE = len(OPENPOSE25)
HIPS = (2, 3)
"""Of the last 24 joints; 3D joints are compared from their middle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossWeights:
    """The published ones."""

    keypoints: float = 300.0
    joints: float = 300.0
    pose: float = 60.0
    shape: float = 0.06
    vertices: float = 0.0
    camera: float = 1.0
    """Of what keeps the scale positive."""
    coordinates: float = 0.5
    """Of u and v in IUV maps; 0 leaves them out."""
    parts: float = 1.0
    """Of both classifications of IUV maps."""
    openpose: float = 0.0
    """Times the confidence of the first 25 keypoints."""
    ground_truth: float = 1.0
    """Times that of the last 24."""

    def __post_init__(self) -> None:
        if min(getattr(self, name) for name in self.__slots__) < 0:
            raise ValueError(f"LossWeights: {self}; none may be negative.")


def mean_of_valid(errors: Tensor, valid: Tensor) -> Tensor:
    """The mean over all entries of those of B samples that ``valid`` (B,) marks; 0 if it marks none."""
    per_sample = errors.flatten(1).mean(1)
    return (per_sample * valid).sum() / valid.sum().clamp_min(1)


def keypoint_loss(predicted: Tensor, labels: Tensor, weights: LossWeights) -> Tensor:
    """Of (B, 49, 2) keypoints and (B, 49, 3) labels, both in [-1, 1], the last value confidence."""
    factors = torch.full((labels.shape[1], 1), weights.ground_truth, dtype=labels.dtype, device=labels.device)
    factors[:NUM_OPENPOSE] = weights.openpose
    return (labels[..., 2:] * factors * (predicted - labels[..., :2]).square()).mean()


def joint_loss(predicted: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
    """Of (B, 49, 3) joints and (B, 24, 4) labels of the last 24 (with confidence), metres, each from the middle of its hips."""
    ours, theirs = predicted[:, NUM_OPENPOSE:], labels[..., :3]
    ours = ours - ours[:, HIPS].mean(1, keepdim=True)
    theirs = theirs - theirs[:, HIPS].mean(1, keepdim=True)
    return mean_of_valid(labels[..., 3:] * (ours - theirs).square(), valid)


def pose_loss(rotations: Tensor, pose: Tensor, valid: Tensor) -> Tensor:
    """Of (B, 24, 3, 3) rotations and (B, 72) axis-angle labels."""
    return mean_of_valid((rotations - axis_angle_to_matrix(pose.reshape(-1, 24, 3))).square(), valid)


def camera_loss(camera: Tensor) -> Tensor:
    """Large where the scale of (B, 3) cameras is near 0 or negative."""
    return torch.exp(-10 * camera[:, 0]).square().mean()


def estimate_losses(
    estimate: Estimate,
    *,
    keypoints: Tensor,
    joints: Tensor,
    pose: Tensor,
    betas: Tensor,
    has_joints: Tensor,
    has_smpl: Tensor,
    weights: LossWeights,
    vertices: Tensor | None = None,
) -> dict[str, Tensor]:
    """The weighted terms of one correction. ``vertices``: the label's (B, V, 3), with ``weights.vertices``."""
    terms = {
        "pose": weights.pose * pose_loss(estimate.rotations, pose, has_smpl),
        "shape": weights.shape * mean_of_valid((estimate.parameters.betas - betas).square(), has_smpl),
        "keypoints": weights.keypoints * keypoint_loss(estimate.keypoints, keypoints, weights),
        "joints": weights.joints * joint_loss(estimate.joints, joints, has_joints),
        "camera": weights.camera * camera_loss(estimate.parameters.camera),
    }
    if weights.vertices and estimate.vertices is not None and vertices is not None:
        terms["vertices"] = weights.vertices * mean_of_valid((estimate.vertices - vertices).abs(), has_smpl)
    return terms


def iuv_losses(scores: IuvScores, labels: Tensor, valid: Tensor, weights: LossWeights) -> dict[str, Tensor]:
    """The weighted terms of (B, 3, H, W) labels of part / 24, u and v: coordinates at the label's part, both
    classifications."""
    part = torch.round(labels[:, 0] * NUM_PARTS).long()
    merged = torch.tensor(MERGED_15, device=labels.device)[part]
    terms = {
        "parts": weights.parts * mean_of_valid(F.cross_entropy(scores.parts, part, reduction="none"), valid),
        "merged_parts": weights.parts * mean_of_valid(F.cross_entropy(scores.merged, merged, reduction="none"), valid),
    }
    if weights.coordinates:
        for name, predicted, wanted in (("u", scores.u, labels[:, 1]), ("v", scores.v, labels[:, 2])):
            here = predicted.gather(1, part[:, None])[:, 0]
            errors = F.smooth_l1_loss(here, torch.where(part > 0, wanted, torch.zeros_like(wanted)), reduction="none")
            terms[name] = weights.coordinates * (errors.flatten(1).sum(1) * valid).sum() / len(labels)
    return terms
