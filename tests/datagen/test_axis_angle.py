"""Single rotations against scipy's, near none and near half a turn, too."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vitruvian.datagen.spin.axis_angle import axis_angle_of, matrix_of, turned_about_z


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-5, 9.99e-4, 1.01e-3, 0.7, 2.5, np.pi - 1e-7, np.pi + 1e-3, 5.0, 9.0])
def test_as_scipy(angle: float) -> None:
    rng = np.random.default_rng((1, round(1000 * angle)))
    for axis in (*np.eye(3), *-np.eye(3), *rng.standard_normal((20, 3))):
        vector = angle * axis / np.linalg.norm(axis)
        rotation = Rotation.from_rotvec(vector)
        np.testing.assert_allclose(matrix_of(vector), rotation.as_matrix(), atol=1e-14)
        np.testing.assert_allclose(axis_angle_of(rotation.as_matrix()), _nearest(rotation, vector), atol=1e-9)
        for turn in (0.0, -0.4, 1.0, np.pi):
            both = Rotation.from_rotvec([0, 0, turn]) * rotation
            found = np.array(turned_about_z(vector.tolist(), turn))
            assert np.linalg.norm(found) <= np.pi + 1e-12
            np.testing.assert_allclose(Rotation.from_rotvec(found).as_matrix(), both.as_matrix(), atol=1e-14)
            if np.linalg.norm(both.as_rotvec()) < np.pi - 1e-6:
                np.testing.assert_allclose(found, both.as_rotvec(), atol=1e-13)


def _nearest(rotation: Rotation, vector: np.ndarray) -> np.ndarray:
    """At half a turn both ends of the axis are right."""
    found = rotation.as_rotvec()
    return -found if np.linalg.norm(found) > np.pi - 1e-9 and found @ vector < 0 else found


def test_what_is_nearly_a_rotation_is_taken_as_the_nearest_one() -> None:
    rotation = Rotation.from_rotvec([0.3, -2.0, 1.0])
    noisy = rotation.as_matrix() + 1e-7
    np.testing.assert_allclose(axis_angle_of(noisy), rotation.as_rotvec(), atol=1e-6)
