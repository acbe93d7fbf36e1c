"""A random-access cache of a data set: the decoded values of every sample in one LMDB file, for training on hot data.

Shards are small and read in order; decoding their pictures costs milliseconds a sample. The cache is large and costs a copy
from memory. It is made from the shards and can be thrown away at any time: it holds the fingerprint of its data set and is
refused, or made anew, when that differs. Records: ``meta``; ``block/row/h`` what is known of a subject, ``block/row/g/group/h``
of a draw, ``block/row/v/view/h`` of a view, and the same with an item's name in place of ``h``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.fingerprint import dataset_fingerprint
from vitruvian.shards.items import ITEMS
from vitruvian.shards.lmdb_files import reader
from vitruvian.shards.manifest import read_manifest
from vitruvian.shards.packing import unpack
from vitruvian.shards.reader import SubjectReader
from vitruvian.storage.local import cache_folder
from vitruvian.storage.url import Url, as_place

CACHE = "cache.lmdb"
"""Its name in the data set's folder."""
FORMAT = 1


def default_path(root: Path | Url) -> Path:
    """Where the cache of a data set lies: in its folder; of one at a URL, by fingerprint in our own cache folder."""
    if isinstance(root, Path):
        return root / CACHE
    return cache_folder() / "lmdb" / f"{dataset_fingerprint(read_manifest(root))[:32]}.lmdb"


def read_meta(path: Path) -> dict[str, Any]:
    """Fingerprint and items of a cache; InputError when the file is none."""
    with reader(path).begin() as transaction:
        data = transaction.get(b"meta")
    meta = json.loads(data) if data else {}
    if meta.get("format") != FORMAT:
        raise InputError(f"{path}: is an LMDB file, but not a cache of format {FORMAT}. Make it: vitruvian datagen cache DATA")
    return meta


def lacks(path: Path, root: Path | Url, items: Sequence[str]) -> str | None:
    """Why a cache cannot serve these items of a data set; None when it can."""
    if not path.exists():
        return "there is none"
    meta = read_meta(path)
    if meta["fingerprint"] != dataset_fingerprint(read_manifest(root)):
        return "it was made of other data"
    missing = [name for name in items if name not in meta["items"]]
    return f"it does not hold {', '.join(missing)}" if missing else None


def key_of(block: int, row: int, place: str, name: str) -> bytes:
    """The key of a record; ``place`` is "", ``g/<group>/`` or ``v/<view>/``, ``name`` an item or ``h``."""
    return f"{block:06d}/{row:06d}/{place}{name}".encode()


class CacheReader:
    """The part of a cache that stands for one shard; reads like a ``ShardReader``."""

    def __init__(self, path: Path, block: int) -> None:
        self.path = path
        self.block = block

    def _read(self, transaction: lmdb.Transaction, row: int, place: str, name: str) -> dict[str, Any]:
        data = transaction.get(key_of(self.block, row, place, name))
        if data is None:
            raise InputError(f"{self.path}: a record is missing; it is damaged. Delete it; it can be made again.")
        return unpack(data)

    def subject(self, row: int, items: Sequence[str] = (), *, group: int = 0) -> dict[str, Any]:
        """As ``ShardReader.subject``."""
        with reader(self.path).begin(buffers=True) as transaction:
            values = self._read(transaction, row, "", "h") | self._read(transaction, row, f"g/{group}/", "h")
            for name in items:
                if ITEMS[name].level != "view":
                    place = "" if ITEMS[name].level == "subject" else f"g/{group}/"
                    values.update(self._read(transaction, row, place, name))
        return values

    def view(self, row: int, view_index: int, items: Sequence[str] = ()) -> dict[str, Any]:
        """As ``ShardReader.view``."""
        place = f"v/{view_index}/"
        with reader(self.path).begin(buffers=True) as transaction:
            values = self._read(transaction, row, place, "h")
            for name in items:
                if ITEMS[name].level == "view":
                    values.update(self._read(transaction, row, place, name))
        return values


class CachedDataset(ShardDataset):
    """A ``ShardDataset`` that reads from a cache: the same samples, order, length and fingerprint.

    Needs the data set's card and manifest, not its shards, so that a cache on a fast local disk may stand for shards elsewhere.
    """

    def __init__(
        self,
        root: Path | str | Url,
        *,
        cache: Path | str | None = None,
        items: Sequence[str] | None = None,
        split: str | None = None,
    ) -> None:
        """``cache`` defaults to ``default_path``. InputError when it is missing or of other data."""
        root = as_place(root)
        self.cache = default_path(root) if cache is None else Path(cache)
        if items is None and self.cache.exists():
            items = read_meta(self.cache)["items"]
        super().__init__(root, items=items, split=split, verify="size")
        if reason := lacks(self.cache, root, self.items):
            raise InputError(f"{self.cache}: cannot stand for {root}: {reason}. Make it: vitruvian datagen cache {root}")

    def _check_all(self) -> None:
        """Shards are not needed."""

    def will_read(self, indices: Sequence[int] | NDArray[np.int64]) -> None:
        """Nothing has to be fetched."""

    def _reader(self, block: int) -> SubjectReader:
        return CacheReader(self.cache, self._blocks[block].block)
