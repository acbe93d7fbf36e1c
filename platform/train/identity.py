"""What makes two starts of a command the same run: recipe, data and seed, kept in ``run.json`` of the out folder."""

from __future__ import annotations

import dataclasses
import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.stage import Recipe

RUN = "run.json"


def describe_recipe(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON values; what JSON has no word for becomes its ``repr``."""

    def described(value: Any) -> Any:
        plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
        return json.loads(json.dumps(plain, default=repr))

    return {
        "method": recipe.method,
        "name": recipe.name,
        "protocol": recipe.protocol,
        "stages": {stage.name: described(stage) for stage in recipe.stages},
        "reconstruct": described(recipe.reconstruct),
        "notes": recipe.notes,
        "extra": described(dict(recipe.extra)),
    }


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def claim_folder(out: Path, identity: Mapping[str, Any], *, stages: list[str], resume: bool) -> str:
    """Make ``out`` the folder of the run that ``identity`` describes and return the run's key.

    A folder that holds this very run is continued, or with ``resume`` False emptied of it; ``InputError`` if it holds another.
    """
    path = out / RUN
    if path.exists() and not resume:
        for name in stages:
            shutil.rmtree(out / name, ignore_errors=True)
        path.unlink()
    if path.exists():
        try:
            found = json.loads(path.read_text())
            key, there = found["key"], flatten(found["identity"])
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{path}: is damaged. Train into another folder, or start afresh with --no-resume.") from None
        wanted = flatten(identity)
        different = [name for name in [*there, *wanted] if there.get(name) != wanted.get(name)]
        if different:
            name = different[0]
            change = f"{name}: {there.get(name)} there, {wanted.get(name)} now"
            raise InputError(
                f"{out}: holds a run with other settings ({len(set(different))} differ, such as {change}). "
                f"Train into another folder, or remove that run with --no-resume."
            )
        return str(key)
    key = uuid.uuid4().hex
    out.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(RUN + ".tmp")
    temporary.write_text(json.dumps({"key": key, "identity": identity}, indent=2) + "\n")
    temporary.replace(path)
    return key
