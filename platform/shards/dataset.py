"""A data set folder as a map-style dataset over (subject, view) pairs, for torch's DataLoader or a plain loop."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.shards.card import read_card
from vitruvian.shards.fingerprint import dataset_fingerprint
from vitruvian.shards.items import check_items
from vitruvian.shards.manifest import ManifestEntry, read_manifest
from vitruvian.shards.reader import ShardReader, SubjectReader, Verify, check_shard
from vitruvian.shards.writer import SubjectEntry
from vitruvian.storage.cache import discard, fetch, is_cached
from vitruvian.storage.objects import list_files
from vitruvian.storage.read_ahead import ReadAhead
from vitruvian.storage.url import Url, as_place

TIDY_EVERY_S = 30.0


class ShardDataset:
    """``dataset[i]`` is a dict of decoded numpy arrays for one view of one subject.

    Always there: ``camera`` (Camera), ``subject_id``, ``view_index``, ``group`` (the draw of the subject that the view belongs
    to, mostly 0), ``units_per_metre``, ``center_m`` and ``rotation`` (that draw's similarity: units = units_per_metre *
    rotation @ (world - center_m); 9 numbers, mostly the identity), ``split``, ``source``, ``licence``, ``attributes`` and
    ``view`` (what else was decided for the view). For each wanted item its keys as the catalogue ``shards/items.py`` has them:
    ``rgb`` uint8 (H, W, 3); ``mask`` bool (H, W); ``normal`` float32 (H, W, 3); ``depth`` float32 (H, W) metres;
    ``query_points`` float32 (N, 3) world metres with ``query_labels`` bool (N,); ``solid_voxels`` bool (nx, ny, nz) with
    ``voxel_origin_m`` and ``voxel_size_m``; ``mesh`` Mesh in world metres; ``body_parameters`` and ``joints_m``.

    ``root`` may be a URL (``s3://bucket/people``): then shards are fetched into the local cache when they are needed, or before
    (``will_read``), and read from there in the same way.

    Torch needs no more than ``len`` and ``[i]``, so torch is not imported. Instances can be pickled and forked; each process
    opens the shards it needs, and checks each against its hash before its first sample is read (see ``Verify``).
    """

    def __init__(
        self,
        root: Path | str | Url,
        *,
        items: Sequence[str] | None = None,
        split: str | None = None,
        verify: Verify = "first_use",
        allow_partial: bool = False,
    ) -> None:
        """``items``: which to decode (default: all that are stored). ``split``: ``train``, ``test``, or None for both.

        InputError when the folder, an item or the split is not there, and when the data generation has not finished
        (``allow_partial`` takes what is there).
        """
        self.root = as_place(root)
        self.card: dict[str, Any] = read_card(self.root)
        entries = read_manifest(self.root)
        if not self.card.get("complete", False) and not allow_partial:
            raise InputError(
                f"{self.root}: the data generation has not finished ({len(entries)} blocks are there). "
                "Run the same vitruvian datagen command again; it continues where it stopped."
            )
        stored = tuple(self.card["items"])
        self.items = stored if items is None else check_items(items, f"ShardDataset({self.root})")
        if missing := [name for name in self.items if name not in stored]:
            raise InputError(
                f"{self.root}: does not hold {', '.join(missing)}; it holds {', '.join(stored)}. "
                "Generate a data set with these items (vitruvian datagen --items ...)."
            )
        self.fingerprint = dataset_fingerprint(entries)
        self.split = split
        self.verify = verify
        self._blocks: list[ManifestEntry] = [entry for entry in entries.values() if entry.file is not None]
        chosen = [
            (block, row)
            for block, entry in enumerate(self._blocks)
            for row, subject in enumerate(entry.subjects)
            if split is None or subject.split == split
        ]
        if not chosen:
            there = sorted({subject.split for entry in self._blocks for subject in entry.subjects})
            raise InputError(f"{self.root}: holds no subject of split {split!r}; splits there: {', '.join(there) or 'none'}.")
        self._chosen = np.array(chosen, np.int64).reshape(-1, 2)
        self.subjects: tuple[SubjectEntry, ...] = tuple(self._blocks[block].subjects[row] for block, row in chosen)
        """The chosen subjects, in the order of the samples."""
        self._starts = np.concatenate([[0], np.cumsum([subject.num_views for subject in self.subjects])])
        self._process = os.getpid()
        self._readers: dict[int, SubjectReader] = {}
        self._ahead: ReadAhead | None = None
        self._tidied_at = time.monotonic()
        self._check_all()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        view = self.view(index)
        block, row = self._chosen[self.subject_of(index)].tolist()
        return {**self._reader(block).subject(row, self.items, group=view["group"]), **view}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    def subject(self, position: int, items: Sequence[str] | None = None, *, group: int = 0) -> dict[str, Any]:
        """One of ``subjects`` (and one of its draws) without its views: cheaper than a sample when no picture is needed."""
        block, row = self._chosen[position].tolist()
        wanted = self.items if items is None else check_items(items, "subject")
        return self._reader(block).subject(row, wanted, group=group)

    def sample_indices(self, position: int) -> range:
        """The samples (views) of one of ``subjects``."""
        return range(int(self._starts[position]), int(self._starts[position + 1]))

    def subject_of(self, index: int) -> int:
        """Which of ``subjects`` a sample is of."""
        return int(np.searchsorted(self._starts, index % len(self), side="right")) - 1

    def view(self, index: int, items: Sequence[str] | None = None) -> dict[str, Any]:
        """A sample without its subject: camera, description, group, and the view's items."""
        position = self.subject_of(index)
        block, row = self._chosen[position].tolist()
        wanted = self.items if items is None else check_items(items, "view")
        return self._reader(block).view(row, index % len(self) - int(self._starts[position]), wanted)

    @property
    def blocks(self) -> tuple[ManifestEntry, ...]:
        """The finished blocks that have a shard, whatever their subjects' split."""
        return tuple(self._blocks)

    @property
    def shard_sizes(self) -> NDArray[np.int64]:
        """Samples in each shard, in sample order: what ``order.epoch_order`` needs to read shards one after another."""
        views = np.diff(self._starts)
        return np.array([views[self._chosen[:, 0] == block].sum() for block in np.unique(self._chosen[:, 0])], np.int64)

    def will_read(self, indices: Sequence[int] | NDArray[np.int64]) -> None:
        """These samples will be read next, in this order: shards at a URL are fetched ahead of them. Changes nothing else."""
        if isinstance(self.root, Path):
            return
        positions = np.searchsorted(self._starts, np.asarray(indices, np.int64) % len(self), side="right") - 1
        blocks = list(dict.fromkeys(self._chosen[positions, 0].tolist()))
        if self._ahead is None:
            self._ahead = ReadAhead(self.local_shard, lambda block: self._blocks[block].num_bytes)
        self._ahead.announce([block for block in blocks if block not in self._readers])

    def local_shard(self, number: int) -> Path:
        """The file of one of ``blocks`` on this machine: itself, or its copy in the cache."""
        entry = self._blocks[number]
        assert entry.file is not None
        if isinstance(self.root, Path):
            return self.root / entry.file
        assert entry.sha256 is not None
        return fetch(self.root / entry.file, sha256=entry.sha256, num_bytes=entry.num_bytes)

    def _check_all(self) -> None:
        """Sizes of all shards, or with ``verify="all"`` their hashes; at a URL sizes are asked for with ``verify="size"`` only,
        because shards are checked when they are fetched."""
        if isinstance(self.root, Url) and self.verify == "size":
            there = list_files(self.root / "shards")
            for entry in self._blocks:
                assert entry.file is not None
                found = there.get(entry.file.removeprefix("shards/"))
                if found is None or found.num_bytes != entry.num_bytes:
                    what = "is missing" if found is None else f"has {found.num_bytes} bytes, not {entry.num_bytes}"
                    url = self.root / entry.file
                    raise InputError(f"{url}: the shard {what}. Run the data generation again: it makes the same shard anew.")
        elif isinstance(self.root, Path) or self.verify == "all":
            for number in range(len(self._blocks)):
                self._check(number, whole=self.verify == "all")

    def _check(self, number: int, *, whole: bool) -> None:
        entry = self._blocks[number]
        check_shard(self.local_shard(number), num_bytes=entry.num_bytes, sha256=entry.sha256 if whole else None)

    def _reader(self, block: int) -> SubjectReader:
        if self._process != os.getpid():  # forked: readers are opened anew
            self._process, self._readers, self._ahead = os.getpid(), {}, None
        if block not in self._readers:
            if isinstance(self.root, Url):
                self._readers[block] = self._cached_reader(block, whole=self.verify == "first_use")
            else:
                self._check(block, whole=self.verify == "first_use")
                self._readers[block] = ShardReader(self.local_shard(block))
        return self._readers[block]

    def checked_shard(self, number: int) -> ShardReader:
        """One of ``blocks``, checked against its hash."""
        if isinstance(self.root, Url):
            return self._cached_reader(number, whole=True)
        self._check(number, whole=True)
        return ShardReader(self.local_shard(number))

    def _cached_reader(self, block: int, *, whole: bool) -> ShardReader:
        """A reader of the shard's copy in the cache, which may go, or be damaged by the disk, between fetching and opening."""
        sha256 = self._blocks[block].sha256
        assert sha256 is not None
        if time.monotonic() - self._tidied_at > TIDY_EVERY_S:  # what left the cache gives its room back when nobody maps it
            gone = [number for number in self._readers if not is_cached(str(self._blocks[number].sha256))]
            for number in gone:
                self._readers.pop(number, None)
            self._tidied_at = time.monotonic()
        for attempts_left in (2, 1, 0):
            path = self.local_shard(block)
            try:
                self._check(block, whole=whole)
                reader = ShardReader(path)
            except InputError:
                if not attempts_left:
                    raise
                discard(sha256)
                continue
            if self._ahead is not None:
                self._ahead.used(block)
            return reader
        raise AssertionError("unreachable")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_readers": {}, "_ahead": None}
