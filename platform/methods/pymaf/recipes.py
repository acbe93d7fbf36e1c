"""PyMAF's configurations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vitruvian.methods.stage import Recipe

RECIPES: Mapping[str, Callable[[], Recipe]] = {}
