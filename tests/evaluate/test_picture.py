"""Measures in the view of the picture against shapes whose silhouettes and normals are known."""

import numpy as np
import pytest
from known_shapes import front_camera, sphere

from vitruvian.evaluate.metrics.picture import compare_views
from vitruvian.geometry.mesh import Mesh

CAMERA = front_camera(256, 1.0, center_y=0.0)


def _tilted_square(angle_deg: float) -> Mesh:
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    flat = np.array([[-0.3, -0.3, 0], [0.3, -0.3, 0], [0.3, 0.3, 0], [-0.3, 0.3, 0]])
    turned = flat @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]).T
    return Mesh(vertices=turned.astype(np.float32), faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def test_the_same_body_has_no_error() -> None:
    values = compare_views(sphere(0.3), sphere(0.3), CAMERA)
    assert values["silhouette_iou"] == 1.0
    assert values["normal_front_deg"] < 0.1
    assert values["normal_front_cosine"] == pytest.approx(0, abs=1e-6) and values["normal_front_l2"] < 1e-3


def test_a_tilt_is_measured_in_degrees() -> None:
    values = compare_views(_tilted_square(25), _tilted_square(0), CAMERA)
    assert values["normal_front_deg"] == pytest.approx(25, abs=0.01)
    assert values["silhouette_iou"] == pytest.approx(np.cos(np.radians(25)), abs=0.02)


def test_a_disc_of_half_the_radius_covers_a_quarter() -> None:
    values = compare_views(sphere(0.2), sphere(0.4), CAMERA)
    assert values["silhouette_iou"] == pytest.approx(0.25, abs=0.01)
    assert values["normal_front_cosine"] > 0.75  # three quarters of the truth are not covered and cost 1 each


def test_silhouettes_that_do_not_meet_have_no_angle() -> None:
    values = compare_views(sphere(0.1, (-0.3, 0, 0)), sphere(0.1, (0.3, 0, 0)), CAMERA)
    assert values["silhouette_iou"] == 0.0 and "normal_front_deg" not in values
    assert values["normal_front_cosine"] == pytest.approx(1.0)


def test_a_truth_out_of_sight_is_refused() -> None:
    with pytest.raises(ValueError, match="does not see"):
        compare_views(sphere(0.1), sphere(0.1, (5, 0, 0)), CAMERA)
