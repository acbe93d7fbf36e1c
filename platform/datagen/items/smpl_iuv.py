"""``smpl_iuv``: DensePose part and coordinates of the naked body at each pixel, by the original's table of faces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.iuv_table import FaceTable, face_table
from vitruvian.datagen.attributes import interpolated_corners
from vitruvian.datagen.items.context import SubjectContext, ViewContext, known_body


def _table(context: SubjectContext) -> FaceTable:
    def make() -> FaceTable:
        body = known_body(context.subject)
        return face_table(context.plan.body.charts(body), body.faces)

    return context.remember_subject("iuv table", make)


def smpl_iuv(context: ViewContext) -> dict[str, Any]:
    """uint8 (H, W, 3)."""
    table, drawn = _table(context.subject), context.body_gbuffer
    uv = np.clip(interpolated_corners(table.uvs, drawn), 0.0, 1.0) * np.float32(255.0)
    picture: NDArray[np.uint8] = np.zeros((*drawn.face_id.shape, 3), np.uint8)
    picture[..., 1:] = uv if context.subject.plan.published else uv + np.float32(0.5)
    seen = drawn.face_id >= 0
    picture[seen, 0] = table.parts[drawn.face_id[seen]]
    picture[~seen] = 0
    return {"smpl_iuv": picture}
