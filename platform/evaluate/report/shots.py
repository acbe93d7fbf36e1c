"""Pictures inside the page: the photograph, and meshes from the front, the side and behind, also coloured by their errors."""

from __future__ import annotations

import base64
import dataclasses
import io
import math
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.evaluate.stills import still
from vitruvian.geometry.camera import level_camera
from vitruvian.geometry.mesh import Mesh

STILL_PX = 288
PICTURE_PX = 640
FULL_DISTANCE_CM = 5.0
RAMP = np.array([[0.93, 0.94, 0.92], [0.98, 0.83, 0.50], [0.90, 0.42, 0.20], [0.52, 0.06, 0.16]])
"""Colours of distances at thirds of the scale, sRGB; ``viewer.js`` has the same."""


def error_colors(distance_cm: NDArray[np.floating], full_cm: float = FULL_DISTANCE_CM) -> NDArray[np.uint8]:
    """(N,) distances to (N, 3) sRGB: pale at 0, dark red at ``full_cm`` and beyond."""
    place = np.clip(np.asarray(distance_cm, np.float64) / full_cm, 0, 1) * (len(RAMP) - 1)
    colors = [np.interp(place, np.arange(len(RAMP)), RAMP[:, channel]) for channel in range(3)]
    return np.rint(255 * np.stack(colors, axis=-1)).astype(np.uint8)


def front_and_sides(
    mesh: Mesh,
    center: NDArray[np.float64],
    height: float,
    yaw: float,
    aspect: float,
    label: str,
    *,
    errors: tuple[Mesh, NDArray[np.floating]] | None = None,
) -> tuple[str, str]:
    """The front as an image that stands in for the canvas; front, side and back in one figure, below them with ``errors`` (a
    surface and its distances) as colours."""
    width = round(STILL_PX * aspect)
    cameras = [
        level_camera(center, height_m=height, yaw_rad=yaw + turn, width_px=width, height_px=STILL_PX)
        for turn in (0, math.pi / 2, math.pi)
    ]
    shots = [still(mesh, camera) for camera in cameras]
    rows = [np.concatenate(shots, axis=1)]
    if errors is not None:
        surface = dataclasses.replace(
            errors[0], vertex_colors=error_colors(errors[1]), texture=None, uvs=None, uv_faces=None
        )  # fmt: skip
        rows.append(np.concatenate([still(surface, camera) for camera in cameras], axis=1))
    alt = escape(label)
    whole = image_uri(Image.fromarray(np.concatenate(rows, axis=0)), "WEBP", quality=80)
    front = f'<img src="{image_uri(Image.fromarray(shots[0]), "WEBP", quality=82)}" alt="{alt}">'
    words = "front, side and back" + ("; below, errors up to 5 cm" if errors is not None else "")
    kind = "two" if errors is not None else "one"
    return front, (
        f'<figure class="{kind}"><img src="{whole}" alt="{alt}: {words}" loading="lazy">'
        f"<figcaption>{alt}: {words}</figcaption></figure>"
    )


def picture_uri(picture: Image.Image) -> str:
    """A photograph, made smaller when it is large."""
    if max(picture.size) > PICTURE_PX:
        picture = picture.copy()
        picture.thumbnail((PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS)
    return image_uri(picture, "WEBP", quality=88)


def image_uri(image: Image.Image, kind: str, **options: int) -> str:
    """An image as the address of its own content."""
    data = io.BytesIO()
    image.save(data, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
