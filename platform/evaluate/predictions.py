"""What a body network estimates, in the layout of the published evaluation's result file: joints, pose, shape, camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitruvian.bodies.body_layer import weighted
from vitruvian.bodies.files import write_npz
from vitruvian.methods.pymaf.network import Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Predictions:
    """Of N people, in the network's axes (x right, y down, z away). The keys of the published file."""

    pred_joints: NDArray[np.float32]
    """(N, 17, 3) Human3.6M's joints in metres, as the body without translation has them."""
    pose: NDArray[np.float32]
    """(N, 72) axis-angle, radians, joint by joint."""
    betas: NDArray[np.float32]
    """(N, 10)."""
    camera: NDArray[np.float32]
    """(N, 3) scale, x, y of the weak perspective on the crop."""

    @classmethod
    def joined(cls, parts: Sequence[Predictions]) -> Predictions:
        """One after another."""
        return cls(**{one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)})

    def write(self, path: Path, names: Sequence[str]) -> None:
        """An .npz with these arrays and ``imgname``, the picture of each row."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        write_npz(temporary, {"imgname": np.array(names), **{one.name: getattr(self, one.name) for one in fields(self)}})
        temporary.replace(path)


def predicted(estimate: Estimate, h36m_indices: Tensor, h36m_weights: Tensor) -> Predictions:
    """Of an estimate that has its surface; the rows of Human3.6M's regressor are those of ``RegressionBody.h36m``."""
    assert estimate.vertices is not None
    surface = torch.cat([estimate.smpl_joints, estimate.vertices], 1)
    theta = estimate.theta().float().cpu().numpy()
    return Predictions(
        pred_joints=weighted(surface, h36m_indices, h36m_weights).float().cpu().numpy(),
        pose=theta[:, 13:],
        betas=theta[:, 3:13],
        camera=theta[:, :3],
    )
