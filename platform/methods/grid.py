"""A regular grid of points over a box: where a field is evaluated, and how its indices become positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Index (i, j, k) lies at ``minimum + (i, j, k) * cell_size``.

    As published the box is divided by the resolution, not by resolution - 1: its far faces hold no points.
    """

    minimum: tuple[float, float, float]
    maximum: tuple[float, float, float]
    resolution: tuple[int, int, int]

    def __post_init__(self) -> None:
        if min(self.resolution) < 2:
            raise ValueError(f"Grid: resolution is {self.resolution}; every axis needs at least 2 points.")
        if any(low >= high for low, high in zip(self.minimum, self.maximum, strict=True)):
            raise ValueError(f"Grid: minimum {self.minimum} must be below maximum {self.maximum} on every axis.")

    @property
    def cell_size(self) -> NDArray[np.float64]:
        """(3,) distance between neighbours along x, y and z."""
        return (np.array(self.maximum) - np.array(self.minimum)) / np.array(self.resolution)

    def matrix(self) -> NDArray[np.float64]:
        """(4, 4) from indices to positions."""
        matrix = np.diag([*self.cell_size, 1.0])
        matrix[:3, 3] = self.minimum
        return matrix

    def points(self, indices_n3: NDArray[Any]) -> NDArray[np.float32]:
        """(N, 3) indices, fractions allowed, to (N, 3) positions."""
        return (np.asarray(indices_n3, np.float64) * self.cell_size + np.array(self.minimum)).astype(np.float32)
