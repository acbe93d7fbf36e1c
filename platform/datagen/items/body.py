"""``body``: the body parameters and joints that the source knows."""

from __future__ import annotations

from typing import Any

from vitruvian.datagen.items.context import SubjectContext


def body(context: SubjectContext) -> dict[str, Any]:
    """As the subject has them; empty and None where it has none."""
    subject = context.subject
    return {
        "body_parameters": dict(subject.body_parameters),
        "joints_m": subject.joints_m,
        "body_model": "" if subject.body is None else subject.body.model,
    }
