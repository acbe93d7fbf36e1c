"""A view: a camera, a light and a background for one subject, fully written down, so that it can be drawn again exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.light import rotated
from vitruvian.geometry.camera import Camera


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One picture to be."""

    camera: Camera
    yaw_rad: float
    """How far the subject is turned about +y, its front from the viewer to the viewer's right; 0 faces the viewer."""
    light: tuple[tuple[float, float, float], ...]
    """Spherical harmonics (9, 3) in the camera frame, see ``datagen/light.py``."""
    light_gamma: float
    background: Mapping[str, Any]
    """See ``datagen/background.py``."""
    background_folder: Path | None = None
    """Where picture backgrounds are; not part of the description."""

    def world_light(self) -> NDArray[np.float32]:
        """The light in the world frame, where the renderer evaluates it: (9, 3)."""
        return rotated(np.array(self.light), self.camera.rotation_33.T).astype(np.float32)

    def description(self) -> dict[str, Any]:
        """Everything but the camera (stored beside it), as plain values."""
        return {
            "yaw_rad": self.yaw_rad,
            "light": [list(row) for row in self.light],
            "light_gamma": self.light_gamma,
            "background": dict(self.background),
        }

    @classmethod
    def from_description(cls, camera: Camera, description: Mapping[str, Any], background_folder: Path | None = None) -> View:
        """The view that ``description`` was taken from."""
        return cls(
            camera=camera,
            yaw_rad=description["yaw_rad"],
            light=tuple((row[0], row[1], row[2]) for row in description["light"]),
            light_gamma=description["light_gamma"],
            background=description["background"],
            background_folder=background_folder,
        )
