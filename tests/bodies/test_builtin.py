"""The built-in body: a closed, symmetric adult in the T-pose, with parts, expressions and keypoints where they belong."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from vitruvian.bodies import JOINT_INDEX, JOINT_NAMES, MIRROR_JOINTS, PARENTS, load_builtin, pose_body, sample_betas

MODEL = load_builtin()
MIRROR = np.array([-1.0, 1.0, 1.0])


def _part_of_vertices() -> np.ndarray:
    faces, count = MODEL.faces, MODEL.num_vertices
    graph = coo_matrix((np.ones(faces.size), (faces.ravel(), np.roll(faces, 1, axis=1).ravel())), (count, count))
    return connected_components(graph, directed=False)[1]


def _volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_it_has_the_sizes_that_are_promised() -> None:
    assert (MODEL.num_vertices, len(MODEL.faces), MODEL.num_betas, MODEL.num_expressions) == (13718, 27420, 10, 52)
    assert MODEL.posedirs is None
    assert MODEL.parents == PARENTS
    assert MODEL.uvs is not None and MODEL.uv_faces is not None
    assert MODEL.uvs.min() >= 0 and MODEL.uvs.max() <= 1 and int(MODEL.uv_faces.max()) < len(MODEL.uvs)


def test_it_is_an_adult_in_the_t_pose_with_the_pelvis_at_the_origin() -> None:
    joints = MODEL.joint_regressor @ MODEL.v_template
    height = np.ptp(MODEL.v_template[:, 1])
    assert 1.5 < height < 2.0
    assert np.linalg.norm(joints[0]) < 0.01
    for side, sign in (("left", 1), ("right", -1)):
        shoulder, wrist = joints[JOINT_INDEX[f"{side}_shoulder"]], joints[JOINT_INDEX[f"{side}_wrist"]]
        arm = wrist - shoulder
        assert arm[0] * sign > 0.99 * np.linalg.norm(arm)
        toes = joints[JOINT_INDEX[f"{side}_foot"]] - joints[JOINT_INDEX[f"{side}_ankle"]]
        assert toes[2] > 0.9 * np.linalg.norm(toes)
    assert joints[JOINT_INDEX["head"], 1] > joints[JOINT_INDEX["neck"], 1] > 0 > joints[JOINT_INDEX["left_knee"], 1]


@pytest.mark.parametrize("index", range(6))
def test_every_sampled_shape_is_a_plausible_person_of_closed_parts(index: int) -> None:
    body = pose_body(MODEL, betas=sample_betas(np.random.default_rng((11, index))))
    assert 1.35 < np.ptp(body.vertices[:, 1]) < 2.15
    part = _part_of_vertices()
    assert part.max() == 3
    litres = sorted(1000 * _volume(body.vertices, MODEL.faces[part[MODEL.faces[:, 0]] == k]) for k in range(4))
    assert litres[0] > 0.004  # an eye
    assert 35 < litres[-1] < 160


def test_every_edge_has_two_faces_that_run_along_it_in_opposite_directions() -> None:
    faces = MODEL.faces.astype(np.int64)
    directed = np.concatenate([faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    keys = directed[:, 0] * MODEL.num_vertices + directed[:, 1]
    assert len(np.unique(keys)) == len(keys)
    assert np.array_equal(np.sort(keys), np.sort(directed[:, 1] * MODEL.num_vertices + directed[:, 0]))


def test_weights_and_regressors_are_means() -> None:
    assert (MODEL.weights >= 0).all() and (MODEL.weights.sum(axis=1, dtype=np.float64) == 1).all()
    assert (MODEL.joint_regressor >= 0).all()
    assert np.abs(MODEL.joint_regressor.sum(axis=1, dtype=np.float64) - 1).max() < 1e-6
    assert (MODEL.joint_regressor > 0).sum(axis=1).max() < 60
    assert MODEL.keypoint_regressor is not None
    assert np.abs(MODEL.keypoint_regressor.sum(axis=1, dtype=np.float64) - 1).max() < 1e-5


def test_left_and_right_are_mirror_images() -> None:
    distance, mirror = cKDTree(MODEL.v_template).query(MODEL.v_template * MIRROR)
    assert distance.max() < 1e-4
    assert np.abs(MODEL.shapedirs[mirror] * MIRROR[:, None] - MODEL.shapedirs).max() < 3e-4
    assert np.abs(MODEL.weights[mirror][:, MIRROR_JOINTS] - MODEL.weights).max() < 1e-4
    joints = MODEL.joint_regressor @ MODEL.v_template
    assert np.abs(joints[list(MIRROR_JOINTS)] * MIRROR - joints).max() < 1e-4


def test_ten_coefficients_keep_nearly_all_of_the_variance_in_falling_order() -> None:
    kept = MODEL.shape_variance_kept
    assert kept is not None and kept.shape == (10,)
    assert kept[0] > 0.9 and 0.995 < kept[-1] <= 1
    energy = np.square(MODEL.shapedirs.astype(np.float64)).sum(axis=(0, 1))
    shares = np.diff(kept, prepend=0)
    assert (np.diff(energy) < 0).all()
    assert np.allclose(energy / energy[0], shares / shares[0], rtol=0.02)
    flat = MODEL.shapedirs.reshape(-1, 10).astype(np.float64)
    cosines = (flat.T @ flat) / np.sqrt(np.outer(energy, energy))
    assert np.abs(cosines - np.eye(10)).max() < 1e-3


def test_each_joint_moves_its_own_part() -> None:
    assert MODEL.face_parts is not None
    assert MODEL.part_names[:25] == ("background", *JOINT_NAMES)
    assert MODEL.part_names[25:] == ("left_eye", "right_eye", "left_iris", "right_iris", "mouth")
    counts = np.bincount(MODEL.face_parts, minlength=len(MODEL.part_names))
    assert counts[0] == 0 and (counts[1:] > 0).all()
    centres = MODEL.v_template[MODEL.faces].mean(axis=1)
    for label, name in enumerate(MODEL.part_names):
        if name.startswith("left_"):
            assert centres[label == MODEL.face_parts, 0].mean() > 0.01, name
        if name.startswith("right_"):
            assert centres[label == MODEL.face_parts, 0].mean() < -0.01, name


def test_expressions_move_the_face_and_nothing_else() -> None:
    rest = pose_body(MODEL).vertices
    smile = np.zeros(52)
    smile[[MODEL.expression_names.index(f"mouthSmile{side}") for side in ("Left", "Right")]] = 1
    moved = np.linalg.norm(pose_body(MODEL, expression=smile).vertices - rest, axis=1)
    assert 0.005 < moved.max() < 0.03
    assert moved[rest[:, 1] < rest[:, 1].max() - 0.35].max() == 0
    jaw = np.zeros(52)
    jaw[MODEL.expression_names.index("jawOpen")] = 1
    chin = MODEL.landmark_vertices[8] if MODEL.landmark_vertices is not None else -1
    assert pose_body(MODEL, expression=jaw).vertices[chin, 1] < rest[chin, 1] - 0.01


def test_keypoints_and_landmarks_lie_where_their_names_say() -> None:
    body = pose_body(MODEL)
    points = dict(zip(MODEL.keypoint_names, MODEL.keypoints(body.vertices), strict=True))
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        for side in ("left", "right"):
            assert np.linalg.norm(points[f"{side}_{joint}"] - body.joints[JOINT_INDEX[f"{side}_{joint}"]]) < 0.08, joint
    assert points["nose"][2] > points["left_ear"][2]
    assert len(MODEL.landmark_names) == 68 and MODEL.landmark_vertices is not None
    marks = body.vertices[MODEL.landmark_vertices]
    assert np.linalg.norm(marks[30] - points["nose"]) < 0.03
    assert np.abs(marks[[36, 39]].mean(axis=0) - points["right_eye"])[:2].max() < 0.01
    for right, left in ((0, 16), (17, 26), (31, 35), (36, 45), (39, 42), (48, 54), (60, 64), (67, 65)):
        assert np.abs(marks[right] * MIRROR - marks[left]).max() < 1e-5
    assert marks[8, 1] < marks[57, 1] < marks[51, 1] < marks[33, 1] < marks[27, 1] < marks[19, 1]
