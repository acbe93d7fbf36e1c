"""Every method's search spaces by name. Light: a help page lists them without torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitruvian.errors import InputError
from vitruvian.methods.space import Space

if TYPE_CHECKING:
    from vitruvian.methods.stage import Recipe

SPACES_OF = {name: f"vitruvian.methods.{name}.spaces" for name in ("pifu", "geopifu", "pymaf")}
"""Method -> the module whose ``SPACES`` has its spaces."""


@dataclass(frozen=True, slots=True)
class NamedSpace:
    """A search space and a line about it."""

    make: Callable[[Recipe], Space]
    summary: str


def spaces_of(method: str) -> Mapping[str, NamedSpace]:
    """The spaces of a method; none if it has none."""
    return importlib.import_module(SPACES_OF[method]).SPACES if method in SPACES_OF else {}


def find_space(method: str, name: str) -> NamedSpace:
    """The space ``name`` of a method; raises ``InputError`` with the names there are."""
    spaces = spaces_of(method)
    if name not in spaces:
        known = f"choose from {', '.join(sorted(spaces))}" if spaces else "it has none to choose from"
        raise InputError(f"space: {method} has no search space {name!r}; {known}.")
    return spaces[name]


def listed_spaces() -> str:
    """All spaces, a line each, for help pages."""
    lines = []
    for method in SPACES_OF:
        spaces = spaces_of(method)
        width = max(map(len, spaces), default=0)
        lines += [f"  {method:<8} {name:<{width}}  {space.summary}" for name, space in spaces.items()]
    return "\n".join(lines)
