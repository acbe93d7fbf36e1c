"""A command by name: which module it is, what it is for, and how a help page lists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command is a module with ``main(arguments, program) -> int``, imported only when it is called."""

    module: str
    summary: str


def listing(commands: Mapping[str, Command]) -> str:
    """The commands, a line each, for help pages."""
    width = max(map(len, commands))
    return "\n".join(f"  {name:<{width}}  {command.summary}" for name, command in commands.items())
