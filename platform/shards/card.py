"""``dataset.json``, the card of a data set: where it comes from, how it was made, what it holds, whether it is complete."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.shards.items import ITEMS
from vitruvian.shards.schema import FORMAT
from vitruvian.shards.writer import write_file_atomically
from vitruvian.storage.folders import read_small
from vitruvian.storage.url import Url

CARD = "dataset.json"


def describe_items(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What a card says of each item."""
    return {
        name: {"level": ITEMS[name].level, "description": ITEMS[name].description, "precision": ITEMS[name].precision}
        for name in names
    }


def write_card(root: Path | Url, card: Mapping[str, Any]) -> None:
    """Write the card whole or not at all; ``format`` is added."""
    text = json.dumps({"format": FORMAT, **card}, indent=2, allow_nan=False) + "\n"
    write_file_atomically(root / CARD, text.encode())


def read_card(root: Path | Url) -> dict[str, Any]:
    """The card of a data set folder; an InputError says what is wrong with the folder."""
    path = root / CARD
    data = None if isinstance(path, Path) and not path.is_file() else read_small(path)
    if data is None:
        folder = isinstance(root, Path) and root.is_dir()
        what = "is not a data set folder: it has no dataset.json" if folder else "does not exist"
        if isinstance(root, Url):
            what = "holds no data set: there is no dataset.json"
        raise InputError(f"{root}: {what}. Make a data set with: vitruvian datagen --out {root}")
    try:
        card = json.loads(data.decode("utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: is not readable JSON ({error}).") from None
    if card.get("format") != FORMAT:
        raise InputError(f"{path}: has format {card.get('format')}; this version of Vitruvian reads format {FORMAT}.")
    return card
