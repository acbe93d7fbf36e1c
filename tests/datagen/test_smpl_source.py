"""Posed bodies with painted clothes: any model, poses from lists, textures through a chart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from layouts import obj_text, write_model
from PIL import Image

from vitruvian.bodies import load_builtin, pose_body
from vitruvian.bodies.model_choice import ModelChoice
from vitruvian.bodies.skeleton import JOINT_INDEX
from vitruvian.datagen.checks.subject import check_subject
from vitruvian.datagen.sources.smpl import SmplSource, painted_clothes
from vitruvian.errors import InputError


def test_bodies_are_a_function_of_the_seed_and_their_number() -> None:
    source, again = SmplSource(num_subjects=4, seed=3), SmplSource(num_subjects=9, seed=3)
    assert list(source.subject_ids()) == [f"body-{k:06d}" for k in range(4)]
    first, same = source.load("body-000002"), again.load("body-000002")
    assert np.array_equal(first.mesh.vertices, same.mesh.vertices)
    assert np.array_equal(first.mesh.texture, same.mesh.texture)
    assert first.attributes["labels"][24] == "head left" and first.mesh.face_labels.max() == 24
    assert not np.array_equal(first.mesh.vertices, source.load("body-000001").mesh.vertices)
    check_subject(first)
    posed = pose_body(load_builtin(), **{name.removesuffix("_m"): value for name, value in first.body_parameters.items()})
    assert first.body is not None and first.joints_m is not None
    assert np.abs(posed.vertices - first.mesh.vertices).max() < 1e-4 and np.abs(posed.joints - first.joints_m).max() < 1e-4
    assert np.array_equal(first.body.vertices, first.mesh.vertices)
    with pytest.raises(InputError, match="body-000004"):
        source.load("body-000004")


def test_the_shape_spread_is_what_was_asked_for() -> None:
    source = SmplSource(num_subjects=200, shape_std=1.25)
    betas = np.array([source._rng(k, 0).normal(size=10) * 1.25 for k in range(200)])
    loaded = source.load("body-000007").body_parameters["betas"]
    assert np.allclose(loaded, betas[7], atol=1e-6) and betas.std() == pytest.approx(1.25, rel=0.1)
    assert (SmplSource(num_subjects=1, shape_std=0).load("body-000000").body_parameters["betas"] == 0).all()


def test_clothes_follow_the_body() -> None:
    model = load_builtin()
    colors = painted_clothes(model, np.random.default_rng(0)).astype(float)
    part = model.vertex_parts

    def mean(name: str) -> np.ndarray:
        return colors[part == JOINT_INDEX[name]].mean(axis=0)

    assert np.abs(mean("left_foot") - mean("right_foot")).max() < 12
    assert np.abs(mean("left_wrist") - mean("neck")).max() < 40
    looks = {tuple(painted_clothes(model, np.random.default_rng(k))[100]) for k in range(12)}
    assert len(looks) > 8


def test_poses_come_from_lists_and_folders(tmp_path: Path) -> None:
    poses = np.zeros((3, 72), np.float32)
    poses[:, 0] = np.pi
    poses[:, 3 * JOINT_INDEX["left_elbow"] + 1] = [-0.2, -0.4, -0.6]
    np.savez(tmp_path / "list.npz", poses=poses, fnames=np.array(["h36m_1", "h36m_2", "h36m_3"]))
    source = SmplSource(num_subjects=6, poses=tmp_path / "list.npz")
    drawn = [source.load(subject_id) for subject_id in source.subject_ids()]
    assert {subject.attributes["pose"] for subject in drawn} <= {"h36m_1", "h36m_2", "h36m_3"}
    for subject in drawn:
        check_subject(subject)
        row = int(subject.attributes["pose"][-1]) - 1
        assert np.allclose(subject.body_parameters["body_pose"], poses[row, 3:], atol=1e-6)
    folder = tmp_path / "amass" / "walks"
    folder.mkdir(parents=True)
    upright = np.zeros((4, 156))
    upright[:, 0] = np.pi / 2
    np.savez(folder / "a_poses.npz", poses=upright, trans=np.zeros((4, 3)), betas=np.zeros(10))
    walked = SmplSource(num_subjects=2, poses=tmp_path / "amass").load("body-000000")
    assert walked.attributes["pose"].startswith("walks/a_poses:")
    check_subject(walked)
    with pytest.raises(InputError, match="neither 'everyday' nor 'upright'"):
        SmplSource(num_subjects=1, poses="sleepy")


def test_texture_pictures_through_the_chart(tmp_path: Path) -> None:
    model = load_builtin()
    assert model.uvs is not None and model.uv_faces is not None
    (tmp_path / "pictures").mkdir()
    for k in range(3):
        Image.fromarray(np.full((16, 16, 3), 40 * k, np.uint8)).save(tmp_path / "pictures" / f"t{k}.png")
    source = SmplSource(num_subjects=12, textures=tmp_path / "pictures")
    used = {source.load(subject_id).attributes["texture"] for subject_id in source.subject_ids()}
    assert used == {"t0.png", "t1.png", "t2.png"}
    bare = ModelChoice.at(write_model(tmp_path / "bare.npz"))
    with pytest.raises(InputError, match=r"no texture coordinates; .* --body-uv"):
        SmplSource(num_subjects=1, models=bare, textures=tmp_path / "pictures")
    order = np.random.default_rng(0).permutation(len(model.faces))
    turned = np.roll(model.faces[order], 1, axis=1), np.roll(model.uv_faces[order], 1, axis=1)
    (tmp_path / "chart.obj").write_text(obj_text(model.v_template, turned[0], uvs=model.uvs, uv_faces=turned[1]))
    charted = SmplSource(num_subjects=1, models=bare, textures=tmp_path / "pictures", chart=tmp_path / "chart.obj")
    mesh = charted.load("body-000000").mesh
    assert mesh.uvs is not None and mesh.texture is not None
    assert np.allclose(mesh.uvs[mesh.uv_faces], model.uvs[model.uv_faces], atol=1e-5)
    (tmp_path / "other.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\n")
    with pytest.raises(InputError, match="Give the UV template of this model"):
        SmplSource(num_subjects=1, models=bare, textures=tmp_path / "pictures", chart=tmp_path / "other.obj")
    for folder, words in ((tmp_path / "none", "no such folder"), (tmp_path, "")):
        if words:
            with pytest.raises(InputError, match=words):
                SmplSource(num_subjects=1, textures=folder)
