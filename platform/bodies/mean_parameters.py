"""The body that a regressor starts from: mean pose, shape and camera.

Published for SMPL as ``smpl_mean_params.npz`` (SPIN). For the built-in people it is the mean of the poses that they are
drawn in, upright, filling the crop as their boxes do.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.poses import sample_pose
from vitruvian.bodies.skeleton import NUM_JOINTS
from vitruvian.bodies.skinning import pose_body
from vitruvian.errors import InputError

Floats = NDArray[np.float32]
NUM_DRAWN = 512
BOX_SCALE = 1.2
"""Side of the crop over the larger side of the person, as in SPIN's lists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanParameters:
    """In PyMAF's layout, its axes x right, y down, z away from the viewer."""

    pose: Floats
    """(144,): for each of 24 joints the first two columns of its rotation matrix, row by row."""
    betas: Floats
    """(10,)"""
    camera: Floats
    """(3,) scale, x, y of the weak-perspective camera of the crop."""

    @property
    def rotations(self) -> NDArray[np.float64]:
        """(24, 3, 3), orthonormal."""
        columns = self.pose.astype(np.float64).reshape(NUM_JOINTS, 3, 2)
        first = columns[..., 0] / np.linalg.norm(columns[..., 0], axis=1, keepdims=True)
        second = columns[..., 1] - first * (first * columns[..., 1]).sum(axis=1, keepdims=True)
        second /= np.linalg.norm(second, axis=1, keepdims=True)
        return np.stack([first, second, np.cross(first, second)], axis=-1)


def read_mean_parameters(path: Path) -> MeanParameters:
    """``smpl_mean_params.npz``; InputError for another file."""
    wanted = {"pose": 144, "shape": 10, "cam": 3}
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays: dict[str, Any] = {name: np.asarray(archive[name], np.float32).reshape(-1) for name in wanted}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is not SPIN's smpl_mean_params.npz with pose, shape and cam ({error}).") from None
    if any(len(arrays[name]) != count for name, count in wanted.items()):
        raise InputError(f"{path}: pose, shape and cam must have 144, 10 and 3 numbers.")
    return MeanParameters(pose=arrays["pose"], betas=arrays["shape"], camera=arrays["cam"])


def own_mean_parameters(model: BodyModel) -> MeanParameters:
    """Of everyday poses, for any model in SMPL's format: the joints' mean rotations, mean shape, the whole body in the crop."""
    rotations = _mean_rotations().copy()
    vertices = pose_body(model, body_pose=Rotation.from_matrix(rotations[1:]).as_rotvec()).vertices.astype(np.float64)
    middle = (vertices.max(axis=0) + vertices.min(axis=0)) / 2
    side = BOX_SCALE * float((vertices.max(axis=0) - vertices.min(axis=0))[:2].max())
    rotations[0] = np.diag([1.0, -1.0, -1.0])
    pelvis = (model.joint_regressor[0] @ model.v_template).astype(np.float64)  # about which the root turns
    shift = pelvis + rotations[0] @ (middle - pelvis)
    return MeanParameters(
        pose=rotations[:, :, :2].reshape(-1).astype(np.float32),
        betas=np.zeros(10, np.float32),
        camera=np.array([2 / side, -shift[0], -shift[1]], np.float32),
    )


@cache
def _mean_rotations() -> NDArray[np.float64]:
    """(24, 3, 3) of the joints of sampled poses, the root's the identity: the rotations nearest to the mean matrices."""
    rng = np.random.default_rng((0x6D65616E, 0))
    drawn = np.stack([sample_pose(rng).body_pose.reshape(-1, 3) for _ in range(NUM_DRAWN)])
    matrices = Rotation.from_rotvec(drawn.reshape(-1, 3)).as_matrix().reshape(NUM_DRAWN, NUM_JOINTS - 1, 3, 3).mean(axis=0)
    left, _, right = np.linalg.svd(matrices)
    left[..., -1] *= np.sign(np.linalg.det(left @ right))[:, None]
    return np.concatenate([np.eye(3)[None], left @ right])
