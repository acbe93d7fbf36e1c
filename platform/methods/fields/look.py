"""How a network looks at a picture: where its square lies, with what camera, and what it sees there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.methods.fields.network_image import cut_out, network_image
from vitruvian.methods.fields.placement import (
    SIDE_PER_HEIGHT,
    Placement,
    calibration,
    mask_box,
    person_square,
    whole_picture,
)

ASSUMED_HEIGHT_M = 1.75
"""The height that a person's mask stands for when no camera is given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A picture of a person."""

    picture: NDArray[np.uint8]
    """(H, W, 3) sRGB."""
    mask: NDArray[np.bool_]
    """(H, W), true on the person."""
    camera: Camera | None = None
    """Orthographic; without one it is assumed (``Reconstruction``)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A picture as a network gets it."""

    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    camera: Camera
    """The given one, or the one that was assumed."""
    assumed: bool
    placement: Placement
    image: NDArray[np.float32]
    """(3, S, S) in [-1, 1], 0 around the person."""

    @property
    def calibration(self) -> NDArray[np.float32]:
        """(4, 4) from world metres to the network's space: x and y in [-1, 1] over the image, y down, z towards the viewer."""
        return calibration(self.camera, self.placement)

    def outline(self, size_px: int) -> NDArray[np.float32]:
        """(size, size) share of each pixel of the square that the person covers."""
        return cut_out(self.picture, self.mask, self.placement, size_px)[1]


def look_at(
    view: View,
    *,
    image_size_px: int,
    erode_photograph: bool = False,
    side_per_height: float = SIDE_PER_HEIGHT,
    side_per_width: float = 1.0,
) -> Look:
    """With a camera the network sees the whole picture and depth 0 is the camera's z = 0. Without one it sees the square around
    the person (``person_square``), whose height stands for 1.75 m.

    ``erode_photograph``: without a camera, take the outermost ring off the mask at the network's size. Raises ``InputError``
    for a picture and mask that do not fit each other, a camera that does not fit, or an empty mask.
    """
    picture, mask, camera = view.picture, view.mask, view.camera
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise InputError(f"picture: is {picture.dtype}{picture.shape}; it must be uint8 (height, width, 3).")
    if mask.shape != picture.shape[:2] or mask.dtype != np.bool_:
        raise InputError(f"mask: is {mask.dtype}{mask.shape}; it must be bool {picture.shape[:2]}, as large as the picture.")
    if camera is not None:
        mask_box(mask)
        _check_camera(camera, mask)
        placement, used = whole_picture(mask.shape[1], mask.shape[0]), camera
    else:
        placement = person_square(mask, side_per_height=side_per_height, side_per_width=side_per_width)
        used = assumed_camera(mask)
    colours, coverage = cut_out(picture, mask, placement, image_size_px)
    if camera is None and erode_photograph:
        coverage = binary_erosion(coverage > 100 / 255, np.ones((3, 3))).astype(np.float32)
    return Look(
        picture=picture,
        mask=mask,
        camera=used,
        assumed=camera is None,
        placement=placement,
        image=network_image(colours, coverage),
    )


def assumed_camera(mask: NDArray[np.bool_]) -> Camera:
    """Orthographic, level, in a frame where the masked person is 1.75 m high and stands on y = 0 with its middle at x = 0."""
    left, top, right, bottom = mask_box(mask)
    if bottom - top < 2:
        raise InputError("mask: the person is only a row high. It must mark the whole person.")
    focal = (bottom - top) / ASSUMED_HEIGHT_M
    return Camera(
        projection="orthographic",
        width_px=mask.shape[1],
        height_px=mask.shape[0],
        focal_px=(focal, focal),
        center_px=((left + right) / 2, float(bottom)),
    )


def _check_camera(camera: Camera, mask: NDArray[np.bool_]) -> None:
    if (camera.width_px, camera.height_px) != (mask.shape[1], mask.shape[0]):
        raise InputError(
            f"camera: is for {camera.width_px}x{camera.height_px} pixels but the picture has "
            f"{mask.shape[1]}x{mask.shape[0]}. Give the camera of this picture."
        )
    if camera.projection != "orthographic" or abs(camera.focal_px[0] / camera.focal_px[1] - 1) > 1e-6:
        raise InputError(
            "camera: reconstruction from a field needs an orthographic camera with square pixels; leave the camera out."
        )
