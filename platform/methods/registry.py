"""Every method by name: its recipes, and how its weights are loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from vitruvian.errors import InputError
from vitruvian.methods.body_reconstruction import BodyReconstructor
from vitruvian.methods.geopifu.recipes import RECIPES as GEOPIFU_RECIPES
from vitruvian.methods.geopifu.reconstruct import load_reconstructor as load_geopifu
from vitruvian.methods.pifu.recipes import RECIPES as PIFU_RECIPES
from vitruvian.methods.pifu.reconstruct import load_reconstructor as load_pifu
from vitruvian.methods.pymaf.recipes import RECIPES as PYMAF_RECIPES
from vitruvian.methods.pymaf.reconstruct import load_reconstructor as load_pymaf
from vitruvian.methods.pymaf_sam.recipes import RECIPES as PYMAF_SAM_RECIPES
from vitruvian.methods.pymaf_sam.reconstruct import load_reconstructor as load_pymaf_sam
from vitruvian.methods.reconstruction import Reconstructor
from vitruvian.methods.run_folders import find_weights
from vitruvian.methods.stage import Recipe
from vitruvian.methods.weights import read_card
from vitruvian.storage.url import Url


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """One published system."""

    recipes: Mapping[str, Callable[[], Recipe]]
    load_reconstructor: Callable[[Path], Reconstructor | BodyReconstructor]
    """From a weights folder, a reconstructor of its kind; raises ``InputError``."""
    kind: Literal["surface", "body"] = "surface"
    """What it recovers: the ``surface`` of a dressed person (``reconstruction.py``), or the parameters of the ``body``
    (``body_reconstruction.py``)."""


METHODS: Mapping[str, Method] = {
    "pifu": Method(recipes=PIFU_RECIPES, load_reconstructor=load_pifu),
    "geopifu": Method(recipes=GEOPIFU_RECIPES, load_reconstructor=load_geopifu),
    "pymaf": Method(recipes=PYMAF_RECIPES, load_reconstructor=load_pymaf, kind="body"),
    "pymaf_sam": Method(recipes=PYMAF_SAM_RECIPES, load_reconstructor=load_pymaf_sam, kind="body"),
}


def find_method(name: str) -> Method:
    """The method called ``name``; raises ``InputError`` with the names there are."""
    if name not in METHODS:
        raise InputError(f"method: there is no method {name!r}; choose from {', '.join(sorted(METHODS))}.")
    return METHODS[name]


def find_recipe(method: str, name: str) -> Recipe:
    """The recipe ``name`` of a method; raises ``InputError`` with the names there are."""
    recipes = find_method(method).recipes
    if name not in recipes:
        raise InputError(f"recipe: {method} has no recipe {name!r}; choose from {', '.join(sorted(recipes))}.")
    return recipes[name]()


def load_reconstructor(folder: Path | Url) -> Reconstructor:
    """The method that the card in ``folder`` names, with its weights; ``InputError``, also for one that estimates bodies.

    ``folder``: a weights folder, or that of a training run, which stands for its last stage's weights; here or at a URL.
    """
    return cast(Reconstructor, _load(folder, "surface"))


def load_body_reconstructor(folder: Path | Url) -> BodyReconstructor:
    """The same for a method that estimates bodies; raises ``InputError``, also for one that recovers surfaces."""
    return cast(BodyReconstructor, _load(folder, "body"))


def _load(folder: Path | Url, kind: Literal["surface", "body"]) -> Any:
    folder = find_weights(folder)
    card = read_card(folder)
    if card.method not in METHODS:
        known = ", ".join(sorted(METHODS))
        raise InputError(f"{folder}: the weights are of the method {card.method!r}, which is unknown here ({known}).")
    method = METHODS[card.method]
    if method.kind == kind:
        return method.load_reconstructor(folder)
    others = ", ".join(sorted(name for name, other in METHODS.items() if other.kind == kind)) or "none of those here"
    if kind == "surface":
        raise InputError(
            f"{folder}: the weights are of {card.method}, which estimates the body under clothes; here a method that recovers "
            f"the surface of a person is needed ({others}). Use these weights with vitruvian pose."
        )
    raise InputError(
        f"{folder}: the weights are of {card.method}, which recovers the surface of a person; here a method that estimates the "
        f"body is needed ({others}). Use these weights with vitruvian reconstruct."
    )
