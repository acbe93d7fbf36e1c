"""The manifest: one line of JSON for each finished block. A block is finished when, and only when, its line is here.

Lines are appended after the shard was renamed into place, and synced. A process that dies while it writes leaves a torn last
line; it is cut off when the manifest is opened for appending, and ignored by readers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.shards.schema import canonical_json
from vitruvian.shards.writer import ShardReceipt, SubjectEntry, write_file_atomically
from vitruvian.storage.folders import read_small
from vitruvian.storage.url import Url

MANIFEST = "manifest.jsonl"
RECENT = "manifest-recent.jsonl"
"""At a URL, where nothing can be appended to: the lines since the manifest itself was last written."""
QUARANTINE = "quarantine.jsonl"


def shard_name(block: int) -> str:
    """The shard file of a block, relative to the data set folder."""
    return f"shards/block-{block:06d}.arrow"


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestEntry:
    """One finished block."""

    block: int
    file: str | None
    """Relative to the data set folder; None when every subject of the block is in quarantine."""
    sha256: str | None
    num_bytes: int
    subjects: tuple[SubjectEntry, ...]
    """In the order of the shard's rows (record batch k is subject k)."""
    quarantined: Mapping[str, str]
    """Subject id to the reason why it could not be used."""

    @classmethod
    def of(cls, block: int, receipt: ShardReceipt | None, quarantined: Mapping[str, str]) -> ManifestEntry:
        """The entry of a block whose shard was written, or of one without any usable subject."""
        if receipt is None:
            return cls(block=block, file=None, sha256=None, num_bytes=0, subjects=(), quarantined=quarantined)
        return cls(
            block=block,
            file=shard_name(block),
            sha256=receipt.sha256,
            num_bytes=receipt.num_bytes,
            subjects=receipt.subjects,
            quarantined=quarantined,
        )

    def to_line(self) -> str:
        values: dict[str, Any] = {
            "block": self.block,
            "file": self.file,
            "sha256": self.sha256,
            "bytes": self.num_bytes,
            "subjects": [entry.to_dict() for entry in self.subjects],
            "quarantined": dict(self.quarantined),
        }
        return canonical_json(values) + "\n"

    @classmethod
    def from_line(cls, line: str) -> ManifestEntry:
        values = json.loads(line)
        return cls(
            block=values["block"],
            file=values["file"],
            sha256=values["sha256"],
            num_bytes=values["bytes"],
            subjects=tuple(SubjectEntry(**entry) for entry in values["subjects"]),
            quarantined=values["quarantined"],
        )


def read_manifest(root: Path | Url) -> dict[int, ManifestEntry]:
    """Block to entry, ordered by block; a torn last line is not an entry; any other unreadable line is an InputError."""
    if isinstance(root, Path):
        return _read(root / MANIFEST)
    recent = _read(root / RECENT)  # first: what leaves it is in the other one already
    return dict(sorted({**_read(root / MANIFEST), **recent}.items()))


def _read(path: Path | Url) -> dict[int, ManifestEntry]:
    data = read_small(path)
    if data is None:
        return {}
    *lines, _torn = data.decode("utf-8").split("\n")
    entries: dict[int, ManifestEntry] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry = ManifestEntry.from_line(line)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: line {number} is not a manifest entry ({error}). Delete that line and run the data generation "
                "again; it makes the missing block anew."
            ) from None
        entries[entry.block] = entry
    return dict(sorted(entries.items()))


def rewrite_manifest(root: Path | Url, entries: Mapping[int, ManifestEntry]) -> None:
    """Replace the manifest by these entries: drops torn lines, and blocks whose shards are gone."""
    text = "".join(entries[block].to_line() for block in sorted(entries))
    write_file_atomically(root / MANIFEST, text.encode())


def append_entry(root: Path, entry: ManifestEntry) -> None:
    """Add one finished block and sync it to the disk."""
    with (root / MANIFEST).open("ab") as file:
        file.write(entry.to_line().encode())
        file.flush()
        os.fsync(file.fileno())


def write_quarantine(root: Path | Url, entries: Mapping[int, ManifestEntry]) -> None:
    """``quarantine.jsonl``: the unusable subjects of all blocks with their reasons, one line each, for people to read."""
    lines = [
        canonical_json({"block": block, "subject_id": subject_id, "reason": reason}) + "\n"
        for block in sorted(entries)
        for subject_id, reason in sorted(entries[block].quarantined.items())
    ]
    write_file_atomically(root / QUARANTINE, "".join(lines).encode())
