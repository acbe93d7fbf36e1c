"""What an item function may look at: the subject with its plan, and for view items the rendered view."""

from __future__ import annotations

from dataclasses import dataclass

from vitruvian.datagen.plan import SubjectPlan
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.geometry.rasterize import GBuffer


@dataclass(frozen=True, kw_only=True, slots=True)
class SubjectContext:
    """One subject. ``index`` is its position in the source, with ``seed`` the root of all its randomness."""

    subject: Subject
    plan: SubjectPlan
    index: int
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewContext:
    """One view of a subject, rendered once with the fields that the wanted items need."""

    view: View
    gbuffer: GBuffer
