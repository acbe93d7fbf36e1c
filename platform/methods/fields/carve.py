"""Carving: what the picture shows beside the person is empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from vitruvian.methods.field_grid import Field


def carved(field: Field, coverage: NDArray[np.float32], to_network: NDArray[np.float64]) -> Field:
    """``field``, but at most twice the ``coverage`` (S, S) of the pixel that a point (N, 3) projects to; 0 outside.

    ``to_network`` (4, 4) takes points to the image: x and y in [-1, 1], y down.
    """
    rows, columns = coverage.shape
    matrix = to_network[:2, :3].T.astype(np.float32)
    shift = to_network[:2, 3].astype(np.float32)

    def limited(points: NDArray[np.float32]) -> NDArray[np.float32]:
        xy = points @ matrix + shift
        place = [(xy[:, 1] + 1) * rows / 2 - 0.5, (xy[:, 0] + 1) * columns / 2 - 0.5]
        return np.minimum(field(points), 2 * map_coordinates(coverage, place, order=1, mode="constant"))

    return limited
