"""Photographs around a person become views with cameras that agree on where the person is."""

import numpy as np
import pytest

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.methods.fields.look import ASSUMED_HEIGHT_M, look_at
from vitruvian.methods.fields.turntable import turned_views

MARKS = np.array([(0.0, 1.0, 0.25), (0.3, 1.2, 0.0), (0.0, 0.3, -0.2)])
"""In metres, in the frame of the result: the front, a hand, the back of a leg."""
COLOURS = np.array([(250, 10, 10), (10, 250, 10), (10, 10, 250)], np.uint8)


def photograph(yaw: float, *, focal: float, place: tuple[int, int], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A column 1.75 m high and 0.7 m wide, the same from all sides, with coloured marks where they are seen."""
    width, height = size
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    camera = Camera(
        projection="orthographic", width_px=width, height_px=height, focal_px=(focal, focal), center_px=place,
        rotation=(c, 0.0, s, 0.0, 1.0, 0.0, -s, 0.0, c),
    )  # fmt: skip
    picture, mask = np.full((height, width, 3), 90, np.uint8), np.zeros((height, width), bool)
    left, right = round(place[0] - 0.35 * focal), round(place[0] + 0.35 * focal)
    mask[round(place[1] - 1.75 * focal) : place[1], left:right] = True
    for (column, row, _), colour in zip(camera.project(MARKS), COLOURS, strict=True):
        picture[int(row) - 2 : int(row) + 3, int(column) - 2 : int(column) + 3] = colour
    return picture, mask


def test_cameras_see_the_same_marks_at_the_same_places() -> None:
    """Photographs of different sizes, the person anywhere in them, once cut off by the border."""
    yaws = [0.0, np.pi / 2, 2.5]
    taken = [
        photograph(yaws[0], focal=100, place=(150, 190), size=(300, 200)),
        photograph(yaws[1], focal=60, place=(45, 130), size=(90, 140)),
        photograph(yaws[2], focal=140, place=(500, 300), size=(640, 320)),
    ]
    views = turned_views([picture for picture, _ in taken], [mask for _, mask in taken], yaws)
    for view, yaw in zip(views, yaws, strict=True):
        assert view.camera is not None and view.picture.shape[0] == view.picture.shape[1] == view.camera.width_px
        look = look_at(view, image_size_px=64)  # it is a picture and a camera that reconstruction takes
        assert not look.assumed and (look.image != 0).any()
        rows = np.flatnonzero(view.mask.any(axis=1))
        feet = view.camera.project(np.zeros((1, 3)))[0]
        head = view.camera.project(np.array([[0, ASSUMED_HEIGHT_M, 0]]))[0]
        assert (feet[1], head[1]) == pytest.approx((rows[-1] + 1, rows[0]), abs=0.01)
        assert np.ptp(rows) / view.camera.width_px == pytest.approx(1 / 1.138, abs=0.02)
        for (column, row, _), colour in zip(view.camera.project(MARKS), COLOURS, strict=True):
            seen = view.picture[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2].reshape(-1, 3)
            assert (seen == colour).all(axis=1).any(), (yaw, colour)


def test_one_angle_and_one_mask_a_picture() -> None:
    picture, mask = photograph(0.0, focal=60, place=(45, 130), size=(90, 140))
    with pytest.raises(InputError, match="2 of them, 2 masks and 1 angles"):
        turned_views([picture] * 2, [mask] * 2, [0.0])
    with pytest.raises(InputError, match="nobody is marked"):
        turned_views([picture], [np.zeros_like(mask)], [0.0])
