"""A body drawn over the picture that it was estimated from, and the same body seen from its side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import render

PURPLE = (0.55, 0.4, 0.9)
"""As the published demo draws PyMAF's bodies."""
_LAMP = np.array([-0.35, 0.45, 0.82])
"""Towards the light, in the camera's axes."""


def draw_over(
    picture: NDArray[np.uint8],
    mesh: Mesh,
    camera: Camera,
    *,
    colour: tuple[float, float, float] = PURPLE,
    opacity: float = 0.85,
    supersample: int = 2,
) -> NDArray[np.uint8]:
    """(H, W, 3) the picture with the mesh in front of it, shaded from the viewer's upper left."""
    plain = Mesh(vertices=mesh.vertices, faces=mesh.faces)
    large = camera.resized(camera.width_px * supersample, camera.height_px * supersample)
    seen = render(plain, large, fields=("mask", "normal"))
    shade = 0.35 + 0.65 * np.clip(np.abs(seen.normal[..., 2]) * 0.35 + 0.65 * np.clip(seen.normal @ _LAMP, 0, 1), 0, 1)
    drawn = np.clip(shade[..., None] * np.array(colour) * 1.25, 0, 1)
    height, width = picture.shape[:2]

    def smaller(values: NDArray[np.floating]) -> NDArray[np.floating]:
        return values.reshape(height, supersample, width, supersample, -1).mean(axis=(1, 3))

    mask = seen.mask[..., None].astype(np.float64)
    covered = smaller(mask)
    colours = smaller(drawn * mask) / np.maximum(covered, 1e-9)
    share = opacity * covered
    return np.rint(picture[..., :3] * (1 - share) + 255 * colours * share).astype(np.uint8)


def turned_mesh(mesh: Mesh, yaw_rad: float) -> Mesh:
    """The mesh turned about the vertical axis through the middle of its vertices."""
    middle = mesh.vertices.astype(np.float64).mean(axis=0)
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    vertices = (mesh.vertices - middle) @ turn.T + middle
    return replace(mesh, vertices=np.ascontiguousarray(vertices, np.float32))


def side_view(mesh: Mesh, camera: Camera, *, colour: tuple[float, float, float] = PURPLE) -> NDArray[np.uint8]:
    """(H, W, 3) the mesh turned by a quarter, on white."""
    white = np.full((camera.height_px, camera.width_px, 3), 255, np.uint8)
    return draw_over(white, turned_mesh(mesh, np.pi / 2), camera, colour=colour, opacity=1.0)
