"""In which unit, and standing and facing which way, a source's files hold people; and the way from there to the world frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Unit = Literal["m", "cm", "mm", "in"]
Axis = Literal["y", "z", "x", "neg-y", "neg-z", "neg-x"]
METRES: dict[str, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
_VECTORS = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1), "neg-x": (-1, 0, 0), "neg-y": (0, -1, 0), "neg-z": (0, 0, -1)}
_USUAL_FACING: dict[str, Axis] = {"y": "z", "z": "neg-y", "x": "z", "neg-y": "neg-z", "neg-z": "y", "neg-x": "z"}
AXES: tuple[str, ...] = get_args(Axis)


@dataclass(frozen=True, kw_only=True, slots=True)
class Convention:
    """What a source declares about its files. World: metres, y up, facing +z."""

    unit: Unit = "m"
    up: Axis = "y"
    facing: Axis | None = None
    """The axis that people look along; None is the usual one for this ``up``."""

    def __post_init__(self) -> None:
        if self.facing is not None and self.facing[-1] == self.up[-1]:
            raise ValueError(f"Convention: people cannot stand along {self.up} and face along {self.facing}.")

    @property
    def front(self) -> Axis:
        return _USUAL_FACING[self.up] if self.facing is None else self.facing

    def turn(self) -> NDArray[np.float64]:
        """(3, 3): file coordinates to world axes, a rotation."""
        up, front = np.array(_VECTORS[self.up], np.float64), np.array(_VECTORS[self.front], np.float64)
        return np.stack([np.cross(up, front), up, front])

    def world_from_file(self, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        """(4, 4): to metres and the world's axes, the lowest of ``vertices`` (V, 3) on the floor, their median over x = z = 0.

        Vertices that are not finite are left out of the placing.
        """
        matrix = np.eye(4)
        matrix[:3, :3] = self.turn() * METRES[self.unit]
        placed = vertices.astype(np.float64) @ matrix[:3, :3].T
        placed = placed[np.isfinite(placed).all(axis=1)]
        if len(placed):
            matrix[:3, 3] = -np.median(placed, axis=0)
            matrix[1, 3] = -placed[:, 1].min()
        return matrix

    def described(self) -> str:
        """For people: ``metres, y up, facing z``."""
        names = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "in": "inches"}
        return f"{names[self.unit]}, {self.up} up, facing {self.front}"
