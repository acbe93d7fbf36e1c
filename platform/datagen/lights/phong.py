"""A lamp with ambient, diffuse and glossy light, evaluated at every pixel: the light of HuManiFlow's training pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera


@dataclass(frozen=True, kw_only=True, slots=True)
class PhongLight:
    """One white lamp that stays with the viewer, in the Phong model (Phong 1975; HuManiFlow's renderer, 2023).

    A point with unit normal n, albedo a, direction l to the lamp and v to the camera gets
    ``a (ambient + diffuse max(0, n.l)) + specular max(0, v.r)^shininess``, r = 2 (n.l) n - l, the last only where n.l > 0; no
    attenuation, no shadows. Colours are cut off at 1.
    """

    position_m: tuple[float, float, float]
    """In the camera frame (x right, y up, z towards the viewer)."""
    ambient: float
    diffuse: float
    specular: float
    shininess: float = 64.0

    def shade(
        self, points_n3: NDArray[Any], normals_n3: NDArray[Any], albedo_n3: NDArray[np.float32], camera: Camera
    ) -> NDArray[np.float32]:
        """(N, 3) colours in [0, 1] of points (N, 3) with unit normals (N, 3), both in the world frame."""
        points = camera.to_camera(points_n3)
        normals = np.asarray(normals_n3, np.float64) @ camera.rotation_33.T
        towards = _unit(np.array(self.position_m) - points)
        cosine = np.einsum("nc,nc->n", normals, towards)
        viewer = _unit(-points) if camera.projection == "perspective" else np.array([[0.0, 0.0, 1.0]])
        mirrored = 2 * cosine[:, None] * normals - towards
        gloss = np.maximum((viewer * mirrored).sum(axis=1), 0.0) ** self.shininess * (cosine > 0)
        matt = self.ambient + self.diffuse * np.maximum(cosine, 0.0)
        return np.clip(albedo_n3 * matt[:, None] + self.specular * gloss[:, None], 0.0, 1.0).astype(np.float32)

    def description(self) -> dict[str, Any]:
        """Plain values; ``from_description`` is the inverse."""
        return {
            "kind": "phong",
            "position_m": list(self.position_m),
            "ambient": self.ambient,
            "diffuse": self.diffuse,
            "specular": self.specular,
            "shininess": self.shininess,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> PhongLight:
        x, y, z = description["position_m"]
        numbers = {name: description[name] for name in ("ambient", "diffuse", "specular", "shininess")}
        return cls(position_m=(x, y, z), **numbers)


def _unit(vectors_n3: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors_n3, axis=1, keepdims=True)
    return np.divide(vectors_n3, length, out=np.zeros_like(vectors_n3), where=length > 0)
