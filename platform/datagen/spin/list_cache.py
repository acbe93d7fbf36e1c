"""A cache of lists: each photograph decoded, reduced and cut out around its person once, in one LMDB file for random access.

Around means as far as any draw of training may see, so samples are the same with and without the cache. It can be thrown away
at any time; ``meta`` holds the key of what it was made of, and another key makes it anew.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lmdb
import numpy as np

from vitruvian.datagen.spin.augment import SCALE_FACTOR
from vitruvian.datagen.spin.crop import PIXEL_SCALE
from vitruvian.datagen.spin.list_samples import ListSamples
from vitruvian.errors import InputError
from vitruvian.shards.cache_build import FIRST_MAP_BYTES, check_space, put_records, whole_file
from vitruvian.shards.lmdb_files import reader
from vitruvian.shards.packing import pack, unpack

FORMAT = "lists-1"
MARGIN_PX = 8
"""Beyond what a turned and widened crop covers, for its resampling."""
_ADVICE = "Put it on another disk (--cache), or train without."


class CachedSamples(ListSamples):
    """The samples of a list, from a cache. ``place``: the list's in it."""

    def __init__(self, samples: ListSamples, path: Path, place: str) -> None:
        super().__init__(samples.photographs, picture_px=samples.picture_px, masks=samples.masks)
        self.path = path
        self.place = place

    def __getitem__(self, index: int, /) -> dict[str, Any]:
        with reader(self.path).begin(buffers=True) as transaction:
            data = transaction.get(_key(self.place, range(len(self))[index]))
            if data is None:
                raise InputError(f"{self.path}: a record is missing; it is damaged. Delete it; it can be made again.")
            found: dict[str, Any] = unpack(data)
        return found


def serves(path: Path, key: str) -> bool:
    """Whether the cache is there, whole and of this key."""
    if not path.is_file():
        return False
    try:
        with reader(path).begin() as transaction:
            data = transaction.get(b"meta")
    except InputError:
        return False
    return data is not None and json.loads(data) == {"format": FORMAT, "key": key}


def cut_out(sample: Mapping[str, Any], picture_px: int | None) -> dict[str, Any]:
    """The sample with the part of its picture (and mask) that training may see; whole where published crops are made of it
    (``picture_px`` None), whose rounding depends on where the person is."""
    if picture_px is None:
        return dict(sample)
    labels, (height, width) = dict(sample["labels"]), sample["rgb"].shape[:2]
    half = PIXEL_SCALE * labels["scale"] / 2 * (1 + SCALE_FACTOR) * math.sqrt(2) + MARGIN_PX
    column, row = labels["center"].tolist()
    left, top = (int(np.clip(math.floor(at - half), 0, size - 1)) for at, size in ((column, width), (row, height)))
    right, bottom = (math.ceil(at + half) for at in (column, row))
    region = np.s_[top : max(bottom, top + 1), left : max(right, left + 1)]
    labels["center"] = labels["center"] - [left, top]
    for key in ("part", "openpose"):
        labels[key] = labels[key] - [left, top, 0]
    pictures = {key: np.ascontiguousarray(sample[key][region]) for key in ("rgb", "mask") if key in sample}
    return {**sample, **pictures, "labels": labels}


def build(
    path: Path,
    key: str,
    sets: Sequence[tuple[str, ListSamples]],
    *,
    threads: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> None:
    """Make the cache of these lists, each with its place. Whatever happens, the file of this name is either the old cache or
    the new one. InputError for a picture that cannot be read, and when the disk is too small."""
    with whole_file(path, _ADVICE) as temporary:
        _write(temporary, key, sets, threads=threads, tell=tell)


def _write(
    path: Path,
    key: str,
    sets: Sequence[tuple[str, ListSamples]],
    *,
    threads: int,
    tell: Callable[[int, int], None] | None,
) -> None:
    whole, done, written = sum(len(samples) for _, samples in sets), 0, 0
    environment = lmdb.open(str(path), subdir=False, map_size=FIRST_MAP_BYTES, sync=False, metasync=False, readahead=False)
    try:
        for record in _records(sets, threads):
            put_records(environment, [record])
            done, written = done + 1, written + len(record[1])
            if done in (1, 8, 64, 512):
                check_space(path, written / done * (whole - done), _ADVICE)
            if tell is not None:
                tell(done, whole)
        put_records(environment, [(b"meta", json.dumps({"format": FORMAT, "key": key}).encode())])
        environment.sync(True)
    finally:
        environment.close()


def _records(sets: Sequence[tuple[str, ListSamples]], threads: int) -> Iterator[tuple[bytes, bytes]]:
    """In order; some are made ahead of the one that is written."""

    def record(place: str, samples: ListSamples, index: int) -> tuple[bytes, bytes]:
        return _key(place, index), pack(cut_out(samples[index], samples.picture_px))

    waiting: deque[Future[tuple[bytes, bytes]]] = deque()
    with ThreadPoolExecutor(max(1, threads)) as pool:
        try:
            for place, samples in sets:
                for index in range(len(samples)):
                    waiting.append(pool.submit(record, place, samples, index))
                    if len(waiting) > 2 * threads:
                        yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _key(place: str, index: int) -> bytes:
    return f"{place}/{index:09d}".encode()
