"""Command lines from option dataclasses: their fields are the flags, their docstrings the help."""

from __future__ import annotations

from typing import TypeVar

import tyro

Options = TypeVar("Options")


def parse(options: type[Options], arguments: list[str], program: str, description: str) -> Options:
    """Fill ``options`` from the command line. ``--help`` ends the process with 0; malformed flags, and values that the
    dataclass itself refuses in ``__post_init__``, end it with 2 and the reason."""
    return tyro.cli(options, args=arguments, prog=program, description=description)
