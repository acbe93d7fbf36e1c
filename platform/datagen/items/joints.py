"""``joints_3d`` and ``joints_2d``: the joints of the registered body, seen by a view's camera."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.joint_sets import locate_joints
from vitruvian.datagen.items.context import SubjectContext, ViewContext
from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.closest_point import closest_point
from vitruvian.shards.body_items import HIDDEN, OUTSIDE, VISIBLE

THICKNESS_FACTOR = 1.5
CLOTHES_M = 0.04
UNKNOWN_THICKNESS_M = 0.12


def world_joints(context: SubjectContext) -> NDArray[np.float32]:
    """(J, 3) the plan's joint set in world metres; InputError for a subject without joints."""
    return context.remember("joints", lambda: _located(context))


def _located(context: SubjectContext) -> NDArray[np.float32]:
    subject, plan = context.subject, context.plan.body
    body = subject.body
    joints = subject.joints_m if body is None or body.joints_m is None else body.joints_m
    if joints is None:
        raise InputError(
            f"{subject.subject_id}: source {subject.source!r} knows no joints, of which joints_3d and joints_2d are made. "
            "Use a source with registered bodies, or leave these items out (--items)."
        )
    model, surface = ("unknown", None) if body is None else (body.model, body.vertices)
    return locate_joints(plan.joint_set, model, joints, surface, plan.joint_data())


def thickness(context: SubjectContext) -> NDArray[np.float64]:
    """(J,) metres of the subject's own body and clothes that may lie in front of a joint without hiding it.

    1.5 times the joint's distance from the skin and 4 cm for cloth; 12 cm where no skin is known.
    """
    return context.remember("joint_thickness", lambda: _thickness(context))


def _thickness(context: SubjectContext) -> NDArray[np.float64]:
    joints, body = world_joints(context), context.subject.body
    if body is None:
        return np.full(len(joints), UNKNOWN_THICKNESS_M)
    return THICKNESS_FACTOR * closest_point(body.vertices, body.faces, joints).distance.astype(np.float64) + CLOTHES_M


def joints_3d(context: ViewContext) -> dict[str, Any]:
    """float32 (J, 3), metres in the camera frame."""
    points = context.view.camera.to_camera(world_joints(context.subject)).astype(np.float32)
    return {"joints_3d": points, "joint_set": context.subject.plan.body.joint_set}


def joints_2d(context: ViewContext) -> dict[str, Any]:
    """float32 (J, 2) pixels and uint8 (J,) visibility."""
    points = context.view.camera.project(world_joints(context.subject))
    return {
        "joints_2d": points[:, :2].astype(np.float32),
        "joints_visibility": visibility(points, context.view.camera, context.gbuffer.depth_m, thickness(context.subject)),
        "joint_set": context.subject.plan.body.joint_set,
    }


def visibility(
    projected_j3: NDArray[np.float64], camera: Camera, depth_hw: NDArray[np.float32], thickness_j: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """(J,) 0 outside the picture, 1 hidden, 2 visible.

    A joint (column, row, depth) is visible when what its pixel shows is no nearer to the camera than the joint less
    ``thickness``: its own limb lies in front of every joint, another limb lies farther in front. Behind a perspective camera
    nothing is in the picture.
    """
    inside = ((projected_j3[:, :2] >= 0) & (projected_j3[:, :2] < (camera.width_px, camera.height_px))).all(axis=1)
    if camera.projection == "perspective":
        inside &= projected_j3[:, 2] > camera.near_m
    flags = np.full(len(projected_j3), OUTSIDE, np.uint8)
    columns, rows = np.floor(projected_j3[inside, :2]).astype(np.int64).T
    clear = depth_hw[rows, columns] >= projected_j3[inside, 2] - thickness_j[inside]
    flags[inside] = np.where(clear, VISIBLE, HIDDEN)
    return flags
