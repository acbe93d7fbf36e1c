"""PyMAF's rotations and camera against the published code's values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fill import load
from scipy.spatial.transform import Rotation

from vitruvian.methods.pymaf.projection import project
from vitruvian.methods.pymaf.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    matrix_to_six,
    six_to_matrix,
)

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(scope="module")
def golden() -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in load("pymaf", "ops.npz").items() if value.dtype == np.float32}


def test_six_numbers(golden: dict[str, torch.Tensor]) -> None:
    matrices = six_to_matrix(golden["rot6d.in"])
    np.testing.assert_allclose(matrices, golden["rot6d.rotmat"], **TOLERANCE)
    np.testing.assert_allclose(matrix_to_six(matrices), golden["rot6d.back"], **TOLERANCE)
    three = six_to_matrix(golden["rot6d.in"][:3])  # the published cross product goes wrong for three rotations
    np.testing.assert_allclose(three, golden["rot6d.rotmat"][:3], **TOLERANCE)


def test_axis_angle(golden: dict[str, torch.Tensor]) -> None:
    np.testing.assert_allclose(axis_angle_to_matrix(golden["rodrigues.in"]), golden["rodrigues.rotmat"], **TOLERANCE)
    np.testing.assert_allclose(matrix_to_quaternion(golden["rotmat2aa.in"]), golden["rotmat2aa.quat"], **TOLERANCE)
    np.testing.assert_allclose(matrix_to_axis_angle(golden["rotmat2aa.in"]), golden["rotmat2aa.aa"], **TOLERANCE)


def test_any_rotation_there_and_back() -> None:
    matrices = Rotation.random(500, random_state=0).as_matrix()
    turns = matrix_to_axis_angle(torch.from_numpy(matrices))
    np.testing.assert_allclose(Rotation.from_rotvec(turns.numpy()).as_matrix(), matrices, atol=1e-9)
    np.testing.assert_allclose(axis_angle_to_matrix(turns), matrices, atol=1e-7)
    assert turns.norm(dim=-1).max() <= np.pi + 1e-9


def test_projection(golden: dict[str, torch.Tensor]) -> None:
    np.testing.assert_allclose(project(golden["proj.points"], golden["proj.cam"]), golden["proj.xy"], rtol=1e-5, atol=1e-5)
