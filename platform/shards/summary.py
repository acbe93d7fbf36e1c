"""What a data set folder holds, for people to look at: counts, items, bytes, what is in quarantine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitruvian.shards.card import read_card
from vitruvian.shards.fingerprint import dataset_fingerprint
from vitruvian.shards.manifest import QUARANTINE, ManifestEntry, read_manifest
from vitruvian.shards.reader import ShardReader, check_shard
from vitruvian.storage import cache
from vitruvian.storage.url import Url, as_place

SHOWN = 10
"""Refused subjects that are listed with their reasons."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSummary:
    """Counts over the finished blocks of a folder."""

    root: Path | Url
    card: dict[str, Any]
    fingerprint: str
    num_blocks: int
    num_bytes: int
    subjects_by_split: dict[str, int]
    views_by_split: dict[str, int]
    num_groups: int
    """Draws of subjects; most protocols make one of each."""
    item_bytes: dict[str, int]
    """Stored bytes of each item, over all subjects and views."""
    quarantined: dict[str, str]

    @property
    def num_subjects(self) -> int:
        return sum(self.subjects_by_split.values())

    @property
    def num_views(self) -> int:
        return sum(self.views_by_split.values())

    def __str__(self) -> str:
        card = self.card
        state = "complete" if card.get("complete") else "NOT FINISHED: run the same command again to continue"
        splits = ", ".join(
            f"{name}: {count} subjects, {self.views_by_split[name]} views" for name, count in self.subjects_by_split.items()
        )
        lines = [
            f"{self.root} ({state})",
            f"  made by      vitruvian {card.get('code_version')}, protocol {card.get('protocol')}, source {card.get('source')}"
            f", seed {card.get('seed')}",
            f"  holds        {splits or 'nothing yet'}; {self.num_blocks} blocks, {_size(self.num_bytes)}",
            f"  fingerprint  {self.fingerprint}",
            f"  licences     {'; '.join(card.get('licences', [])) or 'not known before the end'}",
        ]
        for name, count in sorted(self.item_bytes.items(), key=lambda pair: -pair[1]):
            level = card["items"][name]["level"]
            number = {"subject": self.num_subjects, "group": self.num_groups, "view": self.num_views}[level]
            each = count / max(1, number)
            lines.append(f"  {name:<14}{_size(count):>10} {_size(each):>10} a {level}   {card['items'][name]['description']}")
        refused = sorted(self.quarantined.values())
        lines += [f"  refused      {reason}" for reason in refused[:SHOWN]]
        if len(refused) > SHOWN:
            lines.append(f"               and {len(refused) - SHOWN} more, see {self.root / QUARANTINE}")
        return "\n".join(lines)


def _size(num_bytes: float) -> str:
    for unit in ("B", "kB", "MB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} {unit}" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.2f} GB"


def _fetched(root: Url, entry: ManifestEntry) -> Path:
    assert entry.file is not None and entry.sha256 is not None
    return cache.fetch(root / entry.file, sha256=entry.sha256, num_bytes=entry.num_bytes)


def summarise(root: Path | str | Url, *, verify: bool = False, fetch: bool = True) -> DatasetSummary:
    """Describe a folder; with ``verify`` every shard is checked against its hash (InputError names a damaged one).

    ``fetch`` False: of a data set at a URL no shard is fetched, and sizes of items stay unknown.
    """
    root = as_place(root)
    card = read_card(root)
    entries = read_manifest(root)
    subjects: Counter[str] = Counter()
    views: Counter[str] = Counter()
    item_bytes: Counter[str] = Counter()
    quarantined: dict[str, str] = {}
    num_groups = 0
    for entry in entries.values():
        quarantined.update(entry.quarantined)
        for subject in entry.subjects:
            subjects[subject.split] += 1
            views[subject.split] += subject.num_views
        if entry.file is None or (isinstance(root, Url) and not fetch):
            continue
        path = root / entry.file if isinstance(root, Path) else _fetched(root, entry)
        check_shard(path, num_bytes=entry.num_bytes, sha256=entry.sha256 if verify else None)
        reader = ShardReader(path)
        for row in range(reader.num_rows):
            num_groups += reader.num_groups(row)
            item_bytes.update(reader.item_bytes(row))
    return DatasetSummary(
        root=root,
        card=card,
        fingerprint=dataset_fingerprint(entries),
        num_blocks=len(entries),
        num_bytes=sum(entry.num_bytes for entry in entries.values()),
        subjects_by_split=dict(sorted(subjects.items())),
        views_by_split=dict(sorted(views.items())),
        num_groups=num_groups,
        item_bytes=dict(item_bytes),
        quarantined=quarantined,
    )
