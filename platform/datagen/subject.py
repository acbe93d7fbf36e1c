"""A subject: one posed, textured human mesh with what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """In the world frame: metres, x right, y up, z towards the viewer, facing +z; the floor is y = 0."""

    subject_id: str
    mesh: Mesh
    source: str
    licence: str
    joints_m: NDArray[np.float32] | None = None
    """(24, 3) joints in SMPL order."""
    body_parameters: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """SMPL-format parameters: ``global_orient`` (3,), ``body_pose`` (69,) axis-angle radians, ``betas`` (10,),
    ``translation_m`` (3,), ``expression`` (52,)."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Plain values worth keeping: pose name, garments, original units."""


class Source(Protocol):
    """Where subjects come from. ``load`` is a pure function of the source's options and the id."""

    @property
    def name(self) -> str:
        """As it is called on the command line."""

    def subject_ids(self) -> Sequence[str]:
        """All subjects in a stable order."""

    def load(self, subject_id: str) -> Subject:
        """One subject; raises ``InputError`` with the reason when it cannot be used (it is then quarantined)."""
