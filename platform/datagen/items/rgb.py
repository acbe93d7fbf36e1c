"""``rgb``: the lit person over the background."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitruvian.datagen.background import draw_background
from vitruvian.datagen.items.context import ViewContext

FIELDS = ("coverage", "color")


def rgb(context: ViewContext) -> dict[str, Any]:
    """uint8 (H, W, 3): ``coverage * color + (1 - coverage) * background``, rounded."""
    camera, gbuffer = context.view.camera, context.gbuffer
    picture = draw_background(context.view.background, camera.width_px, camera.height_px, context.view.background_folder)
    rows, columns = (np.flatnonzero(gbuffer.coverage.any(axis=axis)) for axis in (1, 0))
    if len(rows):
        inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        coverage = gbuffer.coverage[inside][..., None]
        blended = coverage * (gbuffer.color[inside] * np.float32(255.0)) + (1 - coverage) * picture[inside]
        picture[inside] = np.rint(blended).astype(np.uint8)
    return {"rgb": picture}
