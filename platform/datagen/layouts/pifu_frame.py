"""PIFu's and JIFF's numbers for a view, from our camera and back.

The layout's meshes are 180 units high and stand on y = 0. PARAM says how one is seen: turned by ``R`` about ``center``,
``scale`` times enlarged, ``ortho_ratio`` units a pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera

PERSON_UNITS = 180.0
UNITS_PER_METRE = 100.0
"""Of a layout that does not say how large its people are: they are taken to be 1.80 m."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LayoutFrame:
    """``layout = units_per_metre * (world - origin_m)``."""

    units_per_metre: float
    origin_m: tuple[float, float, float]

    @classmethod
    def of(cls, units_per_metre: float, center_m: tuple[float, float, float]) -> LayoutFrame:
        """The frame in which the protocol's centre is at (0, 90, 0): the middle of the person, above the floor."""
        x, y, z = center_m
        return cls(units_per_metre=units_per_metre, origin_m=(x, y - PERSON_UNITS / 2 / units_per_metre, z))

    def to_layout(self, world_n3: NDArray[Any]) -> NDArray[np.float64]:
        return (np.asarray(world_n3, np.float64) - np.array(self.origin_m)) * self.units_per_metre

    def to_world(self, layout_n3: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(layout_n3, np.float64) / self.units_per_metre + np.array(self.origin_m)


def param_of(camera: Camera, frame: LayoutFrame, light_93: NDArray[Any]) -> dict[str, Any]:
    """PARAM's dictionary for a view; InputError for a camera that the layout cannot express."""
    size = camera.width_px
    middle = (size / 2, size / 2)
    if (
        camera.projection != "orthographic"
        or camera.height_px != size
        or not np.allclose(camera.center_px, middle, atol=1e-6)
        or not np.isclose(camera.focal_px[0], camera.focal_px[1], rtol=1e-9)
    ):
        raise InputError(
            "its views are not PIFu's (square, orthographic, looking at the picture's middle): this data set was made with "
            "another protocol. Generate it with --protocol pifu or jiff."
        )
    ortho_ratio = 0.4 * 512 / size
    center_m = -camera.rotation_33.T @ np.array(camera.translation_m)
    return {
        "sh": np.array(light_93, np.float64),
        "ortho_ratio": ortho_ratio,
        "scale": camera.focal_px[0] / frame.units_per_metre * ortho_ratio,
        "center": frame.to_layout(center_m[None])[0],
        "R": camera.rotation_33,
    }


def camera_of(param: Mapping[str, Any], frame: LayoutFrame, size_px: int) -> Camera:
    """The camera that PARAM describes, for a picture of this size; the inverse of ``param_of``."""
    rotation = np.asarray(param["R"], np.float64).reshape(3, 3)
    center_m = frame.to_world(np.asarray(param["center"], np.float64).reshape(1, 3))[0]
    focal = float(param["scale"]) / float(param["ortho_ratio"]) * frame.units_per_metre
    x, y, z = (float(value) for value in -rotation @ center_m)
    return Camera(
        projection="orthographic",
        width_px=size_px,
        height_px=size_px,
        focal_px=(focal, focal),
        center_px=(size_px / 2, size_px / 2),
        rotation=tuple(rotation.reshape(-1).tolist()),
        translation_m=(x, y, z),
    )


def check_param(param: Any, what: str) -> dict[str, Any]:
    """The dictionary with its arrays of the right shape; InputError naming the file otherwise."""
    shapes = {"sh": (9, 3), "ortho_ratio": (), "scale": (), "center": (3,), "R": (3, 3)}
    if not isinstance(param, dict):
        raise InputError(f"{what}: holds a {type(param).__name__}; PARAM is a dictionary.")
    if missing := [key for key in shapes if key not in param]:
        raise InputError(f"{what}: lacks {', '.join(missing)}, which PARAM has.")
    values = {}
    for key, shape in shapes.items():
        array = np.asarray(param[key])
        if array.dtype.kind not in "fiu" or array.size != int(np.prod(shape)) or not np.isfinite(array).all():
            raise InputError(f"{what}: {key} is {array.dtype}{array.shape}; it must be finite numbers {shape}.")
        values[key] = array.astype(np.float64).reshape(shape)
    rotation = values["R"]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) or np.linalg.det(rotation) < 0:
        raise InputError(f"{what}: R is not a rotation.")
    if values["scale"] <= 0 or values["ortho_ratio"] <= 0:
        raise InputError(f"{what}: scale and ortho_ratio must be positive.")
    return values
