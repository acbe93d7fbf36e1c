"""Generate a data set: plan the blocks, see which are finished, have the rest made, keep the manifest.

The state of a run is its folder and nothing else. A block is finished when its line is in the manifest and its shard is there;
everything else is made, or made again, with the same bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitruvian import __version__
from vitruvian.datagen.background import list_backgrounds
from vitruvian.datagen.blocks import Block, cut_blocks, plan_blocks
from vitruvian.datagen.geopifu_config import read_configs
from vitruvian.datagen.items.registry import fields_needed
from vitruvian.datagen.jobs import JobQueue
from vitruvian.datagen.options import DatagenOptions, check_same_content
from vitruvian.datagen.pool import run_here, run_on_ray
from vitruvian.datagen.progress import Progress, readable_bytes, readable_seconds
from vitruvian.datagen.protocols.registry import make_protocol, with_protocol_defaults
from vitruvian.datagen.renderers.registry import make_renderer
from vitruvian.datagen.replay import replay_members
from vitruvian.datagen.sources.registry import make_source
from vitruvian.errors import InputError
from vitruvian.ray_local import start_ray
from vitruvian.shards.card import CARD, describe_items, read_card, write_card
from vitruvian.shards.fingerprint import dataset_fingerprint
from vitruvian.shards.manifest import (
    ManifestEntry,
    append_entry,
    read_manifest,
    rewrite_manifest,
    write_quarantine,
)
from vitruvian.shards.schema import canonical_json
from vitruvian.shards.writer import TEMPORARY_SUFFIX

__all__ = ["DatagenOptions", "DatasetReport", "generate"]

LOCK = ".lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetReport:
    """What a run left behind."""

    root: Path
    num_subjects: int
    num_samples: int
    """Views."""
    bytes: int
    """Of all shards."""
    seconds: float
    """Of this run; a continued one counts from the continuation."""
    new_samples: int
    """Views that this run made itself."""
    quarantined: Mapping[str, str] = field(default_factory=dict)
    """Subject id to the reason why it could not be used."""
    fingerprint: str

    def __str__(self) -> str:
        each = readable_bytes(self.bytes / max(1, self.num_samples))
        text = (
            f"{self.root}: {self.num_subjects} subjects, {self.num_samples} views, {readable_bytes(self.bytes)} "
            f"({each} a view); this run made {self.new_samples} views in {readable_seconds(self.seconds)}"
        )
        if not self.quarantined:
            return text
        return f"{text}\n{len(self.quarantined)} subjects could not be used: see {self.root / 'quarantine.jsonl'}"


def generate(options: DatagenOptions, *, progress: bool = True) -> DatasetReport:
    """Make the data set, or finish it if it was started with the same options. Safe to kill at any moment.

    InputError when the options do not fit together, the folder was started with other options, another process writes into it,
    or not a single subject could be used.
    """
    start = time.monotonic()
    options = with_protocol_defaults(options)
    root = options.out
    blocks = _plan(options)
    make_protocol(options)  # so that bad options fail here, not in an actor
    make_renderer(options.renderer, fields_needed(options.chosen("items")))
    content = {**options.content(), **_inputs(blocks, options)}
    with _locked(root):
        entries = _continue_from(root, options, content)
        todo = [block for block in blocks if block.number not in entries]
        before = sum(_num_views(entry) for entry in entries.values())
        for entry in _make(todo, options, _progress(blocks, todo) if progress and todo else None):
            if not _shard_is_there(root, entry):
                raise InputError(
                    f"{root / str(entry.file)}: an actor wrote this shard, but it is not here. --out must be a folder that all "
                    "machines of the Ray cluster share."
                )
            append_entry(root, entry)
            entries[entry.block] = entry
        write_quarantine(root, entries)
        quarantined = {key: value for entry in entries.values() for key, value in entry.quarantined.items()}
        report = DatasetReport(
            root=root,
            num_subjects=sum(len(entry.subjects) for entry in entries.values()),
            num_samples=sum(_num_views(entry) for entry in entries.values()),
            bytes=sum(entry.num_bytes for entry in entries.values()),
            seconds=time.monotonic() - start,
            new_samples=sum(_num_views(entry) for entry in entries.values()) - before,
            quarantined=quarantined,
            fingerprint=dataset_fingerprint(entries),
        )
        if not report.num_subjects:
            reasons = "; ".join(list(quarantined.values())[:3])
            raise InputError(f"{root}: not one of {len(quarantined)} subjects could be used. The first reasons: {reasons}")
        licences = sorted({subject.licence for entry in entries.values() for subject in entry.subjects})
        write_card(root, _card(options, content, complete=True, licences=licences, report=report))
    return report


def _plan(options: DatagenOptions) -> list[Block]:
    """The blocks of the whole data set."""
    ids = list(make_source(options).subject_ids())
    if options.replay is not None:
        return cut_blocks(replay_members(options.replay, ids), options.block_size)
    if options.num_subjects is not None and options.num_subjects > len(ids):
        raise InputError(f"--num-subjects is {options.num_subjects}; source {options.source!r} has only {len(ids)}.")
    ids = ids[: options.num_subjects]
    held_out = max(1, round(len(ids) / 10)) if options.held_out is None and len(ids) > 1 else options.held_out or 0
    if held_out and held_out >= len(ids):
        raise InputError(f"--held-out is {held_out} of {len(ids)} subjects; nothing would be left to train on.")
    return plan_blocks(ids, held_out=held_out, block_size=options.block_size)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the folder; the lock goes with the process, however it ends."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{root}: another data generation is writing here. Wait for it, or use another --out.") from None
        yield


def _inputs(blocks: list[Block], options: DatagenOptions) -> dict[str, str]:
    """Short names for what comes from outside: the subjects and their splits, background pictures, lights."""
    members = [(member.subject_id, member.split) for block in blocks for member in block.members]
    inputs = {"subjects": f"{len(members)} ({_digest(canonical_json(members).encode())})"}
    if names := list_backgrounds(options.chosen("background"), options.background_folder, limit=options.background_limit):
        inputs["background_pictures"] = f"{len(names)} ({_digest(canonical_json(names).encode())})"
    if options.light_bank is not None:
        inputs["light_bank"] = _digest(options.light_bank.read_bytes())
    if options.replay is not None:
        documents = [config.document for config in read_configs(options.replay)]
        inputs["configs"] = f"{len(documents)} ({_digest(canonical_json(documents).encode())})"
    return inputs


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _continue_from(root: Path, options: DatagenOptions, content: dict[str, Any]) -> dict[int, ManifestEntry]:
    """What is finished. Starts the card of a new folder; sweeps up after a process that was killed."""
    if (root / CARD).exists():
        check_same_content(root, read_card(root)["options"], content)
    elif any(path.name != LOCK for path in root.iterdir()):
        raise InputError(f"{root}: is not empty and not a data set folder. Use another --out.")
    else:
        write_card(root, _card(options, content, complete=False))
    for leftover in root.rglob(f"*{TEMPORARY_SUFFIX}"):
        leftover.unlink(missing_ok=True)
    entries = {block: entry for block, entry in read_manifest(root).items() if _shard_is_there(root, entry)}
    rewrite_manifest(root, entries)
    return entries


def _shard_is_there(root: Path, entry: ManifestEntry) -> bool:
    if entry.file is None:
        return True
    path = root / entry.file
    return path.is_file() and path.stat().st_size == entry.num_bytes


def _make(todo: list[Block], options: DatagenOptions, progress: Progress | None) -> Iterator[ManifestEntry]:
    """Have the blocks made, in this process or on Ray, and report each."""
    if not todo:
        return
    sizes = {block.number: len(block.members) for block in todo}
    queue = JobQueue(todo)
    with nullcontext() if options.num_actors == 0 else start_ray(options.num_actors):
        there = options.resolved()
        made = run_here(queue, there) if options.num_actors == 0 else run_on_ray(queue, there, _num_actors(options))
        for entry in made:
            yield entry
            if progress is not None:
                progress.add(subjects=sizes[entry.block], views=_num_views(entry), num_bytes=entry.num_bytes)
    if progress is not None:
        progress.close()


def _num_actors(options: DatagenOptions) -> int:
    import ray

    return options.num_actors or max(1, int(ray.cluster_resources().get("CPU", 1)))


def _num_views(entry: ManifestEntry) -> int:
    return sum(subject.num_views for subject in entry.subjects)


def _progress(blocks: list[Block], todo: list[Block]) -> Progress:
    total, left = (sum(len(block.members) for block in some) for some in (blocks, todo))
    return Progress(total_subjects=total, done_subjects=total - left)


def _card(
    options: DatagenOptions,
    content: dict[str, Any],
    *,
    complete: bool,
    licences: list[str] | None = None,
    report: DatasetReport | None = None,
) -> dict[str, Any]:
    card: dict[str, Any] = {
        "complete": complete,
        "protocol": options.protocol,
        "source": options.source,
        "seed": options.seed,
        "code_version": __version__,
        "items": describe_items(options.chosen("items")),
        "options": content,
    }
    if report is not None:
        card |= {
            "num_subjects": report.num_subjects,
            "num_views": report.num_samples,
            "bytes": report.bytes,
            "fingerprint": report.fingerprint,
            "licences": licences,
        }
    return card
