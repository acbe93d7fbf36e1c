"""A subject of the built-in body without clothes: quick to make, with everything that body items need."""

from __future__ import annotations

import numpy as np

from vitruvian.bodies import load_builtin, pose_body
from vitruvian.bodies.poses import sample_betas, sample_pose
from vitruvian.datagen.body_surface import body_surface
from vitruvian.datagen.subject import Subject


def naked_subject(seed: int = 0) -> Subject:
    rng = np.random.default_rng(seed)
    model, betas, drawn = load_builtin(), sample_betas(rng), sample_pose(rng)
    pose = {"betas": betas, "body_pose": drawn.body_pose, "global_orient": drawn.global_orient}
    posed = pose_body(model, **pose)
    shift = np.array([0.0, -posed.vertices[:, 1].min(), 0.0], np.float32)
    body = body_surface(model, posed.vertices + shift, posed.joints + shift)
    return Subject(
        subject_id=f"naked-{seed:06d}",
        mesh=model.mesh(body.vertices),
        source="naked",
        licence="CC0-1.0",
        joints_m=body.joints_m,
        body_parameters={name: np.asarray(value, np.float32) for name, value in (pose | {"translation_m": shift}).items()},
        body=body,
    )
