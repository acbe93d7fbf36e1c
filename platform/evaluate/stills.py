"""Pictures of a mesh from any side, by our own rasterizer: for logs, and for pages that cannot show 3D."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.geometry.camera import Camera, level_camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import render

CLAY = (0.78, 0.76, 0.73)
"""Colour of a mesh without colours, sRGB."""


def view_yaw_rad(camera: Camera) -> float:
    """The angle about the vertical axis at which the camera stands: 0 before the person, positive towards +x."""
    towards_viewer = camera.rotation_33[2]
    return math.atan2(towards_viewer[0], towards_viewer[2])


def still(mesh: Mesh, camera: Camera, *, colored: bool = True, threads: int = 1) -> NDArray[np.uint8]:
    """(H, W, 4) sRGB with coverage as opacity: the mesh under a soft light from above the camera.

    ``colored``: with the mesh's own colours where it has them; else as clay.
    """
    twice = camera.resized(2 * camera.width_px, 2 * camera.height_px)
    shot = render(mesh, twice, fields=("mask", "normal", "albedo"), threads=threads)
    key = np.clip(shot.normal @ np.array([-0.25, 0.45, 0.86], np.float32), 0, 1)
    shade = 0.34 + 0.56 * key + 0.12 * np.clip(shot.normal[..., 2], 0, 1)
    has_colors = colored and (mesh.vertex_colors is not None or mesh.texture is not None)
    base = shot.albedo if has_colors else np.array(CLAY, np.float32)
    lit = np.where(shot.mask[..., None], np.clip(base * shade[..., None], 0, 1), 0)
    rgb, opacity = _halved(lit), _halved(shot.mask[..., None].astype(np.float32))
    rgb = np.divide(rgb, opacity, out=np.zeros_like(rgb), where=opacity > 0)
    return (255 * np.concatenate([rgb, opacity], axis=-1) + 0.5).astype(np.uint8)


def _halved(picture: NDArray[np.floating]) -> NDArray[np.floating]:
    """Means of 2x2 pixels."""
    height, width, channels = picture.shape
    return picture.reshape(height // 2, 2, width // 2, 2, channels).mean(axis=(1, 3))


def comparison_picture(
    picture: NDArray[np.uint8],
    camera: Camera,
    truth: Mesh,
    reconstructions: Mapping[str, Mesh],
    *,
    height_px: int = 384,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """(height_px, W, 3): picture, reconstructions and truth in a row; bodies as clay, in the picture's view and its side."""
    low, high = truth.vertices.min(axis=0), truth.vertices.max(axis=0)
    center, tall = (low + high) / 2, 1.08 * float(high[1] - low[1])
    yaw = view_yaw_rad(camera)
    width = round(0.62 * height_px)
    picture_width = round(height_px * picture.shape[1] / picture.shape[0])
    tiles = [np.asarray(Image.fromarray(picture).resize((picture_width, height_px)))]
    for mesh in (*reconstructions.values(), truth):
        for turn in (0.0, math.pi / 2):
            shot = still(
                mesh,
                level_camera(center, height_m=tall, yaw_rad=yaw + turn, width_px=width, height_px=height_px),
                colored=False,
                threads=threads,
            )
            alpha = shot[..., 3:].astype(np.float32) / 255
            tiles.append((shot[..., :3] * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8))
    return np.concatenate(tiles, axis=1)
