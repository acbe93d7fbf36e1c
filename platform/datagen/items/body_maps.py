"""``iuv`` and ``part_labels``: which point of the body, and which part of the person, each pixel shows."""

from __future__ import annotations

from typing import Any

from vitruvian.bodies.iuv import draw_iuv
from vitruvian.datagen.items.context import ViewContext, known_body
from vitruvian.errors import InputError


def iuv(context: ViewContext) -> dict[str, Any]:
    """float32 (H / stride, W / stride, 3) of the naked body, whatever it wears."""
    body, plan, camera = known_body(context.subject.subject), context.subject.plan.body, context.view.camera
    width, height = camera.width_px // plan.iuv_stride, camera.height_px // plan.iuv_stride
    return {"iuv": draw_iuv(plan.charts(body), body.vertices, camera.resized(width, height))}


def part_labels(context: ViewContext) -> dict[str, Any]:
    """uint8 (H, W) of the surface that is drawn."""
    subject = context.subject.subject
    if subject.mesh.face_labels is None:
        raise InputError(
            f"{subject.subject_id}: the mesh from source {subject.source!r} has no part labels. "
            "Leave part_labels out (--items)."
        )
    return {"part_labels": context.gbuffer.label}
