"""``smpl_iuv``: DensePose part and coordinates of the naked body at each pixel, by the original's table of faces."""

from __future__ import annotations

from typing import Any

from vitruvian.bodies.iuv_table import FaceTable, face_table
from vitruvian.datagen.items.context import SubjectContext, ViewContext, known_body
from vitruvian.geometry.interpolate import interpolated_bytes
from vitruvian.shards.drawn import corner_values

__all__ = ["FaceTable", "smpl_iuv", "table"]


def table(context: SubjectContext) -> FaceTable:
    """Part and coordinates of the body's faces; InputError where no charts of it are known."""

    def make() -> FaceTable:
        body = known_body(context.subject)
        return face_table(context.plan.body.charts(body), body.faces)

    return context.remember_subject("iuv table", make)


def smpl_iuv(context: ViewContext) -> dict[str, Any]:
    """uint8 (H, W, 3); (0, 0, 0) is background."""
    subject, cut_off = context.subject, context.subject.plan.published
    known = table(subject)
    corners = subject.remember_subject("iuv corners", lambda: corner_values(known.parts, known.uvs))
    return {"smpl_iuv": interpolated_bytes(corners, None, context.body_gbuffer, cut_off=cut_off)}
