"""What differs between runs: only that, in the words of the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vitruvian.evaluate.runs.record import RunRecord, StageRecord
from vitruvian.provenance import CODE_DIFF, CODE_VERSION, DATA_FINGERPRINT, HELD_OUT, METRICS_HASH, NUM_WORKERS

TAGS = {
    "Data": {
        DATA_FINGERPRINT: "fingerprint",
        "vitruvian.data": "folder",
        "vitruvian.protocol": "protocol",
        HELD_OUT: "held-out people",
    },
    "Model": {
        "vitruvian.method": "method",
        "vitruvian.recipe": "recipe",
        "vitruvian.started_from": "weights to start from",
        METRICS_HASH: "definition of the metrics",
    },
    "Code": {CODE_VERSION: "version", CODE_DIFF: "uncommitted changes"},
    "Machine": {
        NUM_WORKERS: "workers",
        "vitruvian.cpu": "processor",
        "vitruvian.cores": "cores",
        "vitruvian.gpu": "GPU",
        "vitruvian.memory_gb": "memory (GB)",
        "vitruvian.host": "host",
    },
}
"""By group: tag and how it is called."""
MISSING = "–"
HASHES = (DATA_FINGERPRINT, "vitruvian.started_from")
HASH_LETTERS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One thing that is not the same for all runs."""

    group: str
    name: str
    values: tuple[str, ...]
    """Of each run, in their order; a dash for what it does not say or have."""


def find_differences(runs: Sequence[RunRecord]) -> list[Difference]:
    """Tags in the order of their groups, then the recipe's options, stage by stage."""
    found = []
    for group, names in TAGS.items():
        for tag, title in names.items():
            values = [_tag(run, tag) for run in runs]
            if len(set(values)) > 1:
                found.append(Difference(group=group, name=title, values=tuple(_short(tag, value) for value in values)))
    for stage in stage_names(runs):
        records = [run.stage(stage) for run in runs]
        prefix = f"{stage}." if len(stage_names(runs)) > 1 else ""
        found += _options(records, prefix)
    return found


def stage_names(runs: Sequence[RunRecord]) -> list[str]:
    """All stages of all runs, in the order in which they first come."""
    return list(dict.fromkeys(stage.stage for run in runs for stage in run.stages))


def _tag(run: RunRecord, tag: str) -> str:
    said = [stage.tags[tag] for stage in (*run.stages, run.whole) if tag in stage.tags]
    return ", ".join(dict.fromkeys(said)) if tag not in (METRICS_HASH,) else " ".join(dict.fromkeys(said))


def _options(records: Sequence[StageRecord | None], prefix: str) -> list[Difference]:
    there: list[Mapping[str, str]] = [{} if record is None else record.params for record in records]
    names = list(dict.fromkeys(name for params in there for name in params))
    found = []
    for name in names:
        values = tuple(params.get(name, MISSING) for params in there)
        if len({value for value, record in zip(values, records, strict=True) if record is not None}) > 1:
            found.append(Difference(group="Recipe", name=f"{prefix}{name}", values=values))
    return found


def _short(tag: str, value: str) -> str:
    if not value:
        return MISSING
    return ", ".join(part[:HASH_LETTERS] for part in value.split(", ")) if tag in HASHES else value
