"""A recipe from a file: a named recipe and the options that differ from it. ``vitruvian tune`` leaves its winner so.

{"method": "pifu", "recipe": "tiny", "set": {"shape.training.learning_rate": 0.002}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.registry import find_method, find_recipe
from vitruvian.methods.space import overrides
from vitruvian.methods.stage import Recipe
from vitruvian.train.overrides import apply_overrides
from vitruvian.train.receipt import write_json
from vitruvian.train.recipe_names import is_recipe_file, recipe_label

_KEYS = {"method": str, "recipe": str, "set": dict, "name": str, "notes": str, "from": dict}
_NEEDED = ("method", "recipe", "set")


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeFile:
    """What a recipe file says."""

    method: str
    recipe: str
    """The named recipe that it changes."""
    set: Mapping[str, Any]
    """Option path, as ``--set`` takes it -> value."""
    name: str
    """What the changed recipe is called: in cards, in MLflow, as alias of its weights."""
    notes: str = ""
    made_from: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from, for those who read it (``from`` in the file); changes nothing."""

    @property
    def changes_data(self) -> bool:
        """Whether it asks for other data than the recipe that it changes."""
        return any(path.split(".")[0] == "data" for path in self.set)


def read_recipe_file(path: Path) -> RecipeFile:
    """The file's content, checked but for its options; raises ``InputError`` that names the file and what to write."""
    try:
        content = json.loads(path.expanduser().read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"--recipe {path}: there is no such file. Give a recipe's name, such as tiny, or a file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--recipe {path}: cannot be read ({error}).") from None
    except json.JSONDecodeError as error:
        raise InputError(f"--recipe {path}: is not JSON (line {error.lineno}: {error.msg}).") from None
    if not isinstance(content, dict):
        raise InputError(f"--recipe {path}: must hold a JSON object with {', '.join(_NEEDED)}.")
    for name in _NEEDED:
        if name not in content:
            raise InputError(f'--recipe {path}: has no "{name}". Needed are {", ".join(_NEEDED)}.')
    for name, value in content.items():
        if name not in _KEYS:
            raise InputError(
                f'--recipe {path}: "{name}" means nothing here. Known are {", ".join(_KEYS)}; options go into "set".'
            )
        if not isinstance(value, _KEYS[name]):
            kind = {str: "a text", dict: "an object"}[_KEYS[name]]
            raise InputError(f'--recipe {path}: "{name}" is {value!r}; it must be {kind}.')
    name = content.get("name", recipe_label(str(path)))
    _check_name(name, path)
    made_from, notes = content.get("from", {}), content.get("notes", "")
    return RecipeFile(
        method=content["method"], recipe=content["recipe"], set=content["set"], name=name, notes=notes, made_from=made_from
    )


def write_recipe_file(path: Path, content: RecipeFile) -> None:
    """Write a file that ``read_recipe_file`` reads."""
    values = {name: getattr(content, name) for name in ("method", "recipe", "name", "set", "notes")}
    write_json(path, {**values, "set": dict(content.set), "from": dict(content.made_from)})


def load_recipe(method: str, text: str) -> Recipe:
    """The recipe that ``--recipe`` names: one of the method's, or that of a file; raises ``InputError``."""
    if not is_recipe_file(text):
        return find_recipe(method, text)
    path = Path(text)
    content = read_recipe_file(path)
    if content.method != method:
        raise InputError(
            f"--recipe {path}: is for {content.method}, not for {method}. Start: vitruvian train {content.method} ..."
        )
    if content.name in find_method(method).recipes:
        raise InputError(
            f'--recipe {path}: {content.name!r} is the name of a recipe of {method} itself. Give the file another "name".'
        )
    try:
        base = find_recipe(method, content.recipe)
        changed = apply_overrides(base, overrides(content.set))
    except InputError as error:
        raise InputError(f"--recipe {path}: {str(error).replace('--set ', '')}") from None
    notes = content.notes or f"{base.name} with other {', '.join(content.set)}." if content.set else base.notes
    data_name = content.name if content.changes_data else base.name
    return replace(changed, name=content.name, notes=notes, extra={**base.extra, DATA_NAME: data_name})


DATA_NAME = "data_name"
"""In ``Recipe.extra``: the recipe whose own data set is used."""


def _check_name(name: str, path: Path) -> None:
    """The name becomes an alias in MLflow, which knows letters, digits, - and _, and takes ``v1``, ``latest`` for versions."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) or re.fullmatch(r"v\d+|latest", name, re.IGNORECASE):
        raise InputError(
            f'--recipe {path}: {name!r} is no name for a recipe; it must begin with a letter, go on with letters, digits, "-" '
            'and "_", and not be a version such as v1 or latest. Write another "name" into the file.'
        )
