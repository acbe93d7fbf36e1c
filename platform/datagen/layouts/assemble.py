"""Put imported subjects into shards: blocks in order, resumable like a generation, unusable subjects in quarantine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vitruvian import __version__
from vitruvian.datagen.blocks import Member
from vitruvian.datagen.options import check_same_content
from vitruvian.datagen.run import DatasetReport
from vitruvian.errors import InputError
from vitruvian.shards.card import CARD, describe_items, read_card, write_card
from vitruvian.shards.fingerprint import dataset_fingerprint
from vitruvian.shards.manifest import (
    ManifestEntry,
    append_entry,
    read_manifest,
    rewrite_manifest,
    shard_name,
    write_quarantine,
)
from vitruvian.shards.schema import SubjectRow
from vitruvian.shards.writer import TEMPORARY_SUFFIX, write_shard

Tell = Callable[[int, int], None]


def assemble(
    out: Path,
    members: Sequence[Member],
    make: Callable[[Member], SubjectRow],
    *,
    items: Sequence[str],
    protocol: str,
    source: str,
    options: Mapping[str, Any],
    block_size: int = 2,
    tell: Tell | None = None,
) -> DatasetReport:
    """Make the row of each member and write the data set folder ``out``; finished blocks of an earlier start are kept.

    ``make`` raises InputError for a subject that cannot be used. ``options`` are what the bytes depend on; a folder that was
    started with others is refused.
    """
    start = time.monotonic()
    content = {**options, "block_size": block_size, "items": list(items), "code_version": __version__}
    card: dict[str, Any] = {
        "complete": False,
        "protocol": protocol,
        "source": source,
        "seed": options.get("seed", 0),
        "code_version": __version__,
        "items": describe_items(items),
        "options": content,
    }
    entries = _open(out, card, content)
    before = sum(entry.num_views for found in entries.values() for entry in found.subjects)
    done = sum(len(found.subjects) + len(found.quarantined) for found in entries.values())
    for block, first in enumerate(range(0, len(members), block_size)):
        if block in entries:
            continue
        rows, quarantined = [], {}
        for member in members[first : first + block_size]:
            try:
                rows.append(make(member))
            except InputError as error:
                quarantined[member.subject_id] = str(error)
            done += 1
            if tell is not None:
                tell(done, len(members))
        receipt = write_shard(out / shard_name(block), rows, items) if rows else None
        entries[block] = ManifestEntry.of(block, receipt, quarantined)
        append_entry(out, entries[block])
    write_quarantine(out, entries)
    return _finish(out, card, entries, before=before, seconds=time.monotonic() - start)


def _open(out: Path, card: dict[str, Any], content: Mapping[str, Any]) -> dict[int, ManifestEntry]:
    if (out / CARD).exists():
        check_same_content(out, read_card(out)["options"], dict(content))
    elif out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: is not empty and not a data set folder. Use another --out.")
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_card(out, card)
    for leftover in out.rglob(f"*{TEMPORARY_SUFFIX}"):
        leftover.unlink(missing_ok=True)
    found = read_manifest(out)
    entries = {block: entry for block, entry in found.items() if entry.file is None or (out / entry.file).is_file()}
    rewrite_manifest(out, entries)
    return entries


def _finish(
    out: Path, card: dict[str, Any], entries: Mapping[int, ManifestEntry], *, before: int, seconds: float
) -> DatasetReport:
    subjects = [subject for entry in entries.values() for subject in entry.subjects]
    quarantined = {key: reason for entry in entries.values() for key, reason in entry.quarantined.items()}
    if not subjects:
        reasons = "; ".join(list(quarantined.values())[:3])
        raise InputError(f"{out}: not one of {len(quarantined)} subjects could be used. The first reasons: {reasons}")
    num_views = sum(subject.num_views for subject in subjects)
    report = DatasetReport(
        root=out,
        num_subjects=len(subjects),
        num_samples=num_views,
        bytes=sum(entry.num_bytes for entry in entries.values()),
        seconds=seconds,
        new_samples=num_views - before,
        quarantined=quarantined,
        fingerprint=dataset_fingerprint(entries),
    )
    finished = {
        "complete": True,
        "num_subjects": report.num_subjects,
        "num_views": report.num_samples,
        "bytes": report.bytes,
        "fingerprint": report.fingerprint,
        "licences": sorted({subject.licence for subject in subjects}),
    }
    write_card(out, {**card, **finished})
    return report
