"""One camera type for every method: where it stands, how it projects, how many pixels it has.

Frames. World (the body frame of a subject): metres, right-handed, x to the viewer's right when the subject faces the viewer,
y up, z towards the viewer. Camera: x right, y up, z towards the viewer, so what a camera sees has negative z; *depth* is -z.
Pixels: the image's top-left corner is (0, 0) and the centre of its first pixel is (0.5, 0.5).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Projection = Literal["orthographic", "perspective"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """A pinhole or orthographic camera.

    Orthographic: ``u = center_px[0] + focal_px[0] * x``, ``v = center_px[1] - focal_px[1] * y`` with x, y in camera metres, so
    ``focal_px`` is in pixels per metre. Perspective: the same with x / depth, y / depth, and ``focal_px`` in pixels.
    """

    projection: Projection
    width_px: int
    height_px: int
    focal_px: tuple[float, float]
    center_px: tuple[float, float]
    rotation: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    """World to camera, 3x3 row-major."""
    translation_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """camera = rotation @ world + translation."""
    near_m: float = 0.01
    """Perspective only: nothing nearer than this depth is seen."""

    def __post_init__(self) -> None:
        if self.projection not in ("orthographic", "perspective"):
            raise ValueError(f"Camera: projection is {self.projection!r}; it must be 'orthographic' or 'perspective'.")
        if self.width_px < 1 or self.height_px < 1:
            raise ValueError(f"Camera: the image is {self.width_px}x{self.height_px} pixels; both sides must be at least 1.")
        if min(self.focal_px) <= 0:
            raise ValueError(f"Camera: focal_px is {self.focal_px}; both values must be positive.")
        if len(self.rotation) != 9:
            raise ValueError(f"Camera: rotation has {len(self.rotation)} values; it must have 9, row by row.")

    @property
    def rotation_33(self) -> NDArray[np.float64]:
        return np.array(self.rotation, np.float64).reshape(3, 3)

    def to_camera(self, points_n3: NDArray[Any]) -> NDArray[np.float64]:
        """World points (N, 3) in metres to camera points (N, 3) in metres."""
        return np.asarray(points_n3, np.float64) @ self.rotation_33.T + np.array(self.translation_m)

    def to_world(self, points_n3: NDArray[Any]) -> NDArray[np.float64]:
        """Camera points (N, 3) in metres to world points (N, 3) in metres."""
        return (np.asarray(points_n3, np.float64) - np.array(self.translation_m)) @ self.rotation_33

    def project(self, points_n3: NDArray[Any]) -> NDArray[np.float64]:
        """World points (N, 3) in metres to (N, 3): column and row in pixels, depth in metres."""
        x, y, z = self.to_camera(points_n3).T
        scale = 1.0 if self.projection == "orthographic" else 1.0 / -z
        u = self.center_px[0] + self.focal_px[0] * x * scale
        v = self.center_px[1] - self.focal_px[1] * y * scale
        return np.stack([u, v, -z], axis=1)

    def resized(self, width_px: int, height_px: int) -> Camera:
        """The same view on an image of another size."""
        sx, sy = width_px / self.width_px, height_px / self.height_px
        return dataclasses.replace(
            self,
            width_px=width_px,
            height_px=height_px,
            focal_px=(self.focal_px[0] * sx, self.focal_px[1] * sy),
            center_px=(self.center_px[0] * sx, self.center_px[1] * sy),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON; ``from_dict`` reads them back exactly."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Camera:
        arguments: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        return cls(**arguments)


def level_camera(
    center_m: NDArray[Any], *, height_m: float, yaw_rad: float, width_px: int, height_px: int, distance_m: float = 0.0
) -> Camera:
    """An orthographic, level camera that shows ``height_m`` around ``center_m`` (3,) over the picture's full height.

    ``yaw_rad``: where it stands about the vertical axis: 0 before the person, positive towards +x. It is ``distance_m`` from
    the centre, which changes the depths only.
    """
    cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
    rotation = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    x, y, z = -rotation @ np.asarray(center_m, np.float64)
    focal = height_px / height_m
    return Camera(
        projection="orthographic",
        width_px=width_px,
        height_px=height_px,
        focal_px=(focal, focal),
        center_px=(width_px / 2, height_px / 2),
        rotation=tuple(rotation.ravel().tolist()),
        translation_m=(float(x), float(y), float(z) - distance_m),
    )
