"""LSUN background pictures (Yu et al. 2015), read straight from the databases that LSUN distributes.

A database is an LMDB environment, ``bedroom_train_lmdb`` for instance: the key is a picture's hash in hexadecimal, the value
its JPEG or WebP bytes, the shorter side 256 pixels. Geo-PIFu uses the first 30,000 records, in the order of the keys, of ten
categories. A picture's name here is ``category/key``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from vitruvian.errors import InputError
from vitruvian.shards.lmdb_files import data_file, reader

CATEGORIES = (
    "bedroom",
    "bridge",
    "church_outdoor",
    "classroom",
    "conference_room",
    "dining_room",
    "kitchen",
    "living_room",
    "restaurant",
    "tower",
)
"""In the published order."""
PUBLISHED_LIMIT = 30_000


def category_name(path: Path) -> str:
    """``bedroom`` for ``.../bedroom_train_lmdb``, as the published exporter names its folders."""
    return path.name.replace("_lmdb", "").replace("_val", "").replace("_train", "")


@dataclass(frozen=True, slots=True)
class LsunDatabase:
    """One category. Holds nothing open itself, so it can be pickled, forked and used by threads."""

    path: Path

    @property
    def category(self) -> str:
        return category_name(self.path)

    def __len__(self) -> int:
        return int(reader(self.path).stat()["entries"])

    def keys(self, limit: int | None = None) -> list[str]:
        """The first keys in the database's order; the values are not touched."""
        keys: list[str] = []
        with reader(self.path).begin() as transaction:
            for key in transaction.cursor().iternext(keys=True, values=False):
                if limit is not None and len(keys) >= limit:
                    break
                keys.append(self._text(key))
        return keys

    def records(self, limit: int | None = None) -> Iterator[tuple[str, bytes]]:
        """The first (key, encoded picture) pairs in the database's order."""
        for key in self.keys(limit):
            yield key, self.read(key)

    def read(self, key: str) -> bytes:
        """The encoded picture of a key; InputError when there is none."""
        with reader(self.path).begin() as transaction:
            value = transaction.get(key.encode())
        if value is None:
            raise InputError(f"{data_file(self.path)}: holds no picture {key!r}.")
        return bytes(value)

    def _text(self, key: bytes) -> str:
        try:
            return key.decode("ascii")
        except UnicodeDecodeError:
            raise InputError(f"{data_file(self.path)}: the key {key!r} is not text; this is no LSUN database.") from None


def find_databases(folder: Path) -> tuple[LsunDatabase, ...]:
    """The databases in a folder (or the one that it is), in the published order of categories, then by name.

    InputError when there is none, or when two are of the same category.
    """
    if not folder.exists():
        raise InputError(f"{folder}: does not exist. LSUN backgrounds need a folder with databases such as bedroom_train_lmdb.")
    paths = [path.parent for path in folder.rglob("data.mdb")]
    if not paths:
        raise InputError(f"{folder}: holds no LMDB database (a folder with a data.mdb, such as bedroom_train_lmdb).")
    known = {name: place for place, name in enumerate(CATEGORIES)}
    found: dict[str, LsunDatabase] = {}
    for path in sorted(paths, key=lambda path: (known.get(category_name(path), len(known)), path.as_posix())):
        category = category_name(path)
        if category in found:
            raise InputError(
                f"{folder}: {found[category].path} and {path} are both of category {category!r}. Give a folder with one."
            )
        found[category] = LsunDatabase(path)
    return tuple(found.values())


def list_lsun(folder: Path, limit: int | None = PUBLISHED_LIMIT) -> tuple[str, ...]:
    """The names ``category/key`` of the first ``limit`` pictures of each database in a folder."""
    names = [f"{base.category}/{key}" for base in find_databases(folder) for key in base.keys(limit)]
    if not names:
        raise InputError(f"{folder}: the databases hold no pictures.")
    return tuple(names)


@lru_cache(maxsize=16)
def _by_category(folder: Path) -> dict[str, LsunDatabase]:
    return {base.category: base for base in find_databases(folder)}


def read_lsun(folder: Path, name: str) -> bytes:
    """The encoded picture ``category/key`` from the databases in a folder."""
    category, _, key = name.rpartition("/")
    bases = _by_category(folder)
    if category not in bases:
        raise InputError(f"{folder}: holds no LSUN database of category {category!r}, but {', '.join(bases)}.")
    return bases[category].read(key)
