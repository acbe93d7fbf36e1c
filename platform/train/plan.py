"""Which stages a run trains, and where each has its parts from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.run_folders import WEIGHTS_FOLDER, find_weights
from vitruvian.methods.stage import Recipe, Stage
from vitruvian.methods.starting import differing_options, start_state
from vitruvian.methods.weights import load_into, load_weights, read_card, weights_sha256
from vitruvian.storage.url import Url, absolute, as_place
from vitruvian.train.receipt import is_finished

_OTHER_BODY = (
    "A network is trained on with bodies of its own model. For SMPL give its files, --set body_model=SMPL_NEUTRAL.pkl "
    "body_data=FOLDER, and data of SMPL bodies; for the built-in body leave both out."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StagePlan:
    """One stage of a run."""

    stage: Stage
    parts: Mapping[str, Path]
    """The weights folder of each network it needs; one that this run trains may not be there yet."""
    given: Mapping[str, str]
    """SHA-256 of those parts that the user gave."""
    init: Path | None
    """The weights folder to start from; None: new weights."""


def plan_stages(
    recipe: Recipe, out: Path, *, names: Sequence[str] | None, given: Mapping[str, Path | Url], init: Sequence[Path | Url]
) -> tuple[StagePlan, ...]:
    """The stages to train, in the recipe's order: those of ``names``, or all but the optional ones.

    ``given``: weights to use for a stage instead of training it. ``init``: weights to start stages from; their cards say which.
    Raises ``InputError`` for names that are not there, parts that will not be there, and weights that do not fit.
    """
    if not recipe.stages:
        raise InputError(f"recipe: {recipe.method}/{recipe.name} has no stage to train.")
    chosen = _chosen(recipe, names, given)
    folders = {name: given_part(recipe, name, folder) for name, folder in given.items()}
    starts = _starts(recipe, chosen, init)
    plans = []
    for stage in chosen:
        parts = {}
        for name in stage.needs:
            parts[name] = folders.get(name, out / name / WEIGHTS_FOLDER)
            if name not in folders and name not in [other.name for other in chosen] and not is_finished(out / name):
                raise InputError(
                    f"stage {stage.name} uses the network of stage {name}, which is not trained in {out}. Train both "
                    f"(--stages {name} {stage.name}), or say where its weights are (--part {name}=FOLDER)."
                )
        hashes = {name: weights_sha256(folders[name]) for name in stage.needs if name in folders}
        plans.append(StagePlan(stage=stage, parts=parts, given=hashes, init=starts.get(stage.name)))
    if unused := [name for name in given if all(name not in plan.parts for plan in plans)]:
        raise InputError(f"--part {unused[0]}: none of the stages to train ({_listed(chosen)}) uses it. Leave it out.")
    return tuple(plans)


def parse_parts(texts: Sequence[str]) -> dict[str, Path | Url]:
    """``NAME=FOLDER`` as a name and an absolute path, or a URL."""
    parts: dict[str, Path | Url] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not equals or not name or not folder:
            raise InputError(f"--part {text}: write NAME=FOLDER, for example coarse=runs/geopifu/coarse/weights.")
        parts[name] = absolute(as_place(folder))
    return parts


def _chosen(recipe: Recipe, names: Sequence[str] | None, given: Mapping[str, Path | Url]) -> list[Stage]:
    known = [stage.name for stage in recipe.stages]
    for option, wanted in (("--stages", names or ()), ("--part", given)):
        for name in wanted:
            if name not in known:
                raise InputError(
                    f"{option} {name}: {recipe.method}/{recipe.name} has no such stage; it has {', '.join(known)}."
                )
    if names is None:
        names = [name for name in known if name not in recipe.optional_stages and name not in given]
    if both := [name for name in names if name in given]:
        raise InputError(f"--part {both[0]}: its weights are given, and --stages asks to train it. Leave one of the two out.")
    if not names:
        raise InputError(f"--stages: nothing is left to train. {recipe.method}/{recipe.name} has {', '.join(known)}.")
    return [stage for stage in recipe.stages if stage.name in names]


def given_part(recipe: Recipe, name: str, folder: Path | Url) -> Path:
    """The weights folder in ``folder``; ``InputError`` if it is not of the stage ``name``."""
    weights = find_weights(folder, stage=name)
    card = read_card(weights)
    if (card.method, card.stage) != (recipe.method, name):
        raise InputError(
            f"--part {name}: the weights in {weights} are of {card.method}/{card.stage}, not {recipe.method}/{name}."
        )
    return weights


def _starts(recipe: Recipe, chosen: Sequence[Stage], init: Sequence[Path | Url]) -> dict[str, Path]:
    starts: dict[str, Path] = {}
    stages = {stage.name: stage for stage in chosen}
    for folder in init:
        weights = find_weights(absolute(folder))
        card = read_card(weights)
        if card.method != recipe.method or card.stage not in stages:
            raise InputError(
                f"--init {folder}: the weights are of {card.method}/{card.stage}; to be trained are "
                f"{', '.join(f'{recipe.method}/{name}' for name in stages)}."
            )
        if card.stage in starts:
            raise InputError(f"--init {folder}: {starts[card.stage]} is of stage {card.stage}, too. Give one for each stage.")
        _check_start(stages[card.stage], weights, recipe)
        starts[card.stage] = weights
    return starts


def _check_start(stage: Stage, folder: Path, recipe: Recipe) -> None:
    """The weights must be those of the very network that the recipe trains: the same options, names and shapes."""
    weights = load_weights(folder)
    there, wanted = weights.card.options.get("network"), stage.card_options().get("network")
    if isinstance(there, dict) and isinstance(wanted, dict):
        plain = json.loads(json.dumps(wanted))  # as a card holds it
        different = differing_options(there, plain)
        if "body" in different:
            raise InputError(
                f"--init {folder}: its bodies are of the model {_body_of(there)}, those to be trained of {_body_of(plain)}. "
                + _OTHER_BODY
            )
        if different:
            shown = "; ".join(f"{name} is {there.get(name)!r} there, {plain.get(name)!r} here" for name in different[:5])
            raise InputError(
                f"--init {folder}: its network has other options than that of {recipe.method}/{recipe.name} ({shown}). "
                f"Change the recipe's with --set {stage.name}.options.NAME=VALUE, or take another recipe."
            )
    network, origin = stage.network(), f"--init {folder}"
    load_into(network, start_state(network, weights.state_dict, origin=origin), origin=origin)


def _body_of(options: Mapping[str, Any]) -> str:
    body = options.get("body")
    if not isinstance(body, Mapping):
        return "unknown"
    vertices = body.get("num_vertices")
    return f"{body.get('name')!r}" + (f" ({vertices} vertices, {body.get('num_points')} mesh points)" if vertices else "")


def _listed(stages: Sequence[Stage]) -> str:
    return ", ".join(stage.name for stage in stages)
