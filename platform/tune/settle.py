"""What a sweep needs to know before its first trial: every option settled, and all that can be wrong said now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.space import Mode, Space, overrides
from vitruvian.methods.stage import Recipe
from vitruvian.train.overrides import apply_overrides
from vitruvian.tune.options import TuneOptions
from vitruvian.tune.proposals import Proposals
from vitruvian.tune.propose import check_optuna

DEFAULT_TRIALS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """A sweep's plan."""

    space: Space
    metric: str
    mode: Mode
    num_trials: int
    proposals: Proposals


def settle(recipe: Recipe, space: Space, options: TuneOptions) -> Settled:
    """The plan; ``InputError`` if the recipe does not take what the space gives, or the options do not go together."""
    space = restricted(space, options)
    mode = options.mode or (space.mode if options.metric in (None, space.metric) else "max")
    proposals = Proposals(
        parameters=space.parameters,
        search=options.search,
        seed=options.seed,
        mode=mode,
        grid_points=options.grid_points,
        baseline=options.baseline and options.scheduler != "pbt",
    )
    num_trials = options.trials
    if options.search == "grid":
        num_trials = min(num_trials or proposals.all_of_grid(), proposals.all_of_grid())
    elif options.search == "optuna":
        check_optuna()
    settled = Settled(
        space=space,
        metric=options.metric or space.metric,
        mode=mode,
        num_trials=num_trials or DEFAULT_TRIALS,
        proposals=proposals,
    )
    _check_values(recipe, settled)
    if options.scheduler == "pbt":
        _check_mutable(space)
    return settled


def restricted(space: Space, options: TuneOptions) -> Space:
    """The space with the parameters of ``--vary`` only."""
    if options.vary is None:
        return space
    for name in options.vary:
        if name not in space.parameters:
            raise InputError(f"--vary {name}: {options.space} has no such parameter; it has {', '.join(space.parameters)}.")
    if not options.vary:
        raise InputError(f"--vary: name at least one of {', '.join(space.parameters)}.")
    return replace(space, parameters={name: space.parameters[name] for name in options.vary})


def parts_needed(recipe: Recipe, space: Space) -> tuple[str, ...]:
    """The stages, in the recipe's order, whose finished networks a trial may need and does not train itself."""
    recipes = [recipe]
    for parameter in space.parameters.values():
        for value in parameter.probes():
            recipes.append(apply_overrides(recipe, overrides(parameter.settings(value))))
    wanted = {name for one in recipes for stage in space.stages for name in one.stage(stage).needs}
    for stage in reversed(recipe.stages):  # what they need themselves
        if stage.name in wanted:
            wanted |= set(stage.needs)
    return tuple(stage.name for stage in recipe.stages if stage.name in wanted and stage.name not in space.stages)


def describe_space(space: Space) -> dict[str, Any]:
    """The space as JSON values, for the identity of a sweep."""
    return {
        "parameters": {name: repr(parameter) for name, parameter in space.parameters.items()},
        "stages": list(space.stages),
    }


def _check_values(recipe: Recipe, settled: Settled) -> None:
    """Each value alone, and all of every proposal that is known already."""
    for stage in settled.space.stages:
        recipe.stage(stage)
    for name, parameter in settled.space.parameters.items():
        for value in parameter.probes():
            _check(recipe, parameter.settings(value), f"{name} = {value}")
    for number, values in enumerate(settled.proposals.known(settled.num_trials)):
        said = ", ".join(f"{name} = {value}" for name, value in values.items())
        _check(recipe, settled.space.settings(values), f"trial {number} ({said})")


def _check(recipe: Recipe, settings: Mapping[str, Any], what: str) -> None:
    try:
        apply_overrides(recipe, overrides(settings))
    except InputError as error:
        raise InputError(
            f"space: {recipe.method}/{recipe.name} does not take {what}. {str(error).removeprefix('--set ')}"
        ) from None


def _check_mutable(space: Space) -> None:
    fixed = [name for name, parameter in space.parameters.items() if not parameter.mutable]
    if fixed:
        rest = [name for name in space.parameters if name not in fixed]
        cure = f"Leave it out: --vary {' '.join(rest)}" if rest else "Take another space or scheduler."
        raise InputError(f"scheduler is pbt, but {fixed[0]} cannot change while a network is trained. {cure}")
