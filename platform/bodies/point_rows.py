"""Points of a body that are weighted means of a few of its joints and vertices: regressors, picked vertices, coarser meshes.

Written down row by row with the few numbers that are not zero, so that neither memory nor time depends on the body's size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class PointRows:
    """R points, each of at most K of the N points that they are made of."""

    indices: NDArray[np.int64]
    """(R, K) of the points; 0 where a row has fewer."""
    weights: NDArray[np.float64]
    """(R, K), 0 where a row has fewer."""

    def __post_init__(self) -> None:
        if self.indices.ndim != 2 or self.indices.shape != self.weights.shape:
            raise ValueError(f"PointRows: indices {self.indices.shape} and weights {self.weights.shape}; both must be (R, K).")

    def __len__(self) -> int:
        return len(self.indices)

    @classmethod
    def of(cls, rows: Sequence[Mapping[int, float]]) -> PointRows:
        """From index -> weight, row by row."""
        width = max((len(row) for row in rows), default=0)
        indices, weights = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width))
        for number, row in enumerate(rows):
            indices[number, : len(row)] = list(row.keys())
            weights[number, : len(row)] = list(row.values())
        return cls(indices=indices, weights=weights)

    @classmethod
    def from_matrix(cls, matrix: NDArray[Any], *, offset: int = 0) -> PointRows:
        """From (R, N) numbers; ``offset`` is added to every index."""
        return cls.of([{int(k) + offset: float(row[k]) for k in np.flatnonzero(row)} for row in matrix])

    def matrix(self, num_points: int) -> NDArray[np.float64]:
        """(R, N)."""
        full = np.zeros((len(self), num_points))
        np.add.at(full, (np.arange(len(self))[:, None], self.indices), self.weights)
        return full

    def used(self) -> NDArray[np.int64]:
        """The points that some row needs, in order."""
        return np.unique(self.indices[self.weights != 0])

    def renumbered(self, order: NDArray[np.int64]) -> PointRows:
        """The same rows of a shorter list: ``order`` has the old number of each new point and all that are ``used``."""
        new = np.searchsorted(order, np.where(self.weights != 0, self.indices, order[0]))
        return PointRows(indices=new, weights=self.weights)

    def __call__(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """(R, 3) of (N, 3)."""
        return np.asarray(np.einsum("rk,rkc->rc", self.weights, np.asarray(points, np.float64)[self.indices]))
