"""Command lines from option dataclasses: their fields are the flags, their docstrings the help."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import tyro

from vitruvian.errors import InputError
from vitruvian.ray_job import refuse_lost_results
from vitruvian.storage.url import pathlike_url

Options = TypeVar("Options")


def parse(options: type[Options], arguments: list[str], program: str, description: str) -> Options:
    """Fill ``options`` from the command line. ``--help`` ends the process with 0; malformed flags, and values that the
    dataclass itself refuses in ``__post_init__``, end it with 2 and the reason. ``InputError`` for a URL where only a
    path is taken, and when results would be lost with the folder of a job."""
    with _telling_defaults(options):
        chosen = tyro.cli(options, args=arguments, prog=program, description=description)
    _refuse_urls(chosen)
    refuse_lost_results(chosen)
    return chosen


def _refuse_urls(chosen: Any) -> None:
    """``InputError`` for a URL where only a path is taken."""
    for item in dataclasses.fields(chosen) if dataclasses.is_dataclass(chosen) else ():
        value = getattr(chosen, item.name)
        for path in value if isinstance(value, tuple) else (value,):
            if isinstance(path, Path) and (url := pathlike_url(path)) is not None:
                raise InputError(f"--{item.name.replace('_', '-')} {url}: takes a path on this machine, not a URL.")


@contextmanager
def _telling_defaults(options: type[Any]) -> Iterator[None]:
    """Within, a flag that has no value of its own shows no ``(default: None)`` and does not offer ``None``: its help says in
    words what happens without it."""
    before = options.__annotations__
    hints = get_type_hints(options, include_extras=True)

    def told(hint: Any) -> Any:
        telling = tyro.conf.arg(
            help_behavior_hint=lambda value: f"(default: {value})" if value not in ("None", "") else "", metavar=_word(hint)
        )
        return Annotated[hint, telling]

    options.__annotations__ = {name: told(hints[name]) for name in before}
    try:
        yield
    finally:
        options.__annotations__ = before


def _word(hint: Any) -> str | None:
    """What stands for an optional flag's value, such as ``PATH``; None where tyro's own words will do."""
    if get_origin(hint) is Annotated:
        hint, *marks = get_args(hint)
        if any(getattr(mark, "metavar", None) for mark in marks):
            return None
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if get_origin(hint) not in (Union, UnionType) or len(kinds) != 1 or len(get_args(hint)) != 2:
        return None
    kind = kinds[0]
    if get_origin(kind) is Literal:
        return "{" + ",".join(map(str, get_args(kind))) + "}"
    if get_origin(kind) is tuple and get_args(kind)[1:] == (...,):
        return f"{get_args(kind)[0].__name__.upper()} ..."
    return str(kind.__name__).upper() if kind in (int, float, str, Path) else None
