"""Make a cache: decode every sample of a data set into an LMDB file under a temporary name, sync it, rename it."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lmdb

from vitruvian.errors import InputError
from vitruvian.shards.cache import FORMAT, default_path, key_of, lacks, read_meta
from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.items import ITEMS
from vitruvian.shards.manifest import ManifestEntry
from vitruvian.shards.packing import pack
from vitruvian.shards.reader import ShardReader
from vitruvian.shards.writer import TEMPORARY_SUFFIX, sync_folder
from vitruvian.storage.url import Url

Records = list[tuple[bytes, bytes]]
Tell = Callable[[int, int], None]
FIRST_MAP_BYTES = 1 << 28
_ADVICE = "Cache fewer items (--items), or put it on another disk (--out)."
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a full disk looks like; LMDB calls a write that was cut short an input/output error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheReport:
    """What was made, or found."""

    path: Path
    num_bytes: int
    items: tuple[str, ...]
    made: bool
    """False: a cache of this very data was there."""


@contextmanager
def whole_file(path: Path, advice: str) -> Iterator[Path]:
    """Where to write an LMDB file that shall be at ``path``: it gets there, synced, when the block ends; gone if it fails.

    Whatever happens, ``path`` is either the old file or the new one. InputError, with ``advice``, for a full disk.
    """
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (lmdb.Error, OSError) as error:
        raise explained(error, path, advice) from error
    finally:
        for leftover in (temporary, temporary.with_name(temporary.name + "-lock")):
            leftover.unlink(missing_ok=True)
    sync_folder(path.parent)


def subject_records(shard: ShardReader, block: int, row: int, items: Sequence[str]) -> Records:
    """All records of one subject, decoded once each and packed."""
    names = {level: [name for name in items if ITEMS[name].level == level] for level in ("subject", "group", "view")}

    def item(place: str, name: str, group: int = 0) -> tuple[bytes, bytes]:
        with_item, without = shard.subject(row, (name,), group=group), shard.subject(row, (), group=group)
        return key_of(block, row, place, name), pack({key: with_item[key] for key in with_item if key not in without})

    heads = [shard.subject(row, (), group=group) for group in range(shard.num_groups(row))]
    own = {key for key in heads[0] if key in ("group", "units_per_metre", "center_m", "rotation")}
    records = [(key_of(block, row, "", "h"), pack({key: heads[0][key] for key in heads[0] if key not in own}))]
    records += [item("", name) for name in names["subject"]]
    for group, head in enumerate(heads):
        records.append((key_of(block, row, f"g/{group}/", "h"), pack({key: head[key] for key in head if key in own})))
        records += [item(f"g/{group}/", name, group) for name in names["group"]]
    for view in range(shard.num_views(row)):
        place, head = f"v/{view}/", shard.view(row, view)
        records.append((key_of(block, row, place, "h"), pack(head)))
        for name in names["view"]:
            values = shard.view(row, view, (name,))
            records.append((key_of(block, row, place, name), pack({key: values[key] for key in values if key not in head})))
    return records


def build_cache(
    root: Path | Url,
    *,
    cache: Path | None = None,
    items: Sequence[str] | None = None,
    again: bool = False,
    threads: int = 1,
    tell: Tell | None = None,
) -> CacheReport:
    """Make the cache of a data set, unless one of the same data with these items is there (``again``: even then).

    ``items``: which to decode (default: all). ``threads`` decode ahead of the one that writes. Whatever happens, the file of
    this name is either the old cache or the new one. InputError when the disk is too small.
    """
    path = default_path(root) if cache is None else cache
    data = ShardDataset(root, items=items, verify="size")
    if not again and _serves(path, root, data.items):
        return CacheReport(path=path, num_bytes=path.stat().st_size, items=data.items, made=False)
    with whole_file(path, _ADVICE) as temporary:
        _write(temporary, data, threads=threads, tell=tell)
    return CacheReport(path=path, num_bytes=path.stat().st_size, items=data.items, made=True)


def ensure_cache(
    root: Path | Url, cache: Path, items: Sequence[str], *, threads: int = 1, tell: Tell | None = None
) -> CacheReport:
    """A cache that serves these items: the one that is there, else a new one (which keeps the old one's items)."""
    if _serves(cache, root, items):  # without looking for the shards, which may be elsewhere
        return CacheReport(path=cache, num_bytes=cache.stat().st_size, items=tuple(read_meta(cache)["items"]), made=False)
    known = read_meta(cache)["items"] if cache.exists() and _serves(cache, root, ()) else ()
    return build_cache(root, cache=cache, items=tuple(dict.fromkeys([*known, *items])), threads=threads, tell=tell)


def _serves(path: Path, root: Path | Url, items: Sequence[str]) -> bool:
    try:
        return lacks(path, root, items) is None
    except InputError:  # not a cache, or a damaged one: it is made anew
        return False


def _rows(data: ShardDataset) -> Iterator[tuple[ManifestEntry, ShardReader, int]]:
    """Every subject of every shard, each shard checked against its hash first."""
    data.will_read(range(len(data)))
    for number, entry in enumerate(data.blocks):
        shard = data.checked_shard(number)
        for row in range(shard.num_rows):
            yield entry, shard, row


def _write(path: Path, data: ShardDataset, *, threads: int, tell: Tell | None) -> None:
    whole = sum(len(entry.subjects) for entry in data.blocks)
    environment = lmdb.open(str(path), subdir=False, map_size=FIRST_MAP_BYTES, sync=False, metasync=False, readahead=False)
    try:
        waiting: deque[Future[Records]] = deque()
        done, written = 0, 0

        def store(records: Records) -> None:
            nonlocal done, written
            put_records(environment, records)
            done, written = done + 1, written + sum(len(value) for _, value in records)
            if done in (1, 8, 64):
                check_space(path, written / done * (whole - done), _ADVICE)
            if tell is not None:
                tell(done, whole)

        with ThreadPoolExecutor(max(1, threads)) as pool:
            try:
                for entry, shard, row in _rows(data):
                    waiting.append(pool.submit(subject_records, shard, entry.block, row, data.items))
                    if len(waiting) > threads:
                        store(waiting.popleft().result())
                while waiting:
                    store(waiting.popleft().result())
            finally:
                pool.shutdown(cancel_futures=True)
        meta = {"format": FORMAT, "fingerprint": data.fingerprint, "items": list(data.items)}
        put_records(environment, [(b"meta", json.dumps(meta).encode())])
        environment.sync(True)
    finally:
        environment.close()


def put_records(environment: lmdb.Environment, records: Records) -> None:
    """Write records in one transaction, with a larger map when they do not fit in."""
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in records:
                    transaction.put(key, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(environment.info()["map_size"] * 2)


def check_space(path: Path, more: float, advice: str) -> None:
    """InputError, which ends with ``advice``, if the disk has not so many bytes."""
    free = shutil.disk_usage(path.parent).free
    if more > free:
        raise InputError(
            f"{path.parent}: the cache would take {more / 1e9:.1f} GB more, the disk has {free / 1e9:.1f} GB free. {advice}"
        )


def explained(error: Exception, path: Path, advice: str) -> Exception:
    """The disk's errors in words; LMDB passes on the system's text, not its number."""
    number = error.errno if isinstance(error, OSError) else None
    full = number in _FULL or isinstance(error, lmdb.DiskError) or any(os.strerror(code) in str(error) for code in _FULL)
    if full:
        return InputError(f"{path}: could not be written, the disk is full or failing ({error}). {advice}")
    if isinstance(error, OSError):
        return InputError(f"{path}: cannot be written ({error.strerror}). {advice}")
    return error
