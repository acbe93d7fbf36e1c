"""PyMAF's camera: focal length 5000 pixels on a crop of 224, the weak-perspective triple that stands for it, and its solution.

Its axes are x right, y down, z away from the viewer; a body that stands upright has a root rotation near half a turn about x.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.spin.axis_angle import axis_angle_of, matrix_of
from vitruvian.geometry.camera import Camera

FOCAL_PX = 5000.0
SIZE_PX = 224
AXES = np.diag([1.0, -1.0, -1.0])
"""Our camera frame (y up, z towards the viewer) to theirs, and back."""


def estimate_translation(
    joints_j3: NDArray[Any], keypoints_j3: NDArray[Any], *, focal_px: float = FOCAL_PX, size_px: float = SIZE_PX
) -> NDArray[np.float64]:
    """(3,) the translation that projects joints (J, 3) best onto keypoints (J, 3: column, row, confidence) in crop pixels.

    Weighted linear least squares of F (X + tx) = (u - C) (Z + tz), and the same for y.
    """
    joints, keypoints = np.asarray(joints_j3, np.float64), np.asarray(keypoints_j3, np.float64)
    offset = keypoints[:, :2] - size_px / 2
    count = len(joints)
    matrix = np.zeros((count, 2, 3))
    matrix[:, 0, 0] = matrix[:, 1, 1] = focal_px
    matrix[:, :, 2] = -offset
    right = offset * joints[:, 2:] - focal_px * joints[:, :2]
    weights = np.sqrt(keypoints[:, 2])[:, None]
    rows, values = (matrix * weights[..., None]).reshape(-1, 3), (right * weights).reshape(-1)
    return np.asarray(np.linalg.solve(rows.T @ rows, rows.T @ values), np.float64)


def weak_perspective(translation_3: NDArray[Any], *, focal_px: float = FOCAL_PX, size_px: float = SIZE_PX) -> NDArray[Any]:
    """(3,) scale, tx, ty of a translation: the inverse of ``translation_of``."""
    tx, ty, tz = np.asarray(translation_3, np.float64)
    return np.array([2 * focal_px / size_px / tz, tx, ty])


def translation_of(camera_3: NDArray[Any], *, focal_px: float = FOCAL_PX, size_px: float = SIZE_PX) -> NDArray[np.float64]:
    """(3,) the translation that a weak-perspective camera (scale, tx, ty) stands for."""
    scale, tx, ty = np.asarray(camera_3, np.float64)
    return np.array([tx, ty, 2 * focal_px / (size_px * scale + 1e-9)])


def crop_camera(
    camera_3: NDArray[Any], *, focal_px: float = FOCAL_PX, size_px: int = SIZE_PX, pixels: int | None = None
) -> Camera:
    """The same as our camera, for bodies in PyMAF's axes turned by ``AXES``: pixels from the crop's corner.

    ``pixels`` draws the crop at another resolution (56 for IUV labels).
    """
    tx, ty, tz = translation_of(camera_3, focal_px=focal_px, size_px=size_px).tolist()
    camera = Camera(
        projection="perspective",
        width_px=size_px,
        height_px=size_px,
        focal_px=(focal_px, focal_px),
        center_px=(size_px / 2, size_px / 2),
        translation_m=(tx, -ty, -tz),
    )
    return camera if pixels is None else camera.resized(pixels, pixels)


def orientation_down(global_orient_3: NDArray[Any], camera: Camera) -> NDArray[np.float64]:
    """(3,) axis-angle of a body's root in PyMAF's axes, as ``camera`` sees it: what SPIN's lists hold in ``pose[:3]``."""
    return axis_angle_of(AXES @ camera.rotation_33 @ matrix_of(global_orient_3))


def orientation_up(global_orient_3: NDArray[Any], camera: Camera) -> NDArray[np.float64]:
    """(3,) the same in axes with y up and z towards the viewer: what HuManiFlow predicts."""
    return axis_angle_of(camera.rotation_33 @ matrix_of(global_orient_3))
