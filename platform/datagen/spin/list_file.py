"""``lists.json``: which lists of photographs, and which data sets of drawn people, a training mixes, and in which shares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.spin.remote_pictures import mirror_of
from vitruvian.errors import InputError
from vitruvian.storage.url import Url, as_place, is_url

FILE = "lists.json"
SPLITS = ("train", "test")
FIRST, LAST = "h36m", "mpi-inf-3dhp"
IN_THE_WILD = ("lsp-orig", "mpii", "lspet", "coco", "coco-full")
MIXTURES: Mapping[str, tuple[float, float, float]] = {"paper": (0.3, 0.6, 0.1), "eft": (0.5, 0.3, 0.2)}
"""Published shares of Human3.6M, of all sets in the wild together (each by its size), and of MPI-INF-3DHP."""

_KEYS = {"name", "list", "pictures", "masks", "fits", "joints", "shards", "share"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One set: a ``list`` with its ``pictures``, or ``shards``."""

    name: str
    list_file: Path | None = None
    pictures: Path | None = None
    pictures_url: Url | None = None
    """Where they are, if not here; ``pictures`` is then the folder of copies."""
    masks: Path | None = None
    """Of the people in ``pictures``; see ``spin.list_masks``."""
    fits: Path | None = None
    joints: Literal["j24", "smpl24"] = "j24"
    shards: Path | None = None
    share: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListFile:
    """What a ``lists.json`` says."""

    path: Path
    train: tuple[Member, ...]
    test: tuple[Member, ...]
    mixture: str | None = None
    licence: str = ""

    def members(self, split: str) -> tuple[Member, ...]:
        return self.train if split == "train" else self.test


def find_list_file(place: Any) -> Path | None:
    """The file that a ``--data`` means if it means lists: a .json file, or a folder with ``lists.json``; else None."""
    if not isinstance(place, Path):
        return None
    if place.suffix == ".json":
        return place
    return place / FILE if (place / FILE).is_file() else None


def read_list_file(path: Path) -> ListFile:
    """InputError that names what is wrong with it. Paths in it are relative to its folder."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise InputError(f"{path}: is no JSON file ({error}).") from None
    known = {*SPLITS, "mixture", "licence"}
    if not isinstance(content, dict) or set(content) - known:
        wrong = f", not {sorted(set(content) - known)}" if isinstance(content, dict) else ""
        raise InputError(f"{path}: must be an object of {', '.join(sorted(known))}{wrong}.")
    splits = {split: _members(path, split, content.get(split, [])) for split in SPLITS}
    if not splits["train"]:
        raise InputError(f"{path}: 'train' names no set.")
    mixture = content.get("mixture")
    if mixture is not None and mixture not in MIXTURES:
        raise InputError(f"{path}: 'mixture' is {mixture!r}; it must be one of {', '.join(MIXTURES)}, or left out.")
    given = [member.share is not None for member in splits["train"]]
    if any(given) and (mixture is not None or not all(given)):
        raise InputError(f"{path}: give a 'share' to every set of 'train', or to none; with 'mixture' to none.")
    if mixture is not None and (other := [m.name for m in splits["train"] if m.name not in (FIRST, *IN_THE_WILD, LAST)]):
        raise InputError(
            f"{path}: mixture {mixture!r} has no share for {', '.join(other)}; it knows "
            f"{', '.join((FIRST, *IN_THE_WILD, LAST))}. Give every set a 'share' instead."
        )
    return ListFile(path=path, **splits, mixture=mixture, licence=str(content.get("licence", "")))


def shares(mixture: str | None, members: Sequence[Member], sizes: Sequence[int]) -> NDArray[np.float64] | None:
    """(S,) how likely a sample comes from each set, summing to 1; None: every sample of all sets once an epoch.

    Of a published mixture, groups that are not there leave their share to the others.
    """
    if mixture is None:
        if members[0].share is None:
            return None
        wanted = np.array([member.share for member in members], np.float64)
        return np.asarray(wanted / wanted.sum())
    first, wild, last = MIXTURES[mixture]
    num_wild = sum(size for member, size in zip(members, sizes, strict=True) if member.name in IN_THE_WILD)
    wanted = np.array(
        [
            first if member.name == FIRST else last if member.name == LAST else wild * size / num_wild
            for member, size in zip(members, sizes, strict=True)
        ]
    )
    return np.asarray(wanted / wanted.sum())


def _members(path: Path, split: str, entries: Any) -> tuple[Member, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: {split!r} must be a list of objects, one for each set.")
    members = tuple(_member(path, f"{split}[{number}]", entry) for number, entry in enumerate(entries))
    names = [member.name for member in members]
    if len(set(names)) < len(names):
        raise InputError(f"{path}: {split!r} names a set twice; give each a 'name' of its own.")
    return members


def _member(path: Path, where: str, entry: dict[str, Any]) -> Member:
    if unknown := set(entry) - _KEYS:
        raise InputError(f"{path}: {where} has {sorted(unknown)}; known are {sorted(_KEYS)}.")
    if ("list" in entry) == ("shards" in entry) or ("list" in entry and "pictures" not in entry):
        raise InputError(f"{path}: {where} needs 'list' and 'pictures' (a SPIN list and its folder), or 'shards' (a data set).")

    def place(key: str) -> Path | None:
        return (path.parent / Path(str(entry[key])).expanduser()).absolute() if key in entry else None

    pictures, url = place("pictures"), None
    for key in ("list", "pictures", "fits", "masks", "shards"):
        if key in entry and is_url(str(entry[key])):
            if key != "pictures":
                raise InputError(f"{path}: {key!r} of {where} is a URL; only 'pictures' may be at one. Give a path.")
            found = as_place(str(entry[key]))
            pictures, url = (mirror_of(found), found) if isinstance(found, Url) else (found, None)
    share = entry.get("share")
    if share is not None and (isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < float("inf")):
        raise InputError(f"{path}: 'share' of {where} is {share!r}; it must be a positive number.")
    name = str(entry.get("name", Path(str(entry.get("list", entry.get("shards")))).stem))
    joints = entry.get("joints", "smpl24" if name == "surreal" else "j24")
    if joints not in ("j24", "smpl24"):
        raise InputError(f"{path}: 'joints' of {where} is {joints!r}; it must be j24 or smpl24.")
    return Member(
        name=name,
        list_file=place("list"),
        pictures=pictures,
        pictures_url=url,
        masks=place("masks"),
        fits=place("fits"),
        joints=joints,
        shards=place("shards"),
        share=None if share is None else float(share),
    )
