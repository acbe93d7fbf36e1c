"""Skinning against smplx, against its own numpy form, and against what rigid motions must do."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from vitruvian.bodies import JOINT_INDEX, apply_transforms, export_smpl_pickle, load_builtin, mirror_body_pose, pose_body, skin
from vitruvian.bodies.skinning import rotation_matrices

MODEL = load_builtin()


def _parameters(batch: int, seed: int) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng((seed, batch))
    return {
        "betas": torch.from_numpy(rng.normal(size=(batch, 10)).astype(np.float32)),
        "body_pose": torch.from_numpy(rng.normal(0, 0.5, (batch, 69)).astype(np.float32)),
        "global_orient": torch.from_numpy(rng.normal(0, 1.5, (batch, 3)).astype(np.float32)),
        "translation": torch.from_numpy(rng.normal(size=(batch, 3)).astype(np.float32)),
    }


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.pkl"
    export_smpl_pickle(MODEL, path)
    return path


@pytest.mark.parametrize("batch", [1, 4])
def test_smplx_loads_the_exported_model_and_gives_the_same_bodies(exported: Path, batch: int) -> None:
    smplx = pytest.importorskip("smplx")
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = smplx.SMPL(str(exported), batch_size=batch)
    given = _parameters(batch, seed=1)
    given["translation"][:] = torch.tensor([0.1, -0.2, 0.3])
    with torch.no_grad():
        ours = skin(MODEL, **given)
        transl = given.pop("translation")
        expected = theirs(**given, transl=transl)
    assert np.array_equal(theirs.faces, MODEL.faces)
    assert (ours.vertices - expected.vertices).abs().max() < 1e-5
    assert (ours.joints - expected.joints[:, :24]).abs().max() < 1e-5


def test_pose_correctives_are_applied_as_smplx_applies_them(tmp_path: Path) -> None:
    smplx = pytest.importorskip("smplx")
    from dataclasses import replace

    rng = np.random.default_rng(7)
    model = replace(MODEL, posedirs=rng.normal(0, 1e-3, (MODEL.num_vertices, 3, 207)).astype(np.float32))
    export_smpl_pickle(model, tmp_path / "m.pkl")
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = smplx.SMPL(str(tmp_path / "m.pkl"))
    given = _parameters(1, seed=2)
    with torch.no_grad():
        ours = skin(model, **given).vertices
        transl = given.pop("translation")
        assert (ours - theirs(**given, transl=transl).vertices).abs().max() < 1e-5
        assert (ours - skin(MODEL, **given, translation=transl).vertices).abs().max() > 1e-3


def test_the_numpy_form_agrees_and_its_transforms_carry_the_rest_shape() -> None:
    given = _parameters(1, seed=3)
    given["expression"] = torch.full((1, 52), 0.3)
    with torch.no_grad():
        batch = skin(MODEL, **given)
    one = pose_body(MODEL, **{name: value[0].numpy() for name, value in given.items()})
    assert np.array_equal(one.vertices, batch.vertices[0].numpy())
    carried = apply_transforms(one.vertex_transforms, one.rest_vertices)
    assert np.abs(carried - one.vertices).max() < 1e-5
    joints = apply_transforms(one.joint_transforms, one.rest_joints)
    assert np.abs(joints - one.joints).max() < 1e-5


def test_gradients_reach_every_argument_even_at_the_rest_pose() -> None:
    shapes = {"betas": 10, "body_pose": 69, "global_orient": 3, "translation": 3, "expression": 52}
    given = {name: torch.zeros(2, width, dtype=torch.float64, requires_grad=True) for name, width in shapes.items()}
    body = skin(MODEL, **given)
    (body.vertices * torch.arange(3, dtype=torch.float64)).pow(2).sum().backward()
    for name, value in given.items():
        assert value.grad is not None and torch.isfinite(value.grad).all(), name
        assert value.grad.abs().max() > 0, name


def test_rotation_matrices_are_rotations_with_the_right_derivative() -> None:
    vectors = torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2
    vectors = torch.cat([vectors, vectors * 1e-3, vectors * 1e-6, torch.zeros(1, 3, dtype=torch.float64)])
    matrices = rotation_matrices(vectors)
    assert (matrices @ matrices.mT - torch.eye(3)).abs().max() < 1e-12
    hats = torch.linalg.matrix_exp(torch.stack([torch.linalg.cross(v.expand(3, 3), torch.eye(3).double()).T for v in vectors]))
    assert (matrices - hats).abs().max() < 1e-10
    assert torch.autograd.gradcheck(rotation_matrices, vectors[::7].clone().requires_grad_())


def test_turning_the_pelvis_turns_the_body_rigidly_about_it() -> None:
    given = _parameters(1, seed=4)
    still = skin(MODEL, betas=given["betas"], body_pose=given["body_pose"])
    turned = skin(MODEL, **given)
    rotation = rotation_matrices(given["global_orient"])[0]
    pelvis = still.joints[0, 0]
    expected = (still.vertices[0] - pelvis) @ rotation.T + pelvis + given["translation"][0]
    assert (turned.vertices[0] - expected).abs().max() < 1e-5


def test_a_mirrored_pose_gives_the_mirrored_body() -> None:
    pose = np.random.default_rng(5).normal(0, 0.3, 69)
    one = MODEL.keypoints(pose_body(MODEL, body_pose=pose).vertices)
    other = MODEL.keypoints(pose_body(MODEL, body_pose=mirror_body_pose(pose)).vertices)
    names = MODEL.keypoint_names
    swapped = [names.index(n.replace("left", "?").replace("right", "left").replace("?", "right")) for n in names]
    assert np.abs(one[swapped] * np.array([-1, 1, 1]) - other).max() < 2e-4


def test_the_left_elbow_bends_forwards_and_the_arm_hangs_down() -> None:
    pose = np.zeros((23, 3))
    pose[JOINT_INDEX["left_elbow"] - 1] = [0, -np.pi / 2, 0]
    pose[JOINT_INDEX["right_shoulder"] - 1] = [0, 0, np.pi / 2]
    joints = pose_body(MODEL, body_pose=pose).joints
    forearm = joints[JOINT_INDEX["left_wrist"]] - joints[JOINT_INDEX["left_elbow"]]
    arm = joints[JOINT_INDEX["right_wrist"]] - joints[JOINT_INDEX["right_shoulder"]]
    assert forearm[2] > 0.9 * np.linalg.norm(forearm)
    assert arm[1] < -0.9 * np.linalg.norm(arm)


def test_arguments_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="body_pose has 72 values"):
        skin(MODEL, body_pose=torch.zeros(1, 72))
    with pytest.raises(ValueError, match="betas has a batch of 2"):
        skin(MODEL, betas=torch.zeros(2, 10), body_pose=torch.zeros(3, 69))
    assert skin(MODEL, betas=torch.zeros(1, 3), body_pose=torch.zeros(4, 69)).vertices.shape == (4, MODEL.num_vertices, 3)
