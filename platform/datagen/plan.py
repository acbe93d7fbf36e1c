"""What a protocol decides for one subject before anything is drawn: scale, views, where volumes and points lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View


@dataclass(frozen=True, kw_only=True, slots=True)
class Similarity:
    """The protocol's normalisation of a subject: ``units = units_per_metre * (world - center_m)``."""

    units_per_metre: float
    center_m: tuple[float, float, float]

    def to_world(self, units_n3: NDArray[Any]) -> NDArray[np.float64]:
        """Protocol units to world metres."""
        return np.asarray(units_n3, np.float64) / self.units_per_metre + np.array(self.center_m)


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryPlan:
    """How the pool of query points is drawn, in protocol units."""

    num_points: int
    sigma: float
    """Standard deviation, per axis, of the noise added to surface points."""
    surface_per_uniform: int
    """Surface points for each point that is uniform in the box."""
    box_min: tuple[float, float, float]
    box_max: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class VoxelPlan:
    """Where the solid voxels lie, in protocol units."""

    origin: tuple[float, float, float]
    cell: float
    resolution: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class SubjectPlan:
    """Everything that a protocol decides for one subject."""

    similarity: Similarity
    views: tuple[View, ...]
    query: QueryPlan
    voxels: VoxelPlan


class DataProtocol(Protocol):
    """A published system's way to make data: a pure function of the subject, its position, its split and the seed."""

    name: str

    def plan(self, subject: Subject, *, index: int, split: str, seed: int) -> SubjectPlan: ...
