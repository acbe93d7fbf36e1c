"""Joints, IUV maps and part labels: they agree with each other, with the depth buffer and with the body's parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from naked import naked_subject

from vitruvian.bodies import load_builtin, pose_body
from vitruvian.bodies.builtin_charts import builtin_charts
from vitruvian.bodies.iuv import surface_points
from vitruvian.datagen.body_plan import BodyPlan
from vitruvian.datagen.items.context import SubjectContext, ViewContext
from vitruvian.datagen.items.joints import visibility, world_joints
from vitruvian.datagen.items.registry import SUBJECT_PRODUCERS, VIEW_PRODUCERS
from vitruvian.datagen.lights.harmonic import HarmonicLight
from vitruvian.datagen.lights.shading import draw
from vitruvian.datagen.protocols.pifu import PifuProtocol
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.shards.items import ITEMS

CAMERA = Camera(
    projection="perspective",
    width_px=128,
    height_px=160,
    focal_px=(200.0, 200.0),
    center_px=(64.0, 80.0),
    translation_m=(0.05, -0.9, -3.0),
)


def view_of(subject: Subject, camera: Camera = CAMERA, **body: Any) -> ViewContext:
    plan = PifuProtocol(views_per_subject=1).plan(subject, index=0, split="train", seed=0)
    plan = dataclasses.replace(plan, body=BodyPlan(**body))
    view = View(
        camera=camera, yaw_rad=0.0, light=HarmonicLight.of(np.zeros((9, 3))), background={"kind": "plain", "color": [0, 0, 0]}
    )
    context = SubjectContext(subject=subject, plan=plan, index=0, seed=0)
    return ViewContext(view=view, gbuffer=draw(subject.mesh, view, fields=("depth_m", "label", "mask")), subject=context)


def stored(name: str, values: dict[str, Any]) -> dict[str, Any]:
    """What comes back from a shard."""
    item = ITEMS[name]
    return item.decode(pa.array([item.encode(values)], item.arrow_type)[0])


@pytest.mark.parametrize("joint_set", ["smpl24", "coco17", "pymaf49"])
def test_joints_in_space_project_to_those_in_the_picture(joint_set: str) -> None:
    seen = view_of(naked_subject(1), joint_set=joint_set)
    in_space = stored("joints_3d", VIEW_PRODUCERS["joints_3d"].make(seen))
    in_picture = stored("joints_2d", VIEW_PRODUCERS["joints_2d"].make(seen))
    assert in_space["joint_set"] == in_picture["joint_set"] == joint_set
    projected = CAMERA.project(CAMERA.to_world(in_space["joints_3d"]))
    np.testing.assert_allclose(projected[:, :2], in_picture["joints_2d"], atol=1e-3)
    assert len(in_picture["joints_visibility"]) == len(projected)


def test_visibility_agrees_with_the_depth_buffer() -> None:
    subject = naked_subject(1)
    front = view_of(subject, joint_set="coco17")
    turned = np.diag([-1.0, 1.0, -1.0])
    behind = view_of(subject, dataclasses.replace(CAMERA, rotation=tuple(turned.reshape(-1))), joint_set="coco17")
    flags = [VIEW_PRODUCERS["joints_2d"].make(context)["joints_visibility"] for context in (front, behind)]
    assert flags[0][0] == 2 and flags[1][0] == 1, "the nose is seen from the front only"
    for context, visible in zip((front, behind), flags, strict=True):
        joints = context.view.camera.project(world_joints(context.subject))
        column, row = np.floor(joints[:, :2]).astype(int).T
        assert ((visible > 0) == ((column >= 0) & (column < 128) & (row >= 0) & (row < 160))).all()
        in_front = joints[:, 2] - context.gbuffer.depth_m[row.clip(0, 159), column.clip(0, 127)]
        assert in_front[visible == 2].max() < 0.2 and (in_front[visible == 1] > 0.04).all()


def test_a_wall_in_front_hides_every_joint_and_borders_count() -> None:
    points = np.array([[10.0, 10.0, 3.0], [127.9, 159.9, 3.0], [128.0, 5.0, 3.0], [5.0, -0.1, 3.0], [5.0, 5.0, -3.0]])
    wall = np.full((160, 128), 2.5, np.float32)
    np.testing.assert_array_equal(visibility(points, CAMERA, wall, np.full(5, 0.1)), [1, 1, 0, 0, 0])
    np.testing.assert_array_equal(visibility(points, CAMERA, wall + 0.45, np.full(5, 0.1)), [2, 2, 0, 0, 0])
    np.testing.assert_array_equal(visibility(points, CAMERA, np.full_like(wall, np.inf), np.zeros(5)), [2, 2, 0, 0, 0])


@pytest.mark.parametrize("stride", [1, 4])
def test_iuv_leads_back_to_what_the_pixel_sees(stride: int) -> None:
    subject = naked_subject(2)
    seen = view_of(subject, iuv_stride=stride)
    iuv = stored("iuv", VIEW_PRODUCERS["iuv"].make(seen))["iuv"]
    assert iuv.shape == (160 // stride, 128 // stride, 3)
    rows, columns = np.nonzero(iuv[..., 0])
    points = surface_points(builtin_charts(), subject.body.vertices, iuv[rows, columns, 0], iuv[rows, columns, 1:])
    pixels = CAMERA.project(points)[:, :2] / stride - 0.5
    error = np.linalg.norm(pixels - np.stack([columns, rows], 1), axis=1) * stride
    assert np.median(error) < 0.15 and np.quantile(error, 0.98) < 1.0  # 8 bits of u and v
    if stride == 1:
        np.testing.assert_array_equal(iuv[..., 0] > 0, seen.gbuffer.mask)
        depth = CAMERA.project(points)[:, 2]
        assert np.median(np.abs(depth - seen.gbuffer.depth_m[rows, columns])) < 0.003


def test_part_labels_are_those_of_the_mesh() -> None:
    seen = view_of(naked_subject(0))
    labels = stored("part_labels", VIEW_PRODUCERS["part_labels"].make(seen))["part_labels"]
    np.testing.assert_array_equal(labels > 0, seen.gbuffer.mask)
    names = load_builtin().part_names
    assert {names[value] for value in np.unique(labels)} >= {"background", "head", "left_knee", "spine2"}


def test_parameters_pose_the_model_to_the_stored_joints() -> None:
    subject = naked_subject(3)
    body = stored("body", SUBJECT_PRODUCERS["body"](view_of(subject).subject))
    assert body["body_model"] == "builtin"
    parameters = dict(body["body_parameters"])
    shift = parameters.pop("translation_m")
    posed = pose_body(load_builtin(), **parameters, translation=shift)
    np.testing.assert_allclose(posed.joints, body["joints_m"], atol=2e-6)
    np.testing.assert_allclose(posed.vertices, subject.body.vertices, atol=2e-6)


def test_what_is_missing_is_said() -> None:
    subject = dataclasses.replace(naked_subject(0), body=None, joints_m=None)
    with pytest.raises(InputError, match="knows no joints"):
        VIEW_PRODUCERS["joints_2d"].make(view_of(subject))
    with pytest.raises(InputError, match="knows no body"):
        VIEW_PRODUCERS["iuv"].make(view_of(subject))
    only_joints = dataclasses.replace(naked_subject(0), body=None)
    assert VIEW_PRODUCERS["joints_3d"].make(view_of(only_joints))["joints_3d"].shape == (24, 3)
    with pytest.raises(InputError, match="needs the body's surface"):
        VIEW_PRODUCERS["joints_3d"].make(view_of(only_joints, joint_set="coco17"))
    bare = dataclasses.replace(subject, mesh=dataclasses.replace(subject.mesh, face_labels=None))
    with pytest.raises(InputError, match="has no part labels"):
        VIEW_PRODUCERS["part_labels"].make(view_of(bare))
    smpl = dataclasses.replace(naked_subject(0).body, model="other")
    with pytest.raises(InputError, match="no charts"):
        BodyPlan().charts(smpl)
