"""What makes two starts of a command the same run: the stages' options, data and seed, kept in ``run.json`` of the folder."""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.run_folders import RUN
from vitruvian.methods.stage import Recipe
from vitruvian.methods.weights import weights_sha256
from vitruvian.storage.folders import publish, remove_folder
from vitruvian.train.plan import StagePlan
from vitruvian.train.receipt import write_json


def describe_recipe(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON values; what JSON has no word for becomes its ``repr``."""

    def described(value: Any) -> Any:
        plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
        return json.loads(json.dumps(plain, default=repr))

    return {
        "method": recipe.method,
        "name": recipe.name,
        "protocols": list(recipe.protocols),
        "stages": {stage.name: described(stage) for stage in recipe.stages},
        "reconstruct": described(recipe.reconstruct),
        "optional_stages": list(recipe.optional_stages),
        "data": described(None if recipe.data is None else dict(recipe.data)),
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


def describe_run(recipe: Recipe, plans: Sequence[StagePlan], *, fingerprint: str, seed: int) -> dict[str, Any]:
    """What a run's outcome depends on: of the recipe only what concerns the stages to train."""
    stages = {
        plan.stage.name: {
            "options": describe_recipe(recipe)["stages"][plan.stage.name],
            "parts": dict(plan.given),
            "init": None if plan.init is None else weights_sha256(plan.init),
        }
        for plan in plans
    }
    general = {"method": recipe.method, "recipe": recipe.name, "data": fingerprint, "seed": seed}
    return {**general, "reconstruct": describe_recipe(recipe)["reconstruct"], "stages": stages}


def claim_folder(out: Path, identity: Mapping[str, Any], recipe: Recipe, *, resume: bool) -> str:
    """Make ``out`` the folder of the run that ``identity`` (see ``describe_run``) describes and return the run's key.

    A folder that holds this very run is continued, and more stages may come to it. With ``resume`` False the stages of
    ``identity`` are removed from it first, and those that use their networks. ``InputError`` if it holds another run.
    """
    path = out / RUN
    general = {name: value for name, value in identity.items() if name != "stages"}
    key, stages = uuid.uuid4().hex, {}
    if path.exists():
        try:
            found = json.loads(path.read_text())
            key, there = str(found["key"]), dict(found["identity"])
            stages = dict(there.pop("stages"))
        except (ValueError, KeyError, TypeError):
            if resume:
                raise InputError(f"{path}: is damaged. Train into another folder, or start afresh with --no-resume.") from None
            there, stages = general, {}
        if not resume:
            for name in _with_dependents(recipe, identity["stages"], stages):
                remove_folder(out / name)
                stages.pop(name, None)
        if stages or resume:
            both = [name for name in identity["stages"] if name in stages]
            now = {**general, "stages": {name: identity["stages"][name] for name in both}}
            _check_same(out, {**there, "stages": {name: stages[name] for name in both}}, now, resume)
        else:  # nothing is left of the run that was here
            key = uuid.uuid4().hex
    order = [stage.name for stage in recipe.stages]
    content = {"key": key, "stages": order, "identity": {**general, "stages": {**stages, **identity["stages"]}}}
    write_json(path, content)
    publish(path)
    return key


def _with_dependents(recipe: Recipe, names: Iterable[str], stages: Mapping[str, Any]) -> list[str]:
    """These stages, and those of the folder that were trained with their networks."""
    removed = list(names)
    for stage in recipe.stages:
        given = stages.get(stage.name, {}).get("parts", {})
        if stage.name not in removed and any(name in removed and name not in given for name in stage.needs):
            removed.append(stage.name)
    return removed


def _check_same(out: Path, there: Mapping[str, Any], now: Mapping[str, Any], resume: bool) -> None:
    """``InputError`` if two descriptions of a run differ."""
    before, wanted = flatten(there), flatten(now)
    different = list(dict.fromkeys(name for name in [*before, *wanted] if before.get(name) != wanted.get(name)))
    if different:
        name = different[0]
        change = f"{name}: {before.get(name)} there, {wanted.get(name)} now"
        cure = "remove that run with --no-resume" if resume else "name all its stages with --stages"
        raise InputError(
            f"{out}: holds a run with other settings ({len(different)} differ, such as {change}). "
            f"Train into another folder, or {cure}."
        )
