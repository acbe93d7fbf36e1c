"""Lamps at points in space: the light of Geo-PIFu's pictures, evaluated at the vertices as a fixed-function pipeline does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class PointLights:
    """Lamps that stay with the viewer: positions in the camera frame (x right, y up, z towards the viewer), in metres.

    A Lambert surface with unit normal n at p gets ``sum over lamps of color * max(0, n . (l - p) / |l - p|)``: no attenuation,
    no ambient light, no shadows (Geo-PIFu's renderer; He et al., NeurIPS 2020).
    """

    positions_m: tuple[Triple, ...]
    colors: tuple[Triple, ...]
    """One for each position, linear factors of the albedo; white is (1, 1, 1)."""

    def __post_init__(self) -> None:
        if len(self.positions_m) != len(self.colors):
            raise ValueError(f"PointLights: {len(self.positions_m)} positions and {len(self.colors)} colours; give one each.")

    def in_world(self, camera: Camera) -> NDArray[np.float64]:
        """Positions in world metres, (L, 3)."""
        return camera.to_world(np.array(self.positions_m, np.float64).reshape(-1, 3))

    def irradiance(self, points_n3: NDArray[Any], normals_n3: NDArray[Any], camera: Camera) -> NDArray[np.float64]:
        """What unit normals (N, 3) at points (N, 3), both in the world frame, receive: (N, 3) RGB, not clamped."""
        points, normals = np.asarray(points_n3, np.float64), np.asarray(normals_n3, np.float64)
        cosines = np.zeros((len(points), len(self.colors)))
        for k, position in enumerate(self.in_world(camera)):
            towards = position - points
            cosine = np.einsum("nc,nc->n", normals, towards) / np.sqrt(np.einsum("nc,nc->n", towards, towards))
            cosines[:, k] = np.maximum(cosine, 0.0)
        return cosines @ np.array(self.colors, np.float64).reshape(-1, 3)

    def description(self) -> dict[str, Any]:
        """Plain values; ``from_description`` is the inverse."""
        return {"kind": "points", "positions_m": [list(p) for p in self.positions_m], "colors": [list(c) for c in self.colors]}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> PointLights:
        positions, colors = (tuple((row[0], row[1], row[2]) for row in description[name]) for name in ("positions_m", "colors"))
        return cls(positions_m=positions, colors=colors)
