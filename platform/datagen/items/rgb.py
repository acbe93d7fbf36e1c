"""``rgb``: the lit person over the background."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.backgrounds.kinds import background_picture, draw_background, stretched
from vitruvian.datagen.items.context import ViewContext
from vitruvian.shards.schema import canonical_json

FIELDS = ("coverage", "color")


def _background(context: ViewContext) -> NDArray[np.uint8]:
    """The view's background; views of one draw mostly share it."""
    view = context.view

    def make() -> NDArray[np.uint8]:
        width, height = view.camera.width_px, view.camera.height_px
        if context.subject.plan.published and "file" in view.background and view.background_folder is not None:
            picture = background_picture(view.background["kind"], view.background_folder, view.background["file"])
            return (stretched(picture, width, height) * np.float32(255.0)).astype(np.uint8)  # the original cuts off
        return draw_background(view.background, width, height, view.background_folder)

    key = f"{view.camera.width_px}x{view.camera.height_px} {canonical_json(view.background)}"
    return context.subject.remember_latest("background", key, make).copy()


def rgb(context: ViewContext) -> dict[str, Any]:
    """uint8 (H, W, 3): ``coverage * color + (1 - coverage) * background``, rounded."""
    gbuffer, picture = context.gbuffer, _background(context)
    rows, columns = (np.flatnonzero(gbuffer.coverage.any(axis=axis)) for axis in (1, 0))
    if len(rows):
        inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        coverage = gbuffer.coverage[inside]
        whole, part = coverage == 1, (coverage > 0) & (coverage < 1)
        patch, color = picture[inside], gbuffer.color[inside]
        patch[whole] = np.rint(color[whole] * np.float32(255.0))
        share = coverage[part][:, None]
        patch[part] = np.rint(share * (color[part] * np.float32(255.0)) + (1 - share) * patch[part])
    return {"rgb": picture}
