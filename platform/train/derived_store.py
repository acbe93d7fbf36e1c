"""Derived items on disk: what other networks say of samples, computed once, read at every visit.

A folder of small Arrow files, each with the items of a fixed run of samples, so that several workers can write at the same time
and a killed one loses a file at most. A file is whole or not there. Floating-point items are rounded to 16 bits unless their
values ask for more; each file keeps the largest error that this made.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.shards.writer import TEMPORARY_SUFFIX, clear_disk_errors, sync_folder
from vitruvian.storage.objects import download, list_files, upload
from vitruvian.storage.url import Url

SAMPLES_A_FILE = 32
OPEN_FILES = 128
"""Kept mapped by a reader; a long run has more files than a process may hold open."""
META = b"vitruvian.derived"
Items = dict[str, NDArray[Any]]
Precision = Literal["float16", "float32"]


@dataclass(frozen=True, slots=True)
class _Item:
    """How an item lies in a file: one row of fixed size for each sample."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class DerivedStore:
    """The derived items of ``samples`` (indices of a data set, ascending) below ``folder``. Threads may share it."""

    def __init__(
        self,
        folder: Path,
        samples: Sequence[int] | NDArray[np.int64],
        *,
        precision: Precision,
        remote: Url | None = None,
    ) -> None:
        """``remote``: a URL to which files go too, and from which those come that another machine has written."""
        self.folder, self.remote = folder, remote
        self.samples = np.asarray(samples, np.int64)
        self.precision = precision
        self._open: OrderedDict[int, _File] = OrderedDict()
        self._guard = threading.Lock()

    @property
    def num_files(self) -> int:
        return -(-len(self.samples) // SAMPLES_A_FILE)

    def samples_of(self, number: int) -> list[int]:
        """The samples whose items file ``number`` holds."""
        return self.samples[number * SAMPLES_A_FILE : (number + 1) * SAMPLES_A_FILE].tolist()

    def missing(self) -> list[int]:
        """The files that are still to be written."""
        there = {path.name for path in self.folder.glob("*.arrow")}
        if self.remote is not None and len(there) < self.num_files:
            there |= set(list_files(self.remote))
        return [number for number in range(self.num_files) if self._path(number).name not in there]

    def num_done(self) -> int:
        """Samples whose items are there."""
        return len(self.samples) - sum(len(self.samples_of(number)) for number in self.missing())

    def num_bytes(self) -> int:
        """Size of the files so far."""
        return sum(path.stat().st_size for path in self.folder.glob("*.arrow"))

    def largest_error(self) -> float:
        """By how much rounding changed any value, at most."""
        return max((_File(self._local(number)).error for number in range(self.num_files)), default=0.0)

    def write(self, number: int, rows: Sequence[Mapping[str, NDArray[Any]]]) -> None:
        """Write file ``number`` from the items of its samples.

        ValueError if samples differ in names or shapes; ``InputError`` if values do not fit into 16 bits or the disk is full.
        """
        first = rows[0]
        for row in rows:
            if {name: value.shape for name, value in row.items()} != {name: value.shape for name, value in first.items()}:
                raise ValueError("Derived items must have the same names and shapes for every sample.")
        columns, items, error = [], [], 0.0
        for name in first:
            stored = [self._rounded(name, np.asarray(row[name])) for row in rows]
            error = max([error, *(change for _, change in stored)])
            items.append({"name": name, "dtype": stored[0][0].dtype.str, "shape": list(first[name].shape)})
            data = b"".join(np.ascontiguousarray(value).tobytes() for value, _ in stored)
            kind = pa.binary(len(data) // len(rows))
            columns.append(pa.Array.from_buffers(kind, len(rows), [None, pa.py_buffer(data)]))
        meta = json.dumps({"samples": self.samples_of(number), "items": items, "error": error})
        fields = [pa.field(item["name"], column.type) for item, column in zip(items, columns, strict=True)]
        schema = pa.schema(fields, metadata={META: meta.encode()})
        self._write(self._path(number), pa.record_batch(columns, schema=schema))

    def __getitem__(self, sample: int) -> Items:
        """The items of a sample; floating-point ones as float32."""
        place = int(np.searchsorted(self.samples, sample))
        if place == len(self.samples) or self.samples[place] != sample:
            raise KeyError(f"sample {sample} has no derived items in {self.folder}")
        number, row = divmod(place, SAMPLES_A_FILE)
        with self._guard:
            if number not in self._open:
                self._open[number] = _File(self._local(number))
                if len(self._open) > OPEN_FILES:
                    self._open.popitem(last=False)
            self._open.move_to_end(number)
            file = self._open[number]
        return file.read(row)

    def _path(self, number: int) -> Path:
        return self.folder / f"derived-{number:06d}.arrow"

    def _local(self, number: int) -> Path:
        """The file on this machine, fetched if another one has written it."""
        path = self._path(number)
        if self.remote is not None and not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
            try:
                with clear_disk_errors(path.parent), suppress(FileNotFoundError):  # reading it says that it is missing
                    download(self.remote / path.name, temporary)
                    temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        return path

    def _rounded(self, name: str, value: NDArray[Any]) -> tuple[NDArray[Any], float]:
        """The value as it is stored, and by how much it changed."""
        if not np.issubdtype(value.dtype, np.floating):
            return value, 0.0
        if self.precision == "float32":
            return value.astype(np.float32), 0.0
        with np.errstate(over="ignore"):
            stored = value.astype(np.float16)
        if not np.isfinite(stored).all():
            raise InputError(
                f"Derived item {name} has values up to {np.abs(value).max():g}, and 16-bit numbers end at 65504. "
                "Store 32 bits: --set training.derived_precision=float32"
            )
        return stored, float(np.abs(stored.astype(np.float32) - value).max(initial=0.0))

    def _write(self, path: Path, batch: pa.RecordBatch) -> None:
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
        with clear_disk_errors(path.parent):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                with pa.OSFile(str(temporary), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
                    writer.write_batch(batch)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(path.parent)
        if self.remote is not None:
            upload(path, self.remote / path.name)


class _File:
    """One file, mapped into memory."""

    def __init__(self, path: Path) -> None:
        try:
            self._reader = pa.ipc.open_file(pa.memory_map(str(path)))
            batch = self._reader.get_batch(0)
            meta = json.loads(self._reader.schema.metadata[META])
        except (OSError, pa.ArrowInvalid, KeyError, TypeError) as error:
            raise InputError(f"{path}: is missing or damaged ({error}). Delete it; the same command makes it again.") from None
        self.error = float(meta["error"])
        self._items = [_Item(item["name"], item["dtype"], tuple(item["shape"])) for item in meta["items"]]
        self._buffers = [column.buffers()[1] for column in batch.columns]

    def read(self, row: int) -> Items:
        values = {}
        for item, buffer in zip(self._items, self._buffers, strict=True):
            count = int(np.prod(item.shape, dtype=np.int64))
            dtype = np.dtype(item.dtype)
            value = np.frombuffer(buffer, dtype, count, row * count * dtype.itemsize).reshape(item.shape)
            values[item.name] = value.astype(np.float32) if dtype.kind == "f" else value.copy()
        return values
