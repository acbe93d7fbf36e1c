"""A quick look at what the colour network says: the surface's points as dots, from the front and from behind."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

SIDE_PX = 160
DOTS_PX = 80
"""Resolution of the dots."""


def colour_preview(images: Tensor, calibration: Tensor, points: Tensor, truth: Tensor, predicted: Tensor) -> NDArray[np.uint8]:
    """(B, 3, S, S) pictures, (B, 4, 4), (B, 3, N) points and colours in [-1, 1] -> one (B * 160, 800, 3) picture.

    A row is the input; the front, true and predicted; the back, true and predicted.
    """
    seen = calibration[:, :3, :3].float() @ points.float() + calibration[:, :3, 3:].float()
    rows = []
    for index in range(len(images)):
        picture = F.interpolate(
            images[index : index + 1].float(), size=(SIDE_PX, SIDE_PX), mode="bilinear", align_corners=False, antialias=True
        )[0]
        views = [
            _dots(seen[index] * seen.new_tensor([[side], [1.0], [side]]), colours[index].float())
            for side in (1.0, -1.0)
            for colours in (truth, predicted)
        ]
        rows.append(torch.cat([picture, *views], dim=2))
    shown = ((torch.cat(rows, dim=1) * 0.5 + 0.5) * 255).round().clamp(0, 255)
    return shown.to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def _dots(seen: Tensor, colours: Tensor) -> Tensor:
    """(3, N) places in [-1, 1] (y down, z towards the viewer) and colours -> (3, 160, 160), white where there is nothing."""
    column, row = ((seen[:2] + 1) / 2 * DOTS_PX).long().clamp(0, DOTS_PX - 1)
    far_to_near = seen[2].argsort()
    canvas = torch.ones(3, DOTS_PX, DOTS_PX, device=seen.device)
    cell = (row * DOTS_PX + column)[far_to_near]
    # The nearest of a cell's points: scattered places may be written in any order, so only one of them is written.
    nearest = torch.full((DOTS_PX * DOTS_PX,), -1, dtype=torch.long, device=seen.device)
    nearest.scatter_reduce_(0, cell, torch.arange(len(cell), device=seen.device), reduce="amax")
    filled = nearest >= 0
    canvas.view(3, -1)[:, filled] = colours[:, far_to_near][:, nearest[filled]]
    return F.interpolate(canvas[None], size=(SIDE_PX, SIDE_PX), mode="nearest")[0]
