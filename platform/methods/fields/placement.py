"""Where a network's square image lies on a picture, and how world positions come to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera

SIDE_PER_HEIGHT = 1.138
"""PIFu's published crop; also the ratio at which training pictures are drawn (204.8 units around a person of 180)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where the network's square image lies on a picture: ``column = left_px + scale * u``, in the picture's pixels."""

    left_px: float
    top_px: float
    side_px: float
    mirrored: bool = False
    """The square is read from right to left."""


def whole_picture(width_px: int, height_px: int) -> Placement:
    """The square around a picture that shares its centre and its longer side."""
    side = float(max(width_px, height_px))
    return Placement(left_px=(width_px - side) / 2, top_px=(height_px - side) / 2, side_px=side)


def mask_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the marked pixels, the last two exclusive; ``InputError`` for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise InputError("mask: nobody is marked in it. It must be true where the person is.")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def person_square(
    mask: NDArray[np.bool_], *, side_per_height: float = SIDE_PER_HEIGHT, side_per_width: float = 1.0
) -> Placement:
    """A square around the middle of the person's box, so many times its height or, if that is more, its width; may reach beyond
    the picture."""
    left, top, right, bottom = mask_box(mask)
    side = float(int(max(side_per_height * (bottom - top), side_per_width * (right - left))))
    return Placement(left_px=(left + right - side) / 2, top_px=(top + bottom - side) / 2, side_px=side)


def calibration(camera: Camera, placement: Placement) -> NDArray[np.float32]:
    """(4, 4) from world metres to the network's space: x and y in [-1, 1] over the square, y down as rows run, z towards the
    viewer in the same unit with its zero at the camera's own.

    The camera must be orthographic with square pixels (``ValueError``).
    """
    if camera.projection != "orthographic" or abs(camera.focal_px[0] / camera.focal_px[1] - 1) > 1e-6:
        raise ValueError(f"calibration: the camera is {camera}; it must be orthographic with square pixels.")
    per_pixel = 2 / placement.side_px
    focal = camera.focal_px[0] * per_pixel
    to_network = np.diag([focal, -focal, focal, 1.0])
    to_network[0, 3] = (camera.center_px[0] - placement.left_px) * per_pixel - 1
    to_network[1, 3] = (camera.center_px[1] - placement.top_px) * per_pixel - 1
    if placement.mirrored:
        to_network[0] *= -1
    extrinsic = np.eye(4)
    extrinsic[:3, :3] = camera.rotation_33
    extrinsic[:3, 3] = camera.translation_m
    return (to_network @ extrinsic).astype(np.float32)
