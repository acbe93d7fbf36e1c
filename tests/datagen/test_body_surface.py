"""The naked body that a subject carries: the parameters pose it, its parts have names, it moves as a whole."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vitruvian.bodies import load_builtin, pose_body
from vitruvian.bodies.skeleton import JOINT_INDEX, JOINT_NAMES
from vitruvian.datagen.body_surface import body_surface
from vitruvian.datagen.sources.synthetic import SyntheticSource
from vitruvian.datagen.subject import BodySurface
from vitruvian.geometry.closest_point import closest_point


@pytest.fixture(scope="module")
def body() -> BodySurface:
    found = SyntheticSource(num_subjects=3, seed=1, texture_size_px=256).load("synthetic-000002").body
    assert found is not None
    return found


def test_the_parameters_of_a_built_in_person_give_its_body(body: BodySurface) -> None:
    subject = SyntheticSource(num_subjects=3, seed=1, texture_size_px=256).load("synthetic-000002")
    known = {name.removesuffix("_m"): value for name, value in subject.body_parameters.items()}
    posed = pose_body(load_builtin(), **known)
    assert np.abs(posed.vertices - body.vertices).max() < 1e-5
    assert body.joints_m is not None and np.abs(posed.joints - body.joints_m).max() < 1e-5
    assert body.model == "builtin" and np.array_equal(body.rest_vertices, load_builtin().v_template)
    near = closest_point(subject.mesh.vertices, subject.mesh.faces, body.vertices.astype(np.float32))
    assert np.quantile(near.distance, 0.95) < 0.1  # a coat or a skirt hangs that far from the body


def test_parts_lie_where_their_names_say(body: BodySurface) -> None:
    assert body.part_labels is not None and body.part_labels.min() >= 1 and body.part_labels.max() < len(body.part_names)
    assert body.joints_m is not None
    for name in ("head", "left_wrist", "right_knee", "left_foot"):
        corners = body.vertices[body.faces[body.part_labels == body.part_names.index(name)]].reshape(-1, 3)
        distances = np.linalg.norm(body.joints_m - corners.mean(axis=0), axis=1)
        assert distances[JOINT_INDEX[name]] < 0.25, name


def test_a_model_without_parts_gets_those_of_its_joints(body: BodySurface) -> None:
    model = dataclasses.replace(load_builtin(), face_parts=None, part_names=())
    made = body_surface(model, body.vertices, body.joints_m)
    assert made.part_names == ("background", *JOINT_NAMES) and made.model == "builtin"
    assert made.part_labels is not None and body.part_labels is not None
    limbs = body.part_labels <= len(JOINT_NAMES)
    assert (made.part_labels[limbs] == body.part_labels[limbs]).mean() > 0.9


def test_a_body_moves_as_a_whole_and_is_never_mirrored(body: BodySurface) -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = [[0, 0, 2], [0, 2, 0], [-2, 0, 0]]
    matrix[:3, 3] = [1, 2, 3]
    moved = body.transformed(matrix)
    assert np.allclose(moved.vertices, 2 * body.vertices[:, [2, 1, 0]] * [1, 1, -1] + [1, 2, 3], atol=1e-5)
    assert moved.joints_m is not None and body.joints_m is not None
    assert np.allclose(moved.joints_m[:, 1], 2 * body.joints_m[:, 1] + 2, atol=1e-5)
    assert moved.rest_vertices is body.rest_vertices
    with pytest.raises(ValueError, match="mirrors"):
        body.transformed(np.diag([-1.0, 1, 1, 1]))
    with pytest.raises(ValueError, match="part_labels has shape"):
        dataclasses.replace(body, part_labels=np.zeros(3, np.uint8))
