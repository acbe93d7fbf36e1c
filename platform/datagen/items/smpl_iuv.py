"""``smpl_iuv``: DensePose part and coordinates of the naked body at each pixel, by the original's table of faces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.iuv_table import face_table
from vitruvian.datagen.items.context import SubjectContext, ViewContext, known_body
from vitruvian.geometry.interpolate import interpolated_bytes


def _corner_values(context: SubjectContext) -> NDArray[np.float32]:
    """(F, 3, 3) part, u and v at the corners of the body's faces, in units of 255."""

    def make() -> NDArray[np.float32]:
        body = known_body(context.subject)
        table = face_table(context.plan.body.charts(body), body.faces)
        parts = (table.parts.astype(np.float32) + np.float32(0.25)) / np.float32(255.0)  # a quarter: rounded or cut off alike
        return np.concatenate([np.broadcast_to(parts[:, None, None], (len(parts), 3, 1)), table.uvs], axis=2)

    return context.remember_subject("iuv corners", make)


def smpl_iuv(context: ViewContext) -> dict[str, Any]:
    """uint8 (H, W, 3); (0, 0, 0) is background."""
    cut_off = context.subject.plan.published
    return {"smpl_iuv": interpolated_bytes(_corner_values(context.subject), None, context.body_gbuffer, cut_off=cut_off)}
