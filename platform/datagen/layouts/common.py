"""What exports to all layouts share: the subjects of a data set with their stored bytes, and the note of what a layout omits.

A published layout has no place for splits, licences, true sizes and seeds. They go into ``vitruvian.json`` at its root, which
the original loaders do not look at and our import does; without it an import assumes what its documentation says.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from vitruvian.errors import InputError
from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.reader import ShardReader

NOTE = "vitruvian.json"
Pictures = Literal["published", "exact"]
"""How JPEGs are written: encoded as the original does (quality 95, halved chroma), or as exactly as JPEG can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportReport:
    """What an export wrote."""

    out: Path
    num_subjects: int
    num_views: int
    missing: tuple[str, ...] = ()
    """What the original has in this layout and this data set has not, one line each."""
    advice: str = ""
    """What to give to the original."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredSubject:
    """One subject in its shard."""

    index: int
    """Position in the data set."""
    split: str
    num_views: int
    shard: ShardReader
    row: int

    def values(self, *items: str, group: int = 0) -> dict[str, Any]:
        return self.shard.subject(self.row, items, group=group)

    def view(self, view_index: int, *items: str) -> dict[str, Any]:
        return self.shard.view(self.row, view_index, items)

    def jpeg(self, view_index: int, item: str, pictures: Pictures) -> bytes:
        """An item that is stored as JPEG: these bytes, or encoded anew as published."""
        if pictures == "exact":
            return self.shard.stored(self.row, view_index, item)
        return encode_jpeg(Image.fromarray(self.view(view_index, item)[item]), pictures)


def stored_subjects(data: ShardDataset) -> Iterator[StoredSubject]:
    """All subjects in order, each shard checked against its hash."""
    index = 0
    data.will_read(range(len(data)))
    for number, entry in enumerate(data.blocks):
        shard = data.checked_shard(number)
        for row, subject in enumerate(entry.subjects):
            yield StoredSubject(index=index, split=subject.split, num_views=subject.num_views, shard=shard, row=row)
            index += 1


def encode_jpeg(picture: Image.Image, pictures: Pictures) -> bytes:
    """``published``: quality 95, 4:2:0, as OpenCV writes. ``exact``: quality 100, 4:4:4."""
    stream = io.BytesIO()
    if pictures == "published":
        picture.save(stream, format="JPEG", quality=95, subsampling="4:2:0")
    else:
        picture.save(stream, format="JPEG", quality=100, subsampling="4:4:4")
    return stream.getvalue()


def write_file(path: Path, data: bytes) -> None:
    """Write a file, and the folders it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def fresh_folder(out: Path) -> None:
    """Make the folder to export to; InputError when something else is in it already."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not (out / NOTE).is_file():
        raise InputError(f"{out}: is not empty and not an export of ours. Give another --out.")
    out.mkdir(parents=True, exist_ok=True)


def folder_name(subject_id: str) -> str:
    """A subject's id as the name of a folder."""
    return subject_id.replace("/", "__").replace("\\", "__")


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """``vitruvian.json``."""

    layout: str
    card: Mapping[str, Any] = field(default_factory=dict)
    """Of the data set it came from: protocol, source, seed, code version, licences, fingerprint; of PIFu and JIFF ``center``,
    too, what the camera looks at."""
    subjects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By the name that the layout gives them."""


_CARD_KEYS = ("protocol", "source", "seed", "code_version", "licences", "fingerprint")


def write_note(out: Path, layout: str, data: ShardDataset, subjects: Mapping[str, Mapping[str, Any]]) -> None:
    """Leave the note of an export."""
    card = {key: data.card[key] for key in _CARD_KEYS if key in data.card}
    options = data.card.get("options", {})
    if data.card.get("protocol") in ("pifu", "jiff") and "center" in options:
        card["center"] = "vertices" if options.get("published") else options["center"]
    text = json.dumps({"layout": layout, "card": card, "subjects": subjects}, indent=1, allow_nan=False)
    write_file(out / NOTE, text.encode())


def read_note(folder: Path, layout: str) -> Note:
    """The note of a folder; an empty one when it has none, InputError when it is damaged or of another layout."""
    path = folder / NOTE
    if not path.exists():
        return Note(layout=layout)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        note = Note(layout=content["layout"], card=content["card"], subjects=content["subjects"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is damaged ({error}). Remove it to import the folder as a foreign one.") from None
    if note.layout != layout:
        raise InputError(f"{folder}: is of layout {note.layout!r}. Say --layout {note.layout}.")
    return note
