"""What a regressor needs of a body: the same for the built-in body and for SMPL's files, and equal to the published code's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fill import load
from pymaf_stand_in import extra_arrays, stand_in_body, write_files
from scipy.spatial.transform import Rotation

from vitruvian.bodies import load_builtin, pose_body
from vitruvian.bodies.body_layer import BodyLayer, BodySizes
from vitruvian.bodies.joint_sets import H36M17, H36M17_TO_J14, J24, J24_TO_J14, JOINT_SETS, OPENPOSE25, locate_joints
from vitruvian.bodies.point_rows import PointRows
from vitruvian.bodies.regression_body import builtin_regression_body, read_regression_body
from vitruvian.bodies.safe_pickle import read_pickled_array
from vitruvian.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("smpl")
    write_files(made)
    return made


def test_published_files_make_the_published_body(folder: Path) -> None:
    read, wanted = read_regression_body(folder, folder), stand_in_body()
    for name in ("joints", "h36m", "mesh_points"):
        count = 24 + wanted.model.num_vertices
        np.testing.assert_allclose(getattr(read, name).matrix(count), getattr(wanted, name).matrix(count), atol=1e-6)
    np.testing.assert_array_equal(read.mean.pose, wanted.mean.pose)
    np.testing.assert_array_equal(read.model.posedirs, wanted.model.posedirs)
    assert read.charts is None and read.origins["mesh_points"] == "mesh_downsampling.npz"
    np.testing.assert_allclose(read.joint_data.extra, extra_arrays()["J_regressor_extra"])


@pytest.mark.parametrize("gender", ["neutral", "male", "female"])
def test_published_bodies(folder: Path, gender: str) -> None:
    golden = load("pymaf", "ops.npz")
    layer = BodyLayer(read_regression_body(folder, folder, gender))
    turns = Rotation.from_rotvec(golden["loss.gt_pose"].reshape(-1, 3)).as_matrix().reshape(3, 24, 3, 3)
    betas, rotations = torch.from_numpy(golden["loss.gt_betas"]), torch.from_numpy(turns.astype(np.float32))
    whole, few = layer(betas, rotations, surface=True), layer(betas, rotations)
    np.testing.assert_allclose(whole.vertices[:, ::20], golden[f"smpl.{gender}.verts"], atol=1e-5)
    np.testing.assert_allclose(whole.joints, golden[f"smpl.{gender}.joints49"], atol=1e-5)
    np.testing.assert_allclose(whole.smpl_joints, golden[f"smpl.{gender}.joints24"], atol=1e-5)
    np.testing.assert_allclose(few.joints, whole.joints, atol=1e-6)
    np.testing.assert_allclose(few.mesh_points, whole.mesh_points, atol=1e-6)


def test_the_layer_skins_as_numpy_does() -> None:
    body, rng = builtin_regression_body(), np.random.default_rng(3)
    pose, betas = 0.4 * rng.normal(size=72), rng.normal(size=10).astype(np.float32)
    expected = pose_body(body.model, betas=betas, body_pose=pose[3:], global_orient=pose[:3])
    turns = Rotation.from_rotvec(pose.reshape(24, 3)).as_matrix().astype(np.float32)
    found = BodyLayer(body)(torch.from_numpy(betas)[None], torch.from_numpy(turns)[None], surface=True)
    np.testing.assert_allclose(found.vertices[0], expected.vertices, atol=2e-6)
    joints = locate_joints("pymaf49", "builtin", expected.joints, expected.vertices)
    np.testing.assert_allclose(found.joints[0], joints, atol=2e-6)
    h36m = locate_joints("h36m17", "builtin", expected.joints, expected.vertices)
    np.testing.assert_allclose(BodyLayer(body).h36m_joints(found.smpl_joints, found.vertices)[0], h36m, atol=2e-6)


def test_only_a_body_of_ones_own_is_kept_among_weights() -> None:
    assert not BodyLayer(builtin_regression_body()).state_dict() and BodySizes.of(builtin_regression_body()) == BodySizes()
    state = BodyLayer(stand_in_body()).state_dict()
    empty = BodyLayer(BodySizes.of(stand_in_body()).body())
    empty.load_state_dict(state)
    turns, betas = torch.eye(3).expand(1, 24, 3, 3), torch.ones(1, 10)
    expected, found = BodyLayer(stand_in_body())(betas, turns), empty(betas, turns)
    assert torch.equal(found.joints, expected.joints) and torch.equal(found.mesh_points, expected.mesh_points)


def test_the_mean_built_in_body_stands_upright_in_the_crop() -> None:
    body = builtin_regression_body()
    rotations = body.mean.rotations
    np.testing.assert_allclose(np.linalg.det(rotations), 1, atol=1e-6)
    points = BodyLayer(body)(
        torch.from_numpy(body.mean.betas)[None], torch.from_numpy(rotations.astype(np.float32))[None], surface=True
    )
    seen = (points.vertices[0, :, :2].numpy() + body.mean.camera[1:]) * body.mean.camera[0]  # weak perspective, y down
    low, high = seen.min(axis=0), seen.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, 0, atol=1e-3)
    np.testing.assert_allclose((high - low).max(), 2 / 1.2, atol=1e-3)
    head, foot = (points.smpl_joints[0, joint, 1] for joint in (15, 10))
    assert head < foot


def test_points_are_spread_over_the_skin() -> None:
    rows, model = builtin_regression_body().mesh_points, load_builtin()
    assert rows.indices.shape == (431, 1) and (np.diff(rows.indices[:, 0]) > 0).all()
    points = model.v_template[rows.indices[:, 0] - 24].astype(np.float64)
    away = np.linalg.norm(points[:, None] - points[None], axis=2) + np.eye(len(points))
    cover = np.linalg.norm(model.v_template[:, None].astype(np.float64) - points[None], axis=2).min(axis=1)
    assert away.min() > 0.03 and cover.max() < 0.08  # no two close together, no part of the body without


def test_joint_sets_agree() -> None:
    assert len(JOINT_SETS["pymaf49"]) == 49 and len(H36M17) == 17 and JOINT_SETS["pymaf49"][:25] == OPENPOSE25
    assert [J24[k] for k in J24_TO_J14] == [H36M17[k] for k in H36M17_TO_J14]


def test_rows_renumbered_say_the_same() -> None:
    rows = PointRows.of([{3: 1.0}, {7: 0.25, 9: 0.75}])
    points = np.random.default_rng(0).normal(size=(12, 3))
    order = np.array([0, 3, 7, 9])
    np.testing.assert_allclose(rows.renumbered(order)(points[order]), rows(points))
    np.testing.assert_allclose(rows.matrix(12) @ points, rows(points))


def test_files_that_are_others_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs J_regressor_extra"):
        read_regression_body(folder, tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_regression_body(folder, tmp_path / "nowhere")
    for name in ("J_regressor_extra.npy", "mesh_downsampling.npz", "J_regressor_h36m.npy", "smpl_mean_params.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    np.savez(tmp_path / "mesh_downsampling.npz", D=np.zeros(3))
    with pytest.raises(InputError, match="mesh_downsampling"):
        read_regression_body(folder, tmp_path)
    (tmp_path / "mesh_downsampling.npz").unlink()
    assert read_regression_body(folder, tmp_path).origins["mesh_points"] == "computed"
    np.save(tmp_path / "J_regressor_h36m.npy", np.zeros((3, 3)))
    with pytest.raises(InputError, match="17"):
        read_regression_body(folder, tmp_path)


class _Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("never",)


def test_pickled_archives_run_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = np.empty(2, object)
    entries[:] = [_Harm(), _Harm()]
    np.savez(tmp_path / "a.npz", D=entries)
    with pytest.raises(InputError, match=r"builtins\.print"):
        read_pickled_array(tmp_path / "a.npz", "D")
    with pytest.raises(InputError, match="'E'"):
        read_pickled_array(tmp_path / "a.npz", "E")
    assert "never" not in capsys.readouterr().out
