"""Changing a recipe from the command line: ``training.epochs=3`` and the like."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from vitruvian.datagen.options import DatagenOptions
from vitruvian.errors import InputError
from vitruvian.methods.stage import Recipe, Stage


class _UnknownOptionError(InputError):
    """There is no option of that name."""


class _UnfitOptionError(InputError):
    """A value that does not go with the others, as they are before the overrides that follow."""


def apply_overrides(recipe: Recipe, overrides: Iterable[str], *, stages: Iterable[str] | None = None) -> Recipe:
    """The recipe with each ``PATH=VALUE`` applied in turn; what goes together with others only is checked when all are.

    ``PATH`` is dotted. It starts at a stage's fields and then concerns each of ``stages`` that has them (None: all but the
    optional ones; ``training.batch_size``), or with a stage's name (``coarse.training.epochs``), or with ``reconstruct`` for
    the options of reconstruction, or with ``data`` for those of the data that is generated where none is given. ``VALUE`` is
    JSON, or else a plain word.
    """
    given, chosen = tuple(overrides), None if stages is None else list(stages)
    try:
        return _applied(recipe, given, chosen, check=True)
    except _UnfitOptionError as error:
        if len(given) < 2:
            raise
        changed = _applied(recipe, given, chosen, check=False)
        try:
            stages_now = tuple(_checked(stage) for stage in changed.stages)
            return replace(changed, stages=stages_now, reconstruct=_checked(changed.reconstruct))
        except ValueError:
            raise error from None


def _applied(recipe: Recipe, overrides: Iterable[str], stages: list[str] | None, *, check: bool) -> Recipe:
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not path:
            raise InputError(f"--set {override}: write PATH=VALUE, for example training.epochs=3.")
        value = _value(text)
        first, *rest = path.split(".")
        names = [stage.name for stage in recipe.stages]
        meant = [name for name in names if name not in recipe.optional_stages] if stages is None else stages
        if first == "data":
            recipe = replace(recipe, data=_data_changed(recipe, rest, value, override))
        elif first == "reconstruct":
            recipe = replace(recipe, reconstruct=_changed(recipe.reconstruct, rest, value, override, check=check))
        elif first in names:
            changed = [
                _changed(stage, rest, value, override, check=check) if stage.name == first else stage for stage in recipe.stages
            ]
            recipe = _with_stages(recipe, tuple(changed), override)
        else:
            stages_now = _stages_changed(recipe, meant, [first, *rest], value, override, check=check)
            recipe = _with_stages(recipe, stages_now, override)
    return recipe


def whole_paths(recipe: Recipe, overrides: Iterable[str], *, stages: Iterable[str]) -> dict[str, Any]:
    """Option path -> value, with the stage's name before each path that ``apply_overrides`` would apply to ``stages``."""
    found: dict[str, Any] = {}
    names = [stage.name for stage in recipe.stages]
    for override in overrides:
        path, _, text = override.partition("=")
        if path.split(".")[0] in (*names, "data", "reconstruct"):
            found[path] = _value(text)
            continue
        for name in stages:
            try:
                apply_overrides(recipe, [f"{name}.{override}"])
            except _UnknownOptionError:
                continue
            except _UnfitOptionError:  # it goes together with another of them
                pass
            found[f"{name}.{path}"] = _value(text)
    return found


def _with_stages(recipe: Recipe, stages: tuple[Stage, ...], override: str) -> Recipe:
    try:
        return replace(recipe, stages=stages)
    except ValueError as error:  # a stage that now needs another, for example
        raise InputError(f"--set {override}: {error}") from error


def _stages_changed(
    recipe: Recipe, names: list[str], path: list[str], value: Any, override: str, *, check: bool
) -> tuple[Stage, ...]:
    """Those of ``names`` that have the option are changed; if none has, what the first one has is said."""
    stages, unknown = [], []
    for stage in recipe.stages:
        if stage.name in names:
            try:
                stage = _changed(stage, path, value, override, check=check)
            except _UnknownOptionError as error:
                unknown.append(error)
        stages.append(stage)
    if unknown and len(unknown) == sum(stage.name in names for stage in recipe.stages):
        raise unknown[0]
    return tuple(stages)


