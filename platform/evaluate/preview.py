"""One picture that shows what became of a photograph: the cut-out person, and the mesh from all sides."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation

from vitruvian.evaluate.stills import still
from vitruvian.geometry.camera import level_camera
from vitruvian.geometry.mesh import Mesh

OUTLINE = (255, 0, 110)
MARGIN = 1.08


def preview_picture(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], mesh: Mesh, *, height_px: int = 512, threads: int = 1
) -> NDArray[np.uint8]:
    """(height_px, W, 3): the photograph with the person's outline, the mesh from the front as coloured and as clay, then from
    its left, from behind and from its right. The mesh is y up and faces +z."""
    tiles = [_outlined(picture, mask, height_px)]
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    extent = high - low
    tall = MARGIN * float(extent[1])
    wide = MARGIN * float(max(extent[0], extent[2]))
    width_px = max(height_px // 3, math.ceil(height_px * wide / tall))
    for turn, colored in ((0.0, True), (0.0, False), (0.5, False), (1.0, True), (1.5, False)):
        camera = level_camera((low + high) / 2, height_m=tall, yaw_rad=math.pi * turn, width_px=width_px, height_px=height_px)
        shot = still(mesh, camera, colored=colored, threads=threads)
        opacity = shot[..., 3:].astype(np.float32) / 255
        tiles.append((shot[..., :3] * opacity + 255 * (1 - opacity) + 0.5).astype(np.uint8))
    return np.concatenate(tiles, axis=1)


def _outlined(picture: NDArray[np.uint8], mask: NDArray[np.bool_], height_px: int) -> NDArray[np.uint8]:
    """The photograph at this height, everything but the person pale, the person's outline drawn."""
    width_px = max(1, round(height_px * mask.shape[1] / mask.shape[0]))
    small = np.asarray(Image.fromarray(picture).resize((width_px, height_px), Image.Resampling.BOX))
    inside = np.asarray(Image.fromarray(mask).resize((width_px, height_px), Image.Resampling.NEAREST))
    shown = np.where(inside[..., None], small, 160 + small // 3).astype(np.uint8)
    shown[binary_dilation(inside) & ~inside] = OUTLINE
    return shown
