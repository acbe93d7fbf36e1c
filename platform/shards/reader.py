"""Read one shard: memory map, verification against its hash, and only the columns that are asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.shards.description import Description
from vitruvian.shards.drawn import SURFACES, SurfaceArtist, decode_surfaces, drawn_items
from vitruvian.shards.items import ITEMS
from vitruvian.shards.schema import FORMAT

Verify = Literal["first_use", "all", "size"]
"""When a shard's hash is checked: when it is first opened, all at once when the data set is opened, or its size only."""

REMEDY = "Delete the file and run the data generation again: it makes the same shard anew."


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_shard(path: Path, *, num_bytes: int, sha256: str | None) -> None:
    """InputError naming the shard when it is missing, has another size, or (``sha256`` given) another content."""
    if not path.is_file():
        raise InputError(f"{path}: the shard is missing. Run the data generation again: it makes the same shard anew.")
    size = path.stat().st_size
    if size != num_bytes:
        raise InputError(f"{path}: the shard has {size} bytes, the manifest says {num_bytes}; it is damaged. {REMEDY}")
    if sha256 is not None and file_sha256(path) != sha256:
        raise InputError(f"{path}: the shard's content does not match its hash in the manifest; it is damaged. {REMEDY}")


class SubjectReader(Protocol):
    """What a data set needs of a shard: subjects by row, and their views."""

    def subject(self, row: int, items: Sequence[str] = (), *, group: int = 0) -> dict[str, Any]: ...

    def view(self, row: int, view_index: int, items: Sequence[str] = ()) -> dict[str, Any]: ...


class ShardReader:
    """One open shard. Row k is the k-th subject; nothing is read from the disk before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._map = pa.memory_map(str(path), "r")
            self._file = pa.ipc.open_file(self._map)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: is not a readable Arrow file ({error}). {REMEDY}") from None
        metadata = self._file.schema.metadata or {}
        if metadata.get(b"vitruvian.format") != str(FORMAT).encode():
            raise InputError(f"{path}: is an Arrow file, but not a shard of format {FORMAT}.")
        self.items: tuple[str, ...] = tuple(json.loads(metadata[b"vitruvian.items"]))
        self.drawn = drawn_items(self.items)
        """Items that are drawn from ``surfaces`` when they are read."""
        self._last_batch: tuple[int, pa.RecordBatch] | None = None
        self._last_artist: tuple[int, SurfaceArtist] | None = None

    @property
    def num_rows(self) -> int:
        return self._file.num_record_batches

    def subject(self, row: int, items: Sequence[str] = (), *, group: int = 0) -> dict[str, Any]:
        """The subject's identity, and one draw's frame (the first one's), with the decoded values of the items of these two
        levels among ``items``."""
        batch = self._batch(row)
        groups = batch.column("groups")[0].values
        values: dict[str, Any] = {
            "subject_id": batch.column("subject_id")[0].as_py(),
            "split": batch.column("split")[0].as_py(),
            "source": batch.column("source")[0].as_py(),
            "licence": batch.column("licence")[0].as_py(),
            "attributes": json.loads(batch.column("attributes")[0].as_py()),
            "group": group,
            "units_per_metre": groups.field("units_per_metre")[group].as_py(),
            "center_m": tuple(groups.field("center_m")[group].as_py()),
            "rotation": tuple(groups.field("rotation")[group].as_py()),
        }
        for name in items:
            if ITEMS[name].level == "subject":
                values.update(ITEMS[name].decode(batch.column(name)[0]))
            elif ITEMS[name].level == "group":
                values.update(ITEMS[name].decode(groups.field(name)[group]))
        return values

    def view(self, row: int, view_index: int, items: Sequence[str] = ()) -> dict[str, Any]:
        """A view's camera, description and group, and the decoded values of the view-level items among ``items``."""
        views = self._batch(row).column("views")[0].values
        values: dict[str, Any] = {
            "view_index": view_index,
            "camera": Camera.from_dict(json.loads(views.field("camera")[view_index].as_py())),
            "view": Description(views.field("description")[view_index].as_py()),
        }
        values["group"] = values["view"].group()
        for name in items:
            if ITEMS[name].level == "view" and name not in self.drawn:
                values.update(ITEMS[name].decode(views.field(name)[view_index]))
        if wanted := [name for name in items if name in self.drawn]:
            values.update(self._artist(row).draw(wanted, values["camera"]))
        return values

    def _batch(self, row: int) -> pa.RecordBatch:
        """Of the last row that was asked for: a sample is a subject and then a view of it."""
        last = self._last_batch  # taken once: other threads may be reading, too
        if last is None or last[0] != row:
            last = self._last_batch = (row, self._file.get_batch(row))
        return last[1]

    def _artist(self, row: int) -> SurfaceArtist:
        """Of the last row that was asked for: views of one subject are mostly read together."""
        last = self._last_artist  # taken once: other threads may be reading, too
        if last is None or last[0] != row:
            stored = self._file.get_batch(row).column(SURFACES)[0]
            last = self._last_artist = (row, SurfaceArtist(decode_surfaces(stored)[SURFACES]))
        return last[1]

    def stored(self, row: int, view_index: int, name: str) -> bytes:
        """The stored bytes of a view item that is one encoded picture."""
        return self._file.get_batch(row).column("views")[0].values.field(name)[view_index].as_py()

    def num_views(self, row: int) -> int:
        return len(self._file.get_batch(row).column("views")[0])

    def num_groups(self, row: int) -> int:
        return len(self._file.get_batch(row).column("groups")[0])

    def item_bytes(self, row: int) -> dict[str, int]:
        """Stored bytes of each item of this subject, draws and views summed."""
        batch = self._file.get_batch(row)
        there = {
            "subject": batch.column,
            "group": batch.column("groups")[0].values.field,
            "view": batch.column("views")[0].values.field,
        }
        return {name: 0 if name in self.drawn else _stored_bytes(there[ITEMS[name].level](name)) for name in self.items}


def _stored_bytes(column: pa.Array) -> int:
    """Bytes of the values in an array, without padding."""
    return column.nbytes
