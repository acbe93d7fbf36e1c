"""Trained weights on disk: ``weights.safetensors`` beside ``card.json``, which says how to rebuild the network.

A network that works on what other networks say (Geo-PIFu's query network on the coarse one's voxels) has these beside it, each
a weights folder of its own in a sub-folder with the stage's name. So one folder is all that a reconstruction needs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from vitruvian.errors import InputError

WEIGHTS = "weights.safetensors"
CARD = "card.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What is known of a set of weights. All values are JSON values."""

    method: str
    stage: str
    recipe: str
    options: Mapping[str, Any]
    """``Stage.card_options()``: from these the method rebuilds the network and prepares its pictures."""
    reconstruct: Mapping[str, Any] | None = None
    """The recipe's options for turning a picture into a mesh."""
    protocol: str = ""
    data_fingerprint: str = ""
    data_licence: str = ""
    people: Sequence[str] = field(default_factory=list)
    """Codes of the people it was trained on (``shards.people``), so that it is not judged on them; empty: not known."""
    code_version: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    held_out: Mapping[str, int] = field(default_factory=dict)
    """What the metrics are averages of: ``samples``, of the data set's held-out ``people``; empty: not known."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Sub-folder -> SHA-256 of the weights in it, of each network that this one works with. ``save_weights`` fills it in."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Anything else worth keeping: seed, number of steps, origin of imported weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    card: Card
    state_dict: dict[str, Tensor]


def save_weights(
    folder: Path, state_dict: Mapping[str, Tensor], card: Card, *, parts: Mapping[str, Path] | None = None
) -> None:
    """Write ``folder`` (made if needed): the tensors first, then the card with their SHA-256, each renamed into place.

    ``parts``: weights folders of the networks that this one works with; they are copied into sub-folders of these names.
    None: the card's are there already.
    Tensors that are stored under two names are written under both.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if parts is not None:
        card = dataclasses.replace(card, parts={name: copy_weights(part, folder / name) for name, part in parts.items()})
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in state_dict.items()}
    content = save(tensors)
    temporary = folder / f"{WEIGHTS}.tmp"
    temporary.write_bytes(content)
    description = {
        "format_version": FORMAT_VERSION,
        **dataclasses.asdict(card),
        "weights": {
            "file": WEIGHTS,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "num_tensors": len(tensors),
        },
    }
    text = json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    temporary.replace(folder / WEIGHTS)
    (folder / f"{CARD}.tmp").write_text(text, encoding="utf-8")
    (folder / f"{CARD}.tmp").replace(folder / CARD)


def copy_weights(source: Path, folder: Path) -> str:
    """Copy a weights folder and its parts, unless they are there already; returns the SHA-256 of its weights."""
    wanted = weights_sha256(source)
    card = read_card(source)
    if not (folder / CARD).is_file() or weights_sha256(folder) != wanted or not (folder / WEIGHTS).is_file():
        save_weights(folder, load_weights(source).state_dict, card, parts=part_folders(source))
    return wanted


def part_folders(folder: Path) -> dict[str, Path]:
    """The weights folders of the networks that the one in ``folder`` works with, by their stage's name.

    ``InputError`` if one is missing or is not the one that it was trained with.
    """
    found = {}
    for name, wanted in read_card(folder).parts.items():
        part = folder / name
        if not (part / CARD).is_file():
            raise InputError(f"{part}: missing, though {folder / CARD} names it. Copy the whole weights folder again.")
        if weights_sha256(part) != wanted:
            raise InputError(f"{part}: not the weights that those in {folder} were trained with. Copy the whole folder again.")
        found[name] = part
    return found


def weights_sha256(folder: Path) -> str:
    """The SHA-256 of a folder's weights, as its card has it."""
    found = _description(folder).get("weights")
    if not isinstance(found, dict) or not isinstance(found.get("sha256"), str):
        raise InputError(f"{folder / CARD}: has no size and SHA-256 of {WEIGHTS}. Copy the whole weights folder again.")
    return str(found["sha256"])


def read_card(folder: Path) -> Card:
    """The card of a weights folder; raises ``InputError`` that names the file and what is wrong with it."""
    return _card(folder, _description(folder))


def load_weights(folder: Path) -> Weights:
    """Card and tensors, after checking the file against the card's size and SHA-256; raises ``InputError`` otherwise."""
    description = _description(folder)
    card = _card(folder, description)
    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"{path}: missing, though {CARD} is there. Copy the whole weights folder again.")
    content = path.read_bytes()
    expected = description.get("weights")
    if not isinstance(expected, dict) or not {"bytes", "sha256"} <= set(expected):
        raise InputError(f"{folder / CARD}: has no size and SHA-256 of {WEIGHTS}. Copy the whole weights folder again.")
    if len(content) != expected["bytes"]:
        raise InputError(
            f"{path}: has {len(content):,} bytes but the card says {expected['bytes']:,}; the file is cut short or of another "
            "training. Copy the whole weights folder again."
        )
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise InputError(f"{path}: its SHA-256 is not the card's; the file was changed. Copy the whole weights folder again.")
    try:
        return Weights(card=card, state_dict=load(content))
    except SafetensorError as error:
        raise InputError(f"{path}: not a safetensors file ({error}).") from error


def load_into(network: nn.Module, state_dict: Mapping[str, Tensor], *, origin: str) -> None:
    """Load a state dict whose names and shapes must all fit; raises ``InputError`` that begins with ``origin``."""
    own = network.state_dict()
    missing = sorted(set(own) - set(state_dict))
    unknown = sorted(set(state_dict) - set(own))
    if missing or unknown:
        raise InputError(
            f"{origin}: the weights are of another network. Missing: {_few(missing)}; not of this network: {_few(unknown)}. "
            "Check that the options are those of its training."
        )
    for name, value in own.items():
        if state_dict[name].shape != value.shape:
            raise InputError(
                f"{origin}: {name} has shape {tuple(state_dict[name].shape)} but the options ask for {tuple(value.shape)}. "
                "Check that the options are those of its training."
            )
    network.load_state_dict(dict(state_dict))


def _description(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    if not path.is_file():
        raise InputError(
            f"{folder}: not a weights folder, it has no {CARD}. Give the folder that training wrote its weights to."
        )
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not readable JSON ({error}). Copy the whole weights folder again.") from error
    if not isinstance(description, dict):
        raise InputError(f"{path}: holds {type(description).__name__}, not an object. Copy the whole weights folder again.")
    if description.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: format_version is {description.get('format_version')!r}; this version reads {FORMAT_VERSION}. "
            "Load it with the version of the program that wrote it."
        )
    return description


def _card(folder: Path, description: Mapping[str, Any]) -> Card:
    names = {item.name: item for item in dataclasses.fields(Card)}
    for name in ("method", "stage", "recipe"):
        if not isinstance(description.get(name), str):
            raise InputError(f"{folder / CARD}: {name!r} is {description.get(name)!r}; it must be a name.")
    if not isinstance(description.get("options"), dict):
        raise InputError(f"{folder / CARD}: 'options' is missing; without it the network cannot be rebuilt.")
    return Card(**{name: value for name, value in description.items() if name in names})


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return (f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown) or "none"