Options = TypeVar("Options")


def override_options(options: Options, overrides: Iterable[str]) -> Options:
    """An option dataclass with each ``PATH=VALUE`` applied in turn, as ``apply_overrides``; ``PATH`` is dotted within it."""
    given = tuple(overrides)

    def applied(options: Options, *, check: bool) -> Options:
        for override in given:
            path, equals, text = override.partition("=")
            if not equals or not path:
                raise InputError(f"--set {override}: write NAME=VALUE, for example upsample_mode=nearest.")
            options = _changed(options, path.split("."), _value(text), override, check=check)
        return options

    try:
        return applied(options, check=True)
    except _UnfitOptionError as error:
        if len(given) < 2:
            raise
        try:
            return _checked(applied(options, check=False))
        except ValueError:
            raise error from None


def _data_changed(recipe: Recipe, path: list[str], value: Any, override: str) -> Mapping[str, Any]:
    if recipe.data is None:
        raise InputError(f"--set {override}: {recipe.method}/{recipe.name} generates no data of its own. Give --data FOLDER.")
    options = DatagenOptions(out=Path(), protocol=recipe.protocols[0], **recipe.data)
    if path and path[0] in ("out", "protocol"):
        raise InputError(f"--set {override}: the recipe decides this. Make a data set with vitruvian datagen and give --data.")
    changed = _changed(options, path, value, override)  # refuses an empty path
    return {**recipe.data, path[0]: getattr(changed, path[0])}


def _value(text: str) -> Any:
    """JSON, or else a plain word."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _changed(owner: Any, path: list[str], value: Any, override: str, *, check: bool = True) -> Any:
    """``check``: whether the dataclass's own checks run now; without them ``_checked`` must follow."""
    if not is_dataclass(owner) or isinstance(owner, type):
        raise _UnknownOptionError(f"--set {override}: there is no option of that name; the path goes on below a plain value.")
    known = [field.name for field in fields(owner) if field.init]
    if not path or path[0] not in known:
        where = f"{path[0]!r} is not an option of" if path else "the path ends at"
        raise _UnknownOptionError(f"--set {override}: {where} {type(owner).__name__}. It has: {', '.join(known)}.")
    name, rest = path[0], path[1:]
    if rest:
        new = _changed(getattr(owner, name), rest, value, override, check=check)
    else:
        hint = get_type_hints(type(owner)).get(name, Any)
        try:
            new = _coerced(value, hint)
        except TypeError:
            raise InputError(f"--set {override}: {value!r} is not of type {hint}.") from None
    if not check:
        unchecked = copy(owner)
        object.__setattr__(unchecked, name, new)
        return unchecked
    try:
        return replace(owner, **{name: new})
    except InputError:
        raise
    except ValueError as error:
        raise _UnfitOptionError(f"--set {override}: {error}") from error


def _checked(owner: Any) -> Any:
    """The same dataclass, and those in it, with their checks; ``ValueError`` where one does not hold."""
    if not is_dataclass(owner) or isinstance(owner, type):
        return owner
    inner = {field.name: getattr(owner, field.name) for field in fields(owner) if field.init}
    return replace(owner, **{name: _checked(value) for name, value in inner.items() if is_dataclass(value)})


def _coerced(value: Any, hint: Any) -> Any:
    """``value`` (from JSON) as the type ``hint`` says; ``TypeError`` if it is something else."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, UnionType):
        for option in arguments:
            try:
                return _coerced(value, option)
            except TypeError:
                continue
        raise TypeError
    if origin is Literal:
        if value in arguments:
            return value
        raise TypeError
    if hint is NoneType or hint is None:
        if value is None:
            return None
        raise TypeError
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError
        kinds = arguments[:1] * len(value) if len(arguments) == 2 and arguments[1] is Ellipsis else arguments
        if len(kinds) != len(value):
            raise TypeError
        return tuple(_coerced(item, kind) for item, kind in zip(value, kinds, strict=True))
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise TypeError
