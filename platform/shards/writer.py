"""Write one shard so that it is either whole and known by its hash, or not there: temporary name, sync, hash, rename."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from vitruvian.errors import InputError
from vitruvian.shards.schema import SubjectRow, row_values, shard_schema
from vitruvian.storage.objects import write_bytes
from vitruvian.storage.url import Url

TEMPORARY_SUFFIX = ".tmp"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubjectEntry:
    """What the manifest says of a subject, so that a dataset can be indexed without opening a shard."""

    subject_id: str
    split: str
    num_views: int
    licence: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardReceipt:
    """What was written."""

    sha256: str
    num_bytes: int
    subjects: tuple[SubjectEntry, ...]


class _HashingFile:
    """A file that hashes what passes through it; just enough of a file for Arrow's stream of writes."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.hash = hashlib.sha256()
        self.num_bytes = 0
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.hash.update(view)
        self.num_bytes += view.nbytes
        return self.file.write(view)

    def tell(self) -> int:
        return self.num_bytes

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def clear_disk_errors(path: Path) -> Iterator[None]:
    """A full disk or a used-up quota under ``path``, a file or folder, becomes an InputError that says so and what to do; other
    errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        try:
            free = f"{shutil.disk_usage(path if path.is_dir() else path.parent).free / 1e6:.1f} MB free"
        except OSError:
            free = "free space not known"
        raise InputError(
            f"{path}: the disk is full or a limit is reached ({error.strerror}; {free}). What was finished before is intact: "
            "make room and run the same command again, it continues."
        ) from error


def write_file_atomically(path: Path | Url, data: bytes) -> None:
    """Write a small file whole or not at all."""
    if isinstance(path, Url):
        write_bytes(path, data)
        return
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_shard(path: Path, rows: Iterable[SubjectRow], items: Sequence[str]) -> ShardReceipt:
    """Write rows to an Arrow IPC file, one record batch a subject, uncompressed (the columns are encoded already).

    The bytes depend only on the rows. Rows are consumed one by one, so a generator keeps memory at one subject. If anything
    fails, no file of this name appears.
    """
    schema = shard_schema(items)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    subjects = []
    try:
        with clear_disk_errors(path), temporary.open("wb") as file:
            sink = _HashingFile(file)
            with pa.ipc.new_file(pa.PythonFile(sink, mode="w"), schema) as writer:
                for row in rows:
                    writer.write_batch(pa.RecordBatch.from_pylist([row_values(row, items)], schema=schema))
                    subjects.append(
                        SubjectEntry(subject_id=row.subject_id, split=row.split, num_views=len(row.views), licence=row.licence)
                    )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return ShardReceipt(sha256=sink.hash.hexdigest(), num_bytes=sink.num_bytes, subjects=tuple(subjects))
