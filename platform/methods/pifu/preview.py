"""A quick look at what the network recovers: shaded surfaces beside the pictures, without making meshes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.shading import RESOLUTION, as_picture, from_right, lattice, shaded


def preview(
    network: PifuShapeNetwork, images: Tensor, calibration: Tensor | None = None, *, num_views: int = 1
) -> NDArray[np.uint8]:
    """(B * V, 3, S, S) masked pictures -> one (B * 160, 480, 3) picture: the input, the surface from the front, from its right.

    Evaluates 48^3 points a sample over the cube [-1, 1]^3 of its first picture. ``calibration`` (B * V, 4, 4), from any common
    frame, says how its other pictures lie to that.
    """
    points = lattice(images.device).expand(num_views, -1, -1)
    rows = []
    with torch.no_grad():
        features = network.features(images)
        for first in range(0, len(images), num_views):
            views = slice(first, first + num_views)
            own = type(features)([m[views] for m in features.maps], features.stem[views], features.down)
            placed = torch.eye(4, device=images.device)[None]
            if calibration is not None:
                placed = calibration[views].float() @ torch.linalg.inv(calibration[first].float())
            volume = network.query(own, points, placed, num_views=num_views)[-1].float()
            volume = volume.reshape(RESOLUTION, RESOLUTION, RESOLUTION)
            rows.append(torch.cat([as_picture(images[first]), shaded(volume), shaded(from_right(volume))], dim=2))
    return torch.cat(rows, dim=1).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
