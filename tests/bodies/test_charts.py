"""Charts of the body: nothing overlaps, everything is found again; joint sets name what they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fill import load

from vitruvian.bodies import load_builtin, pose_body
from vitruvian.bodies.builtin_charts import builtin_charts
from vitruvian.bodies.charts import MERGED_15, PART_NAMES, SurfaceCharts, charts_from_densepose, read_densepose_charts
from vitruvian.bodies.iuv import draw_iuv, find_on_charts, surface_points
from vitruvian.bodies.joint_sets import JOINT_SETS, JointData, locate_joints
from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera

FRONT = Camera(
    projection="orthographic", width_px=96, height_px=96, focal_px=(45.0, 45.0), center_px=(48.0, 40.0)
)  # fmt: skip


def test_every_face_has_a_part_and_mirrored_faces_have_mirrored_ones() -> None:
    charts, model = builtin_charts(), load_builtin()
    assert set(np.unique(charts.face_parts)) == set(range(1, 25))
    np.testing.assert_array_equal(charts.body_vertices[charts.faces], model.faces)
    assert charts.uvs.min() >= 0 and charts.uvs.max() <= 1
    counts = np.bincount(charts.face_parts)
    for right, left in ((3, 4), (6, 5), (7, 8), (9, 10), (11, 12), (13, 14), (16, 15), (18, 17), (20, 19), (22, 21), (23, 24)):
        assert counts[right] == counts[left], PART_NAMES[right]


@pytest.mark.parametrize("part", [1, 3, 9, 24])
def test_no_two_points_of_a_part_share_their_coordinates(part: int) -> None:
    charts, model = builtin_charts(), load_builtin()
    rng = np.random.default_rng(part)
    chosen = rng.choice(np.flatnonzero(charts.face_parts == part), 400)
    weights = rng.dirichlet(np.ones(3), 400)
    uvs = np.einsum("nk,nkc->nc", weights, charts.uvs[charts.faces[chosen]])
    points = np.einsum("nk,nkc->nc", weights, model.v_template[model.faces[chosen]])
    found = surface_points(charts, model.v_template, charts.face_parts[chosen], uvs)
    np.testing.assert_allclose(found, points, atol=1e-6)
    corners = charts.uvs[charts.faces[charts.face_parts == part]].astype(np.float64)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = 0.5 * (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    assert (area >= -1e-12).all() and 0.25 < area.sum() <= 1.0


def test_a_drawn_map_leads_back_to_the_surface() -> None:
    charts, model = builtin_charts(), load_builtin()
    vertices = pose_body(model, body_pose=np.random.default_rng(2).normal(0, 0.2, 69)).vertices
    drawn = draw_iuv(charts, vertices, FRONT)
    rows, columns = np.nonzero(drawn[..., 0])
    assert len(rows) > 800
    points = surface_points(charts, vertices, drawn[rows, columns, 0], drawn[rows, columns, 1:])
    seen = FRONT.project(points)
    np.testing.assert_allclose(seen[:, :2], np.stack([columns + 0.5, rows + 0.5], 1), atol=0.02)
    upright = draw_iuv(charts, model.v_template, FRONT)[..., 0]
    assert (
        np.nonzero(upright == 24)[1].min() >= 47 and np.nonzero(upright == 23)[1].max() <= 48
    )  # its left is the viewer's right


def test_bad_charts_are_named(tmp_path: Path) -> None:
    charts = builtin_charts()
    with pytest.raises(ValueError, match=r"parts must be 1\.\.24"):
        find_on_charts(charts, np.array([0]), np.array([[0.5, 0.5]]))
    with pytest.raises(ValueError, match="the body has 12"):
        charts.positions(np.zeros((12, 3)))
    (tmp_path / "UV_Processed.mat").write_bytes(b"not one")
    with pytest.raises(InputError, match="UV_Processed"):
        read_densepose_charts(tmp_path / "UV_Processed.mat")
    with pytest.raises(InputError, match=r"missing\.mat"):
        read_densepose_charts(tmp_path / "missing.mat")
    toy = load("pymaf", "iuv.npz")
    with pytest.raises(InputError, match="lacks All_Faces"):
        charts_from_densepose({key: value for key, value in toy.items() if key != "All_Faces"}, "toy")


def test_densepose_charts_from_a_file(tmp_path: Path) -> None:
    from scipy.io import savemat

    toy = load("pymaf", "iuv.npz")
    savemat(tmp_path / "UV_Processed.mat", {key: value for key, value in toy.items() if key.startswith("All_")})
    read, expected = read_densepose_charts(tmp_path / "UV_Processed.mat"), charts_from_densepose(toy, "toy")
    assert isinstance(read, SurfaceCharts)
    np.testing.assert_array_equal(read.faces, expected.faces)
    np.testing.assert_array_equal(read.body_vertices, expected.body_vertices)
    np.testing.assert_array_equal(read.uvs, expected.uvs)


def test_merged_parts_join_halves() -> None:
    halves = {frozenset((1, 2)), frozenset((7, 9)), frozenset((15, 17)), frozenset((23, 24))}
    for pair in halves:
        assert len({MERGED_15[part] for part in pair}) == 1
    assert max(MERGED_15) == 14 and len(MERGED_15) == 25


def test_joint_sets_of_the_builtin_body() -> None:
    model = load_builtin()
    body = pose_body(model)
    located = {name: locate_joints(name, "builtin", body.joints, body.vertices) for name in JOINT_SETS}
    for name, points in located.items():
        assert points.shape == (len(JOINT_SETS[name]), 3)
        named = dict(zip(JOINT_SETS[name], points, strict=True))
        left = [point for joint, point in named.items() if joint.startswith("left_")]
        assert all(point[0] > 0 for point in left), name
    np.testing.assert_array_equal(located["pymaf49"], np.concatenate([located["openpose25"], located["j24"]]))
    points = dict(zip(JOINT_SETS["j24"], located["j24"], strict=True))
    assert points["head_top_lsp"][1] > points["nose"][1] > points["jaw_h36m"][1] > points["neck_lsp"][1]
    assert points["thorax_mpii"][1] > points["spine_h36m"][1] > points["pelvis_mpii"][1] > points["right_knee"][1]


def test_joint_sets_of_smpl_need_its_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    joints, vertices = rng.normal(size=(24, 3)), rng.normal(size=(6890, 3))
    coco = locate_joints("coco17", "smpl", joints, vertices)
    np.testing.assert_allclose(coco[[0, 1, 5, 16]], [vertices[332], vertices[2800], joints[16], joints[8]], rtol=1e-6)
    with pytest.raises(InputError, match="J_regressor_extra"):
        locate_joints("j24", "smpl", joints, vertices)
    extra = np.zeros((9, 6890))
    extra[0, 5], extra[0, 7] = 0.25, 0.75
    np.save(tmp_path / "J_regressor_extra.npy", extra)
    located = locate_joints("j24", "smpl", joints, vertices, JointData.read(tmp_path))
    np.testing.assert_allclose(located[2], 0.25 * vertices[5] + 0.75 * vertices[7], rtol=1e-5)
    np.save(tmp_path / "J_regressor_extra.npy", extra[:, :100])
    with pytest.raises(InputError, match="is \\(9, 100\\)"):
        JointData.read(tmp_path)
    with pytest.raises(InputError, match="no joint set"):
        locate_joints("coco19", "smpl", joints, vertices)
    with pytest.raises(InputError, match="10475"):
        locate_joints("coco17", "smplx", joints, np.zeros((10475, 3)))
