"""What a protocol decides for one subject before anything is drawn: scale, views, where volumes and points lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.body_plan import BodyPlan
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.geometry.voxelize import SolidRule

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Similarity:
    """The protocol's normalisation of a subject: ``units = units_per_metre * rotation @ (world - center_m)``."""

    units_per_metre: float
    center_m: tuple[float, float, float]
    rotation: tuple[float, ...] = IDENTITY
    """World axes to the axes of the protocol's units, 3x3 row-major."""

    @property
    def rotation_33(self) -> NDArray[np.float64]:
        return np.array(self.rotation, np.float64).reshape(3, 3)

    def to_world(self, units_n3: NDArray[Any]) -> NDArray[np.float64]:
        """Protocol units to world metres."""
        return self._turned(np.asarray(units_n3, np.float64), self.rotation_33) / self.units_per_metre + np.array(self.center_m)

    def to_units(self, world_n3: NDArray[Any]) -> NDArray[np.float64]:
        """World metres to protocol units."""
        return (
            self._turned(np.asarray(world_n3, np.float64) - np.array(self.center_m), self.rotation_33.T) * self.units_per_metre
        )

    def _turned(self, points_n3: NDArray[np.float64], matrix_33: NDArray[np.float64]) -> NDArray[np.float64]:
        return points_n3 if self.rotation == IDENTITY else points_n3 @ matrix_33


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
class ColorPlan:
    """How the pool of points for a colour network is drawn, in protocol units."""

    num_points: int
    sigma: float
    """Standard deviation of the distance from the surface, along the normal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VoxelPlan:
    """Where the solid voxels lie, in protocol units and along their axes, and what counts as solid."""

    origin: tuple[float, float, float]
    cell: float
    resolution: tuple[int, int, int]
    rule: SolidRule = "center"
    """See ``geometry/voxelize.py``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubjectPlan:
    """Everything that a protocol decides for one draw of a subject.

    Most protocols draw a subject once. Geo-PIFu does it four times, each with a pose, scale and background of its own: the
    first draw then holds the others in ``further``.
    """

    similarity: Similarity
    views: tuple[View, ...]
    query: QueryPlan
    voxels: VoxelPlan
    body: BodyPlan = field(default_factory=BodyPlan)
    colors: ColorPlan | None = None
    """None where the protocol has no colour network."""
    config: Mapping[str, Any] | None = None
    """What the published system writes down for this draw, where it does (item ``config``)."""
    published: bool = False
    """Reproduce the published system's defects instead of mending them."""
    further: tuple[SubjectPlan, ...] = ()

    @property
    def draws(self) -> tuple[SubjectPlan, ...]:
        """All draws, in order; ``View.group`` counts them."""
        return (self, *self.further)


@runtime_checkable
class PreparingProtocol(Protocol):
    """A protocol that draws something made of the subject, such as its body without clothes, instead of the subject."""

    def prepare(self, subject: Subject, *, index: int, seed: int) -> Subject:
        """What is planned and drawn in the subject's place: a pure function of the arguments."""
        ...


class DataProtocol(Protocol):
    """A published system's way to make data: a pure function of the subject, its position, its split and the seed."""

    @property
    def name(self) -> str:
        """As it is called on the command line."""

    def plan(self, subject: Subject, *, index: int, split: str, seed: int) -> SubjectPlan: ...
