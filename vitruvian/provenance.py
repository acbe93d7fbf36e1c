"""What every run in MLflow says of itself, so that runs can be compared: which code, which machine, which people held out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from vitruvian.code_version import code_diff, code_version
from vitruvian.machine import describe_machine
from vitruvian.usage import machine_words

KIND = "vitruvian.kind"
"""Tag: ``datagen``, ``train``, ``evaluate`` or ``tune``."""
DATA_FINGERPRINT = "vitruvian.data_fingerprint"
CODE_VERSION = "vitruvian.code_version"
CODE_DIFF = "vitruvian.code_diff"
"""Tag: hash of uncommitted changes; ``none``: there were none."""
RECIPE_HASH = "vitruvian.recipe_hash"
HELD_OUT = "vitruvian.held_out_people"
"""Tag: how many people are held out, and a hash of who they are: ``12 (4f0c...)``."""
METRICS_HASH = "vitruvian.metrics_hash"
"""Tag: hash of what the held-out metrics are defined by."""
NUM_WORKERS = "vitruvian.num_workers"


def provenance_tags(kind: str) -> dict[str, str]:
    """The tags that every run has: its kind, the code, the machine that drives it (workers' machines come with their usage)."""
    diff = code_diff()
    return {
        KIND: kind,
        CODE_VERSION: code_version(),
        **({} if diff is None else {CODE_DIFF: diff}),
        **{f"vitruvian.{name}": value for name, value in machine_words([describe_machine()]).items()},
    }


def people_tag(codes: Iterable[str]) -> str:
    """For ``HELD_OUT``: the same people give the same text, in whatever order; nobody gives an empty one."""
    people = sorted(set(codes))
    return f"{len(people)} ({short_hash(people)})" if people else ""


def short_hash(value: Any) -> str:
    """Sixteen digits of the SHA-256 of a value's JSON form, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
