"""PyMAF's camera in the network: a scale and two shifts stand for 5000 pixels of focal length on a crop of 224.

Its axes are x right, y down, z away from the viewer. ``datagen/spin/camera.py`` has the same for plain arrays.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitruvian.datagen.spin.camera import FOCAL_PX, SIZE_PX


def translation_of(camera: Tensor) -> Tensor:
    """(B, 3) scale, x, y -> (B, 3) the translation before the camera, metres."""
    scale, x, y = camera.unbind(-1)
    return torch.stack([x, y, 2 * FOCAL_PX / (SIZE_PX * scale + 1e-9)], dim=-1)


def project(points: Tensor, camera: Tensor) -> Tensor:
    """(B, N, 3) points by (B, 3) cameras -> (B, N, 2) in [-1, 1] over the crop, x right, y down."""
    moved = points + translation_of(camera)[:, None]
    return moved[..., :2] / moved[..., 2:] * (FOCAL_PX / (SIZE_PX / 2))
