"""Which values a trial gets: a pure function of the seed, the trial's number and, with Optuna, of the trials so far.

So nothing of a searcher has to be kept: a sweep that was killed proposes the same again.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vitruvian.errors import InputError
from vitruvian.methods.space import Mode, Parameter, Range

Values = Mapping[str, Any]
Search = Literal["random", "optuna", "grid"]
PROPOSAL, PERTURBATION, ORDER = 0x70726F70, 0x70657274, 0x6F726465
LARGEST_GRID = 1000
STARTUP = 5
"""Random trials before Optuna's sampler has enough to learn from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A trial so far: ``score`` is None while it runs."""

    values: Values
    score: float | None


def propose_random(parameters: Mapping[str, Parameter], *, seed: int, number: int) -> Values:
    """Each parameter drawn for itself."""
    rng = np.random.default_rng((PROPOSAL, seed, number))
    return {name: parameter.draw(rng) for name, parameter in parameters.items()}


def grid_values(parameters: Mapping[str, Parameter], *, points: int, seed: int) -> list[Values]:
    """Every combination once, in random order; so the first few are spread out, too. ``InputError`` if there are too many."""
    columns = [parameter.grid(points) for parameter in parameters.values()]
    size = int(np.prod([len(column) for column in columns]))
    if size > LARGEST_GRID:
        raise InputError(
            f"search is grid, which has {size} combinations of {', '.join(parameters)}. Vary fewer (--vary), take fewer values "
            "of each range (--grid-points), or search at random."
        )
    rows = [dict(zip(parameters, row, strict=True)) for row in itertools.product(*columns)]
    return [rows[place] for place in np.random.default_rng((ORDER, seed)).permutation(size)]


def propose_optuna(
    parameters: Mapping[str, Parameter], tried: Sequence[Tried], *, mode: Mode, seed: int, number: int
) -> Values:
    """What Optuna's TPE sampler (Bergstra et al., NeurIPS 2011) suggests after the trials so far; running ones count as bad, so
    that trials that run at the same time differ. The first few are random."""
    known = [one for one in tried if set(one.values) == set(parameters)]
    if sum(one.score is not None for one in known) < STARTUP:
        return propose_random(parameters, seed=seed, number=number)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=_small_seed(seed, number), n_startup_trials=STARTUP, constant_liar=True)
    study = optuna.create_study(sampler=sampler, direction="maximize" if mode == "max" else "minimize")
    distributions = {name: _distribution(parameter) for name, parameter in parameters.items()}
    for one in known:
        state = optuna.trial.TrialState.RUNNING if one.score is None else optuna.trial.TrialState.COMPLETE
        coded = {name: _coded(parameters[name], value) for name, value in one.values.items()}
        study.add_trial(optuna.trial.create_trial(params=coded, distributions=distributions, value=one.score, state=state))
    asked = study.ask(distributions)
    return {name: _decoded(parameter, asked.params[name]) for name, parameter in parameters.items()}


def check_optuna() -> None:
    """``InputError`` if Optuna is not installed."""
    try:
        importlib.import_module("optuna")
    except ModuleNotFoundError:
        raise InputError("search is optuna, which is not installed. Install it: pip install -e '.[tune]'") from None


def perturbed(parameters: Mapping[str, Parameter], values: Values, *, seed: int, number: int, epoch: int) -> Values:
    """Population-based training's exploration (Jaderberg et al. 2017): each value goes a step up or down; one in four is drawn
    anew."""
    rng = np.random.default_rng((PERTURBATION, seed, number, epoch))
    return {
        name: parameter.draw(rng) if rng.random() < 0.25 else parameter.near(values[name], rng)
        for name, parameter in parameters.items()
    }


def _distribution(parameter: Parameter) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(parameter, Range):
        return CategoricalDistribution(tuple(range(len(parameter.probes()))))
    if parameter.whole:
        return IntDistribution(round(parameter.low), round(parameter.high), log=parameter.log)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def _coded(parameter: Parameter, value: Any) -> Any:
    """Choices go by their place, because Optuna does not take every kind of value."""
    if isinstance(parameter, Range):
        return value
    plain = [_plain(one) for one in parameter.probes()]
    return plain.index(_plain(value))


def _decoded(parameter: Parameter, value: Any) -> Any:
    return parameter.nearest(value) if isinstance(parameter, Range) else parameter.probes()[value]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _small_seed(*parts: int) -> int:
    return int(np.random.SeedSequence((PROPOSAL, *parts)).generate_state(1)[0])
