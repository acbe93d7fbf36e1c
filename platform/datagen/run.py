"""Generate a data set: plan the blocks, see which are finished, have the rest made, keep the manifest.

The state of a run is its folder and nothing else. A block is finished when its line is in the manifest and its shard is there;
everything else is made, or made again, with the same bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitruvian.code_version import code_version
from vitruvian.datagen.backgrounds.kinds import list_backgrounds
from vitruvian.datagen.blocks import Block, cut_blocks, plan_blocks
from vitruvian.datagen.items.registry import fields_needed
from vitruvian.datagen.options import DatagenOptions, check_same_content
from vitruvian.datagen.pipeline.data_card import data_card
from vitruvian.datagen.pipeline.jobs import JobQueue
from vitruvian.datagen.pipeline.pool import Count, run_here, run_on_ray
from vitruvian.datagen.pipeline.progress import Progress, readable_bytes, readable_seconds
from vitruvian.datagen.pipeline.tracking import DatagenTracker
from vitruvian.datagen.protocols.registry import make_protocol, with_protocol_defaults
from vitruvian.datagen.renderers.registry import make_renderer
from vitruvian.datagen.replays.geopifu_config import read_configs
from vitruvian.datagen.replays.pifu_param import param_members, param_names
from vitruvian.datagen.replays.replay import replay_members
from vitruvian.datagen.sources.registry import make_source
from vitruvian.errors import InputError
from vitruvian.mlflow_store import shown_uri, store_uri
from vitruvian.provenance import RECIPE_HASH, provenance_tags, short_hash
from vitruvian.ray_local import start_ray
from vitruvian.shards.card import CARD, read_card, write_card
from vitruvian.shards.fingerprint import dataset_fingerprint
from vitruvian.shards.manifest import QUARANTINE, ManifestEntry, read_manifest, write_quarantine
from vitruvian.shards.manifest_log import ManifestLog
from vitruvian.shards.schema import canonical_json
from vitruvian.shards.writer import TEMPORARY_SUFFIX, clear_disk_errors
from vitruvian.storage.lease import LEASE, leased
from vitruvian.storage.local import cache_folder, scratch_folder
from vitruvian.storage.objects import list_files, read_bytes
from vitruvian.storage.url import Url, beside, resolved

__all__ = ["DatagenOptions", "DatasetReport", "generate"]

LOCK = ".lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetReport:
    """What a run left behind."""

    root: Path | Url
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


def generate(
    options: DatagenOptions, *, progress: bool = True, track: bool = False, tracking_uri: str | None = None
) -> DatasetReport:
    """Make the data set, or finish it if it was started with the same options. Safe to kill at any moment.

    ``track`` records it in MLflow, in ``tracking_uri`` or where ``mlflow_store.store_uri`` says. InputError when the options do
    not fit together, the folder was started with other options, another process writes into it, the disk is full, the MLflow
    store cannot be used, or not a single subject could be used.
    """
    start = time.monotonic()
    options = with_protocol_defaults(options)
    root = options.out
    blocks = _plan(options)
    make_protocol(options)  # so that bad options fail here, not in an actor
    make_renderer(options.renderer, fields_needed(options.chosen("items")))
    content = {**options.content(), **_inputs(blocks, options)}
    with _locked(root), clear_disk_errors(root if isinstance(root, Path) else cache_folder()):
        entries = _continue_from(root, options, content)
        todo = [block for block in blocks if block.number not in entries]
        before = sum(_num_views(entry) for entry in entries.values())
        shown = _progress(blocks, todo) if progress and todo else None
        uri = store_uri(tracking_uri, beside(root)) if track and (todo or "mlflow" not in read_card(root)) else None
        log = ManifestLog(root, entries)
        with _tracked(uri, options, content) as tracker:
            for entry in _make(todo, options, shown, None if tracker is None else tracker.spent):
                if isinstance(root, Path) and not _shard_is_there(root, entry):
                    raise InputError(
                        f"{root / str(entry.file)}: an actor wrote this shard, but it is not here. --out must be a folder that "
                        "all machines of the Ray cluster share, or a URL such as s3://bucket/people."
                    )
                log.add(entry)
                entries[entry.block] = entry
                if tracker is not None:
                    tracker.progress(lambda: _so_far(entries, before, start))
            log.close()
            _sweep(root)  # what killed actors left behind
            write_quarantine(root, entries)
            report = _report(root, entries, before=before, seconds=time.monotonic() - start)
            if not report.num_subjects:
                reasons = "; ".join(list(report.quarantined.values())[:3])
                raise InputError(
                    f"{root}: not one of {len(report.quarantined)} subjects could be used. The first reasons: {reasons}"
                )
            card = data_card(options, content, entries)
            if tracker is not None:
                recorded = {**card, "folder": str(resolved(root))}
                if _recorded(tracker, recorded, _so_far(entries, before, start), root):
                    card["mlflow"] = {"run_id": tracker.run_id, "uri": shown_uri(tracker.uri)}
            elif uri is None and "mlflow" in (old := read_card(root)):
                card["mlflow"] = old["mlflow"]
            write_card(root, card)
    return report


@contextmanager
def _tracked(uri: str | None, options: DatagenOptions, content: Mapping[str, Any]) -> Iterator[DatagenTracker | None]:
    """The run in MLflow, which ends as this block ends; None without a store."""
    if uri is None:
        yield None
        return
    where = str(resolved(options.out))
    tracker = DatagenTracker(
        uri,
        key=_digest(canonical_json({"out": where, "content": dict(content)}).encode()),
        name=options.out.name,
        tags={
            **provenance_tags("datagen"),
            RECIPE_HASH: short_hash(dict(content)),
            "vitruvian.protocol": options.protocol,
            "vitruvian.code": code_version(),
            "vitruvian.out": where,
        },
        params=content,
    )
    try:
        yield tracker
    except BaseException as error:
        tracker.abandon("FAILED" if isinstance(error, Exception) else "KILLED")
        raise


@contextmanager
def _local_file(place: Path | Url) -> Iterator[Path]:
    """A small file for MLflow, which reads files."""
    if isinstance(place, Path):
        yield place
        return
    with scratch_folder() as scratch:
        (scratch / place.name).write_bytes(read_bytes(place))
        yield scratch / place.name


def _recorded(tracker: DatagenTracker, card: Mapping[str, Any], values: Mapping[str, float], root: Path | Url) -> bool:
    """Tell MLflow the end. A store that was there and has gone away leaves a whole data set, which the same command records
    later; one that never could be used is an error."""
    try:
        with _local_file(root / QUARANTINE) as refused:
            tracker.finish(card, values, (refused,))
    except InputError as error:
        if not tracker.run_id:
            raise
        print(f"WARNING: {error} The data set is whole; the same command records it once the store answers.", file=sys.stderr)
        return False
    return True


def _report(root: Path | Url, entries: Mapping[int, ManifestEntry], *, before: int, seconds: float) -> DatasetReport:
    num_samples = sum(_num_views(entry) for entry in entries.values())
    return DatasetReport(
        root=root,
        num_subjects=sum(len(entry.subjects) for entry in entries.values()),
        num_samples=num_samples,
        bytes=sum(entry.num_bytes for entry in entries.values()),
        seconds=seconds,
        new_samples=num_samples - before,
        quarantined={key: value for entry in entries.values() for key, value in entry.quarantined.items()},
        fingerprint=dataset_fingerprint(entries),
    )


def _so_far(entries: Mapping[int, ManifestEntry], before: int, start: float) -> dict[str, float]:
    """The counts that MLflow draws as curves over the subjects."""
    report = _report(Path(), entries, before=before, seconds=time.monotonic() - start)
    return {
        "subjects": report.num_subjects,
        "views": report.num_samples,
        "bytes": report.bytes,
        "quarantined": len(report.quarantined),
        "seconds": report.seconds,
        "views_per_second": report.new_samples / max(report.seconds, 1e-9),
    }


def _plan(options: DatagenOptions) -> list[Block]:
    """The blocks of the whole data set."""
    ids = list(make_source(options).subject_ids())
    twice = [subject_id for subject_id, count in Counter(ids).items() if count > 1]
    if twice:
        raise InputError(
            f"--source {options.source}: the subject {twice[0]!r} is listed twice. Every subject needs its own id."
        )
    if options.replay is not None:
        find_members = replay_members if options.protocol == "geopifu" else param_members
        return cut_blocks(find_members(options.replay, ids), options.block_size)
    if options.num_subjects is not None and options.num_subjects > len(ids):
        raise InputError(f"--num-subjects is {options.num_subjects}; source {options.source!r} has only {len(ids)}.")
    ids = ids[: options.num_subjects]
    held_out = max(1, round(len(ids) / 10)) if options.held_out is None and len(ids) > 1 else options.held_out or 0
    if held_out and held_out >= len(ids):
        raise InputError(f"--held-out is {held_out} of {len(ids)} subjects; nothing would be left to train on.")
    return plan_blocks(ids, held_out=held_out, block_size=options.block_size)


@contextmanager
def _locked(root: Path | Url) -> Iterator[None]:
    """Hold the folder; the lock goes with the process, however it ends."""
    if isinstance(root, Url):
        with leased(root, wait_s=2.0, what="data generation"):
            yield
        return
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
    for name in ("body_model", "body_folder", "body_textures", "body_uv"):
        path = getattr(options, name)
        if path is not None:
            inputs[name] = _digest_of_files(path)
    if options.light_bank is not None:
        inputs["light_bank"] = _digest(options.light_bank.read_bytes())
    if options.replay is not None:
        if options.protocol == "geopifu":
            documents: list[Any] = [config.document for config in read_configs(options.replay)]
        else:
            documents = param_names(options.replay)
        inputs["configs"] = f"{len(documents)} ({_digest(canonical_json(documents).encode())})"
    return inputs


def _digest_of_files(path: Path) -> str:
    """Of a file's content, or of the names and sizes in a folder."""
    if path.is_file():
        return _digest(path.read_bytes())
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return _digest(canonical_json([(file.relative_to(path).as_posix(), file.stat().st_size) for file in files]).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _continue_from(root: Path | Url, options: DatagenOptions, content: dict[str, Any]) -> dict[int, ManifestEntry]:
    """What is finished. Starts the card of a new folder; sweeps up after a process that was killed."""
    files = _files(root)
    if CARD in files:
        check_same_content(root, read_card(root)["options"], content)
    elif any(name not in (LOCK, LEASE) for name in files):
        raise InputError(f"{root}: is not empty and not a data set folder. Use another --out.")
    else:
        write_card(root, data_card(options, content))
    _sweep(root)
    if isinstance(root, Url):
        return {block: e for block, e in read_manifest(root).items() if e.file is None or files.get(e.file) == e.num_bytes}
    return {block: entry for block, entry in read_manifest(root).items() if _shard_is_there(root, entry)}


def _files(root: Path | Url) -> dict[str, int]:
    """What is there, with sizes at a URL: all files below it; of a local folder only what is in the folder itself."""
    if isinstance(root, Url):
        return {name: stored.num_bytes for name, stored in list_files(root).items()}
    return {path.name: 0 for path in root.iterdir()}


def _sweep(root: Path | Url) -> None:
    """Remove what was half written; at a URL nothing ever is."""
    if isinstance(root, Url):
        return
    for leftover in root.rglob(f"*{TEMPORARY_SUFFIX}"):
        leftover.unlink(missing_ok=True)


def _shard_is_there(root: Path, entry: ManifestEntry) -> bool:
    if entry.file is None:
        return True
    path = root / entry.file
    return path.is_file() and path.stat().st_size == entry.num_bytes


def _make(
    todo: list[Block], options: DatagenOptions, progress: Progress | None, count: Count | None
) -> Iterator[ManifestEntry]:
    """Have the blocks made, in this process or on Ray, and report each."""
    if not todo:
        return
    sizes = {block.number: len(block.members) for block in todo}
    queue = JobQueue(todo)
    tick = None if progress is None else progress.tick
    with nullcontext() if options.num_actors == 0 else start_ray(options.num_actors):
        there = options.resolved()
        if options.num_actors == 0:
            made = run_here(queue, there, count=count)
        else:
            made = run_on_ray(queue, there, options.num_actors, tick=tick, count=count)
        for entry in made:
            yield entry
            if progress is not None:
                progress.add(
                    subjects=sizes[entry.block],
                    views=_num_views(entry),
                    num_bytes=entry.num_bytes,
                    quarantined=len(entry.quarantined),
                )
    if progress is not None:
        progress.close()


def _num_views(entry: ManifestEntry) -> int:
    return sum(subject.num_views for subject in entry.subjects)


def _progress(blocks: list[Block], todo: list[Block]) -> Progress:
    total, left = (sum(len(block.members) for block in some) for some in (blocks, todo))
    return Progress(total_subjects=total, done_subjects=total - left)
