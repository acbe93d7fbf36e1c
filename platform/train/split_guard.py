"""Held-out people must be new to a model: to what it learns from, to its parts, and to the weights that it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitruvian.errors import InputError
from vitruvian.methods.weights import read_card
from vitruvian.train.data import Data
from vitruvian.train.plan import StagePlan

SHOWN = 5


def check_split(data: Data) -> None:
    """``InputError`` naming the people that are both in the data's ``train`` split and in its ``test`` split."""
    train, test = data.people("train"), data.people("test")
    both = [name for code, name in test.items() if code in train]
    if both:
        raise InputError(
            f"{data.name}: {_few(both)} both to be trained on and held out. A split is by person: make the data set anew, "
            "or take these people out of one of the two."
        )


def check_weights(plans: Sequence[StagePlan], data: Data) -> None:
    """``InputError`` if weights that were given were trained on people that the data holds out.

    Weights that do not say whom they were trained on, such as published ones, pass.
    """
    test = data.people("test")
    for plan in plans:
        given = [("--part", folder) for name, folder in plan.parts.items() if name in plan.given]
        for option, folder in [*given, *([("--init", plan.init)] if plan.init is not None else [])]:
            known = [test[code] for code in read_card(folder).people if code in test]
            if known:
                raise InputError(
                    f"{option} {folder}: these weights were trained on people that {data.name} holds out ({_few(known)} in "
                    "both), so its held-out metrics would say nothing. Take weights or data of other people."
                )


def people_behind(folders: Sequence[Path]) -> list[str]:
    """The codes of the people that these weights were trained on, each once."""
    return list(dict.fromkeys(code for folder in folders for code in read_card(folder).people))


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    verb = "is" if len(names) == 1 else "are"
    return f"{shown} and {len(names) - SHOWN} more {verb}" if len(names) > SHOWN else f"{shown} {verb}"
