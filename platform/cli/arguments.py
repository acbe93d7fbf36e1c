"""Command lines from option dataclasses: their fields are the flags, their docstrings the help."""

from __future__ import annotations

from typing import TypeVar

import tyro

from vitruvian.errors import InputError

Options = TypeVar("Options")


def parse(options: type[Options], arguments: list[str], program: str, description: str) -> Options:
    """Fill ``options`` from the command line; ``--help`` and malformed flags end the process as argparse does (0 and 2).

    A value that the dataclass itself refuses (``ValueError`` in ``__post_init__``) becomes an ``InputError``.
    """
    try:
        return tyro.cli(options, args=arguments, prog=program, description=description)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{program}: {error}") from error
