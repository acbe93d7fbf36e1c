"""The models of a server: names of the API, the references behind them, and the very weights that a reference means now.

A reference (an alias, a folder) may mean other weights tomorrow. Requests name the weights that were meant when they came, so a
change never touches a request that is in work.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vitruvian.errors import InputError
from vitruvian.methods.builtin import builtin_names
from vitruvian.methods.references import REGISTRY, default_store, fetch_weights, registered_models, registered_version
from vitruvian.methods.registry import METHODS
from vitruvian.methods.weights import CARD, read_card
from vitruvian.serve.settings import FORMATS

TITLES = {"pifu": "PIFu", "geopifu": "Geo-PIFu", "jiff": "JIFF", "pymaf": "PyMAF", "humaniflow": "HuManiFlow"}
NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,62}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A model as the server was told of it."""

    name: str
    reference: str
    store: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pinned:
    """The very weights that a source meant at some moment."""

    name: str
    reference: str
    store: str | None
    key: str
    """Different for different weights."""

    @property
    def model_id(self) -> str:
        return f"{self.name}@{self.key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """What the API says of a model."""

    pinned: Pinned
    method: str
    kind: Literal["surface", "body"]
    title: str
    trained_on: str
    version: str
    formats: tuple[str, ...] = FORMATS

    @property
    def name(self) -> str:
        return self.pinned.name

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "method": self.method,
            "kind": self.kind,
            "title": self.title,
            "trained_on": self.trained_on,
            "version": self.version,
            "formats": list(self.formats),
        }


def find_sources(words: Sequence[str], store: str | None) -> list[Source]:
    """``NAME=REFERENCE`` or ``REFERENCE`` each; none: all that the store has registered, or else what is built in.

    Raises ``InputError`` for names that clash or cannot stand in a request.
    """
    uri = store or default_store()
    if not words:
        words = (registered_models(uri) if uri is not None else []) or builtin_names()
    sources: list[Source] = []
    for word in words:
        name, equals, reference = word.partition("=")
        if not equals:
            name, reference = _name_of(word), word
        if not NAME.fullmatch(name):
            raise InputError(f"--models {word}: the name {name!r} must be of letters, digits, '.', '_' and '-', at most 63.")
        if any(source.name == name for source in sources):
            raise InputError(f"--models {word}: there is another {name!r}; give it a name: NAME={reference}")
        sources.append(Source(name=name, reference=reference, store=uri if reference.startswith(REGISTRY) else None))
    return sources


def pin(source: Source) -> Pinned:
    """What the source means now. Raises ``InputError`` when it means nothing."""
    if source.reference.startswith(REGISTRY):
        found = registered_version(source.reference, store=source.store)
        reference = f"{REGISTRY}{found.name}/{found.version}"
        return Pinned(name=source.name, reference=reference, store=source.store, key=found.key)
    folder = fetch_weights(source.reference)
    return Pinned(name=source.name, reference=str(folder.absolute()), store=None, key=key_of(folder))


def key_of(folder: Path) -> str:
    """Of a weights folder's card, which holds the hashes of the weights and of their parts."""
    try:
        return hashlib.sha256((folder / CARD).read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise InputError(f"{folder}: its {CARD} cannot be read ({type(error).__name__}).") from error


def describe(pinned: Pinned) -> Model:
    """What the card of these weights says; fetches them if need be. Raises ``InputError``."""
    folder = fetch_weights(pinned.reference, store=pinned.store)
    card = read_card(folder)
    if card.method not in METHODS:
        raise InputError(f"{folder}: the weights are of the method {card.method!r}, which is unknown here.")
    title = f"{TITLES.get(card.method, card.method)} {card.recipe}".strip()
    people = f"{len(card.people)} people" if card.people else "people"
    licence = card.data_licence.partition(" (")[0]
    trained_on = ", ".join(part for part in (f"{people}, protocol {card.protocol}" if card.protocol else "", licence) if part)
    version = pinned.reference.rpartition("/")[2] if pinned.reference.startswith(REGISTRY) else pinned.key
    return Model(
        pinned=pinned,
        method=card.method,
        kind=METHODS[card.method].kind,
        title=title,
        trained_on=trained_on or "not known",
        version=version,
        formats=FORMATS,
    )


def _name_of(reference: str) -> str:
    """``pifu`` of ``models:/pifu@tiny`` and ``models:/pifu/3``; of a folder its own name, of a stage's weights the run's."""
    if reference.startswith(REGISTRY):
        return re.split(r"[@/]", reference.removeprefix(REGISTRY))[0]
    parts = [part for part in Path(reference).expanduser().absolute().parts if part != "weights"]
    return re.sub(r"[^0-9A-Za-z._-]+", "-", parts[-1]).strip("-._") or "model"
