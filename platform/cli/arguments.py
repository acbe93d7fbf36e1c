"""Command lines from option dataclasses: their fields are the flags, their docstrings the help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar, get_type_hints

import tyro

Options = TypeVar("Options")


def parse(options: type[Options], arguments: list[str], program: str, description: str) -> Options:
    """Fill ``options`` from the command line. ``--help`` ends the process with 0; malformed flags, and values that the
    dataclass itself refuses in ``__post_init__``, end it with 2 and the reason."""
    with _telling_defaults(options):
        return tyro.cli(options, args=arguments, prog=program, description=description)


@contextmanager
def _telling_defaults(options: type[Any]) -> Iterator[None]:
    """Within, a flag that has no value of its own shows no ``(default: None)``: its help says in words what happens then."""
    before = options.__annotations__
    hints = get_type_hints(options, include_extras=True)
    telling = tyro.conf.arg(help_behavior_hint=lambda value: f"(default: {value})" if value not in ("None", "") else "")
    options.__annotations__ = {name: Annotated[hints[name], telling] for name in before}
    try:
        yield
    finally:
        options.__annotations__ = before
