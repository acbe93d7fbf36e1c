"""A view: a camera, a light and a background for one subject, fully written down, so that it can be drawn again exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitruvian.datagen.lights.harmonic import HarmonicLight
from vitruvian.datagen.lights.phong import PhongLight
from vitruvian.datagen.lights.points import PointLights
from vitruvian.geometry.camera import Camera

Light = HarmonicLight | PointLights | PhongLight
"""All kinds live in the camera frame: they stay with the viewer while the subject is turned."""

_LIGHTS: dict[str, type[HarmonicLight] | type[PointLights] | type[PhongLight]] = {
    "harmonic": HarmonicLight,
    "points": PointLights,
    "phong": PhongLight,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One picture to be. The camera may be of either projection and of any width and height."""

    camera: Camera
    yaw_rad: float
    """How far the subject is turned about +y, its front from the viewer to the viewer's right; 0 faces the viewer."""
    light: Light
    background: Mapping[str, Any]
    """See ``datagen/backgrounds/kinds.py``."""
    background_folder: Path | None = None
    """Where picture backgrounds are; not part of the description."""
    group: int = 0
    """Which of the subject's draws it belongs to (``SubjectPlan.draws``): views of one group share what was drawn at random."""

    def description(self) -> dict[str, Any]:
        """Everything but the camera (stored beside it), as plain values."""
        return {
            "yaw_rad": self.yaw_rad,
            "light": self.light.description(),
            "background": dict(self.background),
            "group": self.group,
        }

    @classmethod
    def from_description(cls, camera: Camera, description: Mapping[str, Any], background_folder: Path | None = None) -> View:
        """The view that ``description`` was taken from."""
        return cls(
            camera=camera,
            yaw_rad=description["yaw_rad"],
            light=_LIGHTS[description["light"]["kind"]].from_description(description["light"]),
            background=description["background"],
            background_folder=background_folder,
            group=description["group"],
        )
