"""``config``: what the published system writes down for a draw, as JSON."""

from __future__ import annotations

from typing import Any

from vitruvian.datagen.items.context import SubjectContext
from vitruvian.errors import InputError


def config(context: SubjectContext) -> dict[str, Any]:
    """The protocol's own; InputError for a protocol without one."""
    if context.plan.config is None:
        raise InputError("item config: this protocol writes no config. Leave it out (--items).")
    return {"config": dict(context.plan.config)}
