"""Option dataclasses from the JSON values of a card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_type_hints

from vitruvian.errors import InputError

Options = TypeVar("Options")


def options_from(kind: type[Options], values: Any, origin: str) -> Options:
    """``kind`` with the fields that ``values`` gives, option dataclasses within it likewise; raises ``InputError`` that begins
    with ``origin``."""
    if not isinstance(values, Mapping):
        raise InputError(f"{origin} is {values!r}; it must be an object with the options of the training.")
    hints = get_type_hints(kind)
    given: dict[str, Any] = {}
    for name, value in values.items():
        inner = hints.get(name)
        if isinstance(inner, type) and is_dataclass(inner):
            given[name] = options_from(inner, value, f"{origin}.{name}")
        else:
            given[name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise InputError(f"{origin} does not fit this version: {error}") from error
