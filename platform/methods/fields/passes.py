"""Many points through a network, so many at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Query = Callable[[Tensor], Tensor]
"""(1, 3, n) points on the network's device to (1, C, n) values."""


def in_passes(
    query: Query, *, device: torch.device | str, points_per_pass: int, channels: int = 1
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """A function of (N, 3) points that gives (N,) values, or (N, channels) of more than one channel."""

    def ask(points: NDArray[np.float32]) -> NDArray[np.float32]:
        values = np.empty((channels, len(points)), np.float32)
        for start in range(0, len(points), points_per_pass):
            part = torch.from_numpy(np.ascontiguousarray(points[start : start + points_per_pass].T))[None].to(device)
            values[:, start : start + points_per_pass] = query(part)[0].float().cpu().numpy()
        return values[0] if channels == 1 else np.ascontiguousarray(values.T)

    return ask
