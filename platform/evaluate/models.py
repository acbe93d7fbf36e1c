"""The models of an evaluation: from what a user names (weights folder, run folder, entry of a registry) to reconstructors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vitruvian.errors import InputError
from vitruvian.evaluate.evaluation import file_stem
from vitruvian.methods.reconstruction import Reconstructor
from vitruvian.methods.references import REGISTRY, fetch_weights
from vitruvian.methods.registry import load_reconstructor
from vitruvian.methods.weights import CARD, Card, read_card

METHOD_TITLES = {
    "pifu": "PIFu",
    "geopifu": "Geo-PIFu",
    "jiff": "JIFF",
    "pymaf": "PyMAF",
    "pymaf_sam": "PyMAF-SAM",
    "humaniflow": "HuManiFlow",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One of the compared models."""

    name: str
    """Short, distinct, as shown."""
    origin: str
    """As the user named it."""
    folder: Path
    """Its weights folder."""
    reconstructor: Reconstructor
    cards: tuple[Card, ...]
    """Its own, then those of its parts."""
    digest: str
    """Of its cards, which hold the weights' hashes and options: what its reconstructions follow from."""


def load_models(
    origins: Sequence[str], names: Sequence[str], *, cache: Path, tracking_uri: str
) -> list[Model]:  # fmt: skip
    """The models that ``origins`` name, under ``names`` or, when there are none, names made from their cards and paths.

    What is in the registry is fetched into ``cache``. Raises ``InputError`` for what is not there and names that clash.
    """
    folders = [fetch_weights(origin, store=tracking_uri, cache=cache) for origin in origins]
    reconstructors = [load_reconstructor(folder) for folder in folders]
    titles = [_title(reconstructor.card) for reconstructor in reconstructors]
    chosen = list(names) or model_names(origins, titles)
    _check_names(chosen, len(folders))
    return [
        Model(
            name=name,
            origin=origin,
            folder=folder,
            reconstructor=reconstructor,
            cards=tuple(cards) or (reconstructor.card,),
            digest=_digest(origin, folder, reconstructor.card),
        )
        for name, origin, folder, reconstructor, cards in zip(
            chosen, origins, folders, reconstructors, map(_cards, folders), strict=True
        )
    ]


def model_names(origins: Sequence[str], titles: Sequence[str]) -> list[str]:
    """A short, distinct name for each model: its title where these differ between all, else as much of the end of its path as
    tells it from the others."""
    parts = [tuple(origin.split("/")) if origin.startswith(REGISTRY) else Path(origin).resolve().parts for origin in origins]
    if len(set(parts)) < len(parts):
        raise InputError("weights: the same model is given twice; give each once.")
    if len(set(titles)) == len(titles):
        return list(titles)
    endings = [part[:-1] if part[-1] == "weights" else part for part in parts]
    depth = 1
    while len({part[-depth:] for part in endings}) < len(parts) and depth < max(map(len, endings)):
        depth += 1
    return ["-".join(part[-depth:]).replace("/", "") or "model" for part in endings]


def _check_names(names: Sequence[str], count: int) -> None:
    if len(names) != count:
        raise InputError(f"name: {len(names)} names for {count} weights; give one each, in the same order.")
    stems = [file_stem(name).lower() for name in names]
    for stem, name in zip(stems, names, strict=True):
        if not stem.strip("_"):
            raise InputError(f"name: {name!r} has no letter or digit.")
        if stems.count(stem) > 1 or stem in ("truth", "camera", "sample"):
            raise InputError(f"name: {name!r} is taken; give names that differ in letters or digits.")


def _title(card: Card) -> str:
    """As the method is written, and the recipe: ``Geo-PIFu tiny``."""
    return f"{METHOD_TITLES.get(card.method, card.method)} {card.recipe}".strip()


def _cards(folder: Path) -> list[Card]:
    """The folder's card and, below it, those of the parts that it was trained with."""
    return [read_card(path.parent) for path in [folder / CARD, *sorted(folder.glob(f"*/**/{CARD}"))] if path.is_file()]


def _digest(origin: str, folder: Path, card: Card) -> str:
    """The cards as they are written: they hold hashes of the tensors, options and where they come from."""
    digest = hashlib.sha256(f"{origin}\0{json.dumps(asdict(card), sort_keys=True, default=str)}".encode())
    for path in [folder / CARD, *sorted(folder.glob(f"*/**/{CARD}"))]:
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
