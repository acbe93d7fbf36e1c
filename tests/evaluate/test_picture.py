"""Measures in the view of the picture against shapes whose silhouettes and normals are known."""

import numpy as np
import pytest
from known_shapes import front_camera, joined, sphere

from vitruvian.evaluate.metrics.picture import compare_views, seen, shown
from vitruvian.evaluate.metrics.surface import sampled_surface
from vitruvian.geometry.mesh import Mesh

CAMERA = front_camera(256, 1.0, center_y=0.0)


def _tilted_square(angle_deg: float) -> Mesh:
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    flat = np.array([[-0.3, -0.3, 0], [0.3, -0.3, 0], [0.3, 0.3, 0], [-0.3, 0.3, 0]])
    turned = flat @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]).T
    return Mesh(vertices=turned.astype(np.float32), faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def _compared(ours: Mesh, true: Mesh) -> dict[str, float]:
    return compare_views(seen(ours, CAMERA), seen(true, CAMERA))


def test_the_same_body_has_no_error() -> None:
    values = _compared(sphere(0.3), sphere(0.3))
    assert values["silhouette_iou"] == 1.0
    assert values["normal_front_deg"] < 0.1


def test_a_tilt_is_measured_in_degrees() -> None:
    values = _compared(_tilted_square(25), _tilted_square(0))
    assert values["normal_front_deg"] == pytest.approx(25, abs=0.01)
    assert values["silhouette_iou"] == pytest.approx(np.cos(np.radians(25)), abs=0.02)


def test_a_disc_of_half_the_radius_covers_a_quarter() -> None:
    values = _compared(sphere(0.2), sphere(0.4))
    assert values["silhouette_iou"] == pytest.approx(0.25, abs=0.01)


def test_silhouettes_that_do_not_meet_have_no_angle() -> None:
    values = _compared(sphere(0.1, (-0.3, 0, 0)), sphere(0.1, (0.3, 0, 0)))
    assert values["silhouette_iou"] == 0.0 and "normal_front_deg" not in values


def test_a_truth_out_of_sight_is_refused() -> None:
    with pytest.raises(ValueError, match="does not see"):
        _compared(sphere(0.1), sphere(0.1, (5, 0, 0)))


def test_the_camera_shows_the_near_half_of_a_ball_and_nothing_behind_it() -> None:
    ball, behind = sphere(0.3), sphere(0.1, (0, 0, -0.6))
    both = joined(ball, behind)
    points = sampled_surface(both, num_samples=4000, seed=0).points
    visible = shown(points, CAMERA, seen(both, CAMERA))
    near = points[:, 2] > 0.05
    assert visible[near].mean() > 0.99
    assert visible[points[:, 2] < -0.03].sum() == 0
