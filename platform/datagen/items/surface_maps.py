"""``mask``, ``normal`` and ``depth``: what the renderer's G-buffer holds at the pixel centres."""

from __future__ import annotations

from typing import Any

from vitruvian.datagen.items.context import ViewContext


def mask(context: ViewContext) -> dict[str, Any]:
    """bool (H, W)."""
    return {"mask": context.gbuffer.mask}


def normal(context: ViewContext) -> dict[str, Any]:
    """float32 (H, W, 3), camera frame."""
    return {"normal": context.gbuffer.normal}


def depth(context: ViewContext) -> dict[str, Any]:
    """float32 (H, W), metres."""
    return {"depth": context.gbuffer.depth_m}
