"""The camera that stands level around a person."""

import numpy as np
import pytest

from vitruvian.geometry.camera import level_camera


@pytest.mark.parametrize("yaw_deg", [0, 90, -120])
def test_a_level_camera_stands_where_its_yaw_says(yaw_deg: float) -> None:
    center, yaw = np.array([0.3, 0.9, -0.2]), np.radians(yaw_deg)
    camera = level_camera(center, height_m=2.0, yaw_rad=yaw, width_px=100, height_px=200, distance_m=3.0)
    towards = np.array([np.sin(yaw), 0, np.cos(yaw)])
    points = center + np.array([[0, 0, 0], [0, 1, 0], [0, -1, 0], towards])
    seen = camera.project(points)
    assert np.allclose(seen[:, 0], 50) and np.allclose(seen[:, 1], [100, 0, 200, 100])
    assert np.allclose(seen[:, 2], [3, 3, 3, 2]), "what is on the camera's side is nearer"
    assert np.allclose(np.linalg.det(camera.rotation_33), 1)
    right = camera.project(center[None] + [np.cos(yaw), 0, -np.sin(yaw)])
    assert right[0, 0] == pytest.approx(150)
