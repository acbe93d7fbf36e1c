"""Renderers by name. A backend is imported when it is asked for; one that is missing says how it is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vitruvian.datagen.renderers.interface import Renderer
from vitruvian.errors import InputError


def _native() -> Renderer:
    from vitruvian.datagen.renderers.native import NativeRenderer

    return NativeRenderer()


def _pyrender() -> Renderer:
    from vitruvian.datagen.renderers.pyrender_gl import PyrenderRenderer

    return PyrenderRenderer()


def _pytorch3d() -> Renderer:
    from vitruvian.datagen.renderers.pytorch3d_torch import Pytorch3dRenderer

    return Pytorch3dRenderer()


RENDERERS: dict[str, Callable[[], Renderer]] = {"native": _native, "pyrender": _pyrender, "pytorch3d": _pytorch3d}


def make_renderer(name: str, needs: Mapping[str, Sequence[str]] | None = None) -> Renderer:
    """The renderer of this name. ``needs``: for each item to be made the G-buffer pictures that it needs.

    InputError when there is no such renderer, its backend is not installed (with the command that installs it) or it cannot
    draw what an item needs (with the items).
    """
    if name not in RENDERERS:
        raise InputError(f"--renderer: there is no renderer {name!r}. Renderers: {', '.join(RENDERERS)}.")
    renderer = RENDERERS[name]()
    cannot = {item: [field for field in fields if field not in renderer.fields] for item, fields in (needs or {}).items()}
    if any(cannot.values()):
        items = ", ".join(f"{item} ({', '.join(fields)})" for item, fields in cannot.items() if fields)
        raise InputError(
            f"--renderer {name} cannot draw what these items need: {items}. Leave them out of --items or use --renderer native."
        )
    return renderer
