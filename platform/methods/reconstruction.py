"""What every method gives for a picture, and what it must be able to do to be evaluated and served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.weights import Card


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconstruction:
    """A person recovered from one picture."""

    mesh: Mesh
    """Metres, with vertex colours: in the world of the given camera; without one, y up, facing the viewer along +z, the lowest
    row of the mask at y = 0, the middle of its columns at x = 0, its height 1.75 m."""
    camera: Camera
    """The camera of the picture in that frame: the given one, or the one that was assumed."""
    timings_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds by step, in order."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Plain values worth showing: points evaluated, components dropped."""


class Reconstructor(Protocol):
    """Loaded weights of a method."""

    card: Card

    def reconstruct(
        self, picture: NDArray[np.uint8], mask: NDArray[np.bool_], *, camera: Camera | None = None
    ) -> Reconstruction:
        """Recover the person whom ``mask`` (H, W) marks in ``picture`` (H, W, 3).

        Raises ``InputError`` if nobody can be recovered, with the reason.
        """

    def reconstruct_many(
        self, pictures: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.bool_]]
    ) -> list[Reconstruction]:
        """What ``reconstruct`` gives for each picture and mask, in less time where a method can do better than one after the
        other. Raises ``InputError`` for the first of them that cannot be recovered."""
