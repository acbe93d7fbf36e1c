"""Poses: inside the limits, free of gross self-intersection, the same for the same generator."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vitruvian.bodies import (
    JOINT_INDEX,
    POSE_NAMES,
    limit_excess,
    load_builtin,
    mirror_body_pose,
    named_pose,
    pose_body,
    sample_betas,
    sample_pose,
)
from vitruvian.bodies.joint_limits import LIMITS_RAD, clip_joint_angles, from_joint_angles, to_joint_angles
from vitruvian.errors import InputError
from vitruvian.geometry.occupancy import occupancy

MODEL = load_builtin()


def test_joint_angles_and_axis_angle_vectors_say_the_same() -> None:
    rng = np.random.default_rng(1)
    angles = rng.uniform(LIMITS_RAD[..., 0], LIMITS_RAD[..., 1])
    assert np.allclose(to_joint_angles(from_joint_angles(angles)), angles, atol=1e-9)
    pose = rng.normal(0, 0.7, 69)
    again = from_joint_angles(to_joint_angles(pose))
    difference = Rotation.from_rotvec(pose.reshape(-1, 3)).inv() * Rotation.from_rotvec(again.reshape(-1, 3))
    assert difference.magnitude().max() < 1e-9


def test_limits_are_mirror_images_and_clipping_is_final() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        pose = rng.normal(0, 1.0, 69)
        mirrored = limit_excess(mirror_body_pose(pose))
        assert np.isclose(limit_excess(pose).sum(), mirrored.sum(), atol=1e-9)
        inside = from_joint_angles(clip_joint_angles(to_joint_angles(pose)))
        assert limit_excess(inside).max() < 1e-9
    knee = np.zeros((23, 3))
    knee[JOINT_INDEX["left_knee"] - 1, 0] = -0.5
    assert limit_excess(knee.reshape(-1))[JOINT_INDEX["left_knee"] - 1, 0] == pytest.approx(0.5)


def test_a_thousand_sampled_poses_respect_the_limits_and_differ() -> None:
    rng = np.random.default_rng(3)
    poses = [sample_pose(rng, noise_rad=0.3) for _ in range(1000)]
    assert max(limit_excess(pose.body_pose).max() for pose in poses) < 1e-9
    assert all(pose.body_pose.shape == (69,) and pose.global_orient.shape == (3,) for pose in poses)
    names = {pose.name.removesuffix("_mirrored") for pose in poses}
    assert names == set(POSE_NAMES) and len(POSE_NAMES) >= 12
    assert 400 < sum(pose.name.endswith("_mirrored") for pose in poses) < 600
    spread = np.std([to_joint_angles(pose.body_pose) for pose in poses], axis=0)
    assert spread[JOINT_INDEX["left_shoulder"] - 1].min() > 0.2


def test_samples_are_a_function_of_the_generator() -> None:
    for seed in range(3):
        one, other = (sample_pose(np.random.default_rng(seed)) for _ in range(2))
        assert one.name == other.name and np.array_equal(one.body_pose, other.body_pose)
        assert np.array_equal(sample_betas(np.random.default_rng(seed)), sample_betas(np.random.default_rng(seed)))
    still = sample_pose(np.random.default_rng(0), noise_rad=0.0, names=("waving",))
    expected = named_pose("waving").body_pose
    assert np.allclose(still.body_pose, mirror_body_pose(expected) if still.name.endswith("_mirrored") else expected)


def test_shape_coefficients_are_standard_normal_but_for_the_tails() -> None:
    rng = np.random.default_rng(4)
    betas = np.stack([sample_betas(rng) for _ in range(2000)])
    assert betas.dtype == np.float32 and np.abs(betas).max() <= 2.2
    assert np.abs(betas.mean(axis=0)).max() < 0.1 and np.all((betas.std(axis=0) > 0.85) & (betas.std(axis=0) < 1.0))


def _buried(vertices: np.ndarray) -> np.ndarray:
    """Which vertices lie inside another part of the body, seen from half a millimetre above the skin."""
    above = vertices + 5e-4 * MODEL.mesh(vertices).vertex_normals()
    return occupancy(vertices, MODEL.faces, above)


@pytest.fixture(scope="module")
def always_buried() -> np.ndarray:
    """Eyes, tongue, and what lies behind eyelids and lips are inside the head in any pose."""
    return _buried(MODEL.v_template)


@pytest.mark.parametrize("name", POSE_NAMES)
def test_named_poses_do_not_intersect_themselves_grossly(name: str, always_buried: np.ndarray) -> None:
    pose = named_pose(name)
    assert limit_excess(pose.body_pose).max() < 1e-9
    body = pose_body(MODEL, body_pose=pose.body_pose, global_orient=pose.global_orient)
    limit = {"crouching": 0.026, "kneeling": 0.015}.get(name, 0.012)  # skin folds at hips, knees and elbows are buried too
    assert (_buried(body.vertices) & ~always_buried).mean() < limit


@pytest.mark.parametrize("name", ["standing", "contrapposto", "sitting", "lunging", "walking_contact", "kneeling", "crouching"])
def test_both_feet_or_knees_meet_the_floor(name: str) -> None:
    pose = named_pose(name)
    body = pose_body(MODEL, body_pose=pose.body_pose, global_orient=pose.global_orient)
    part = MODEL.vertex_parts
    lowest = [
        body.vertices[np.isin(part, [JOINT_INDEX[f"{side}_{joint}"] for joint in ("knee", "ankle", "foot")]), 1].min()
        for side in ("left", "right")
    ]
    assert abs(lowest[0] - lowest[1]) < 0.02


def test_unknown_poses_and_negative_noise_are_refused() -> None:
    with pytest.raises(InputError, match="'levitating' is not known"):
        named_pose("levitating")
    with pytest.raises(ValueError, match="noise_rad"):
        sample_pose(np.random.default_rng(0), noise_rad=-1.0)
