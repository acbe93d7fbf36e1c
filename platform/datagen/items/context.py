"""What an item function may look at: the subject with its plan, and for view items the rendered view.

Contexts remember what is costly and needed by several items: ``remember`` for one draw of a subject, ``remember_subject`` for
all of them, ``ViewContext.body_gbuffer`` for a view. What is remembered must be a pure function of what the context holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from vitruvian.datagen.plan import SubjectPlan
from vitruvian.datagen.renderers.interface import Renderer
from vitruvian.datagen.renderers.native import NativeRenderer
from vitruvian.datagen.subject import BodySurface, Subject
from vitruvian.datagen.view import View
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import GBuffer

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class SubjectContext:
    """One draw of a subject. ``index`` is its position in the source, with ``seed`` the root of all its randomness."""

    subject: Subject
    plan: SubjectPlan
    """Of this draw."""
    index: int
    seed: int
    group: int = 0
    """Which draw it is; 0 but for protocols that draw a subject several times."""
    shared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Filled by ``remember_subject``; the same dict in the contexts of all draws of a subject."""
    _own: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def remember(self, name: str, make: Callable[[], Value]) -> Value:
        """``make()``, computed once for this draw."""
        return _remembered(self._own, name, make)

    def remember_latest(self, name: str, key: str, make: Callable[[], Value]) -> Value:
        """``make()``, computed again only when ``key`` differs from that of the last call: for what views mostly share."""
        if self._own.get(f"{name} key") != key:
            self._own[name], self._own[f"{name} key"] = make(), key
        return self._own[name]

    def remember_subject(self, name: str, make: Callable[[], Value]) -> Value:
        """``make()``, computed once for all draws of this subject."""
        return _remembered(self.shared, name, make)


def known_body(subject: Subject) -> BodySurface:
    """The subject's registered body; InputError when the source knows none, which quarantines the subject."""
    if subject.body is None:
        raise InputError(
            f"{subject.subject_id}: source {subject.source!r} knows no body under the clothes, which protocols humaniflow and "
            "pymaf and items iuv, mesh_semantics, smpl_semantics, smpl_iuv and smpl_semantic_voxels are made of. Use a source "
            "with registered bodies (fitted SMPL files beside the scans, --body-folder, --body-model), or name the other items "
            "with --items."
        )
    return subject.body


def _remembered(memory: dict[str, Any], name: str, make: Callable[[], Value]) -> Value:
    if name not in memory:
        memory[name] = make()
    return memory[name]


@dataclass(frozen=True, kw_only=True)
class ViewContext:
    """One view of a subject, rendered once with the fields that the wanted items need."""

    view: View
    gbuffer: GBuffer
    subject: SubjectContext
    renderer: Renderer = field(default_factory=NativeRenderer)

    @cached_property
    def body_gbuffer(self) -> GBuffer:
        """The registered body alone, drawn when it is first asked for: ``mask``, ``depth_m``, ``face_id``, ``barycentrics``.

        InputError when the source knows no body of the subject.
        """
        body = known_body(self.subject.subject)
        mesh = Mesh(vertices=body.vertices, faces=body.faces)
        return self.renderer.render(mesh, self.view.camera, fields=("mask", "depth_m", "face_id", "barycentrics"))
