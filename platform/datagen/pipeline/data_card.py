"""What is written down about a data set: ``dataset.json`` in its folder, the same in MLflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from vitruvian import __version__
from vitruvian.code_version import code_version
from vitruvian.datagen.options import DatagenOptions
from vitruvian.shards.card import describe_items
from vitruvian.shards.fingerprint import dataset_fingerprint
from vitruvian.shards.manifest import ManifestEntry


def data_card(
    options: DatagenOptions, content: Mapping[str, Any], finished: Mapping[int, ManifestEntry] | None = None
) -> dict[str, Any]:
    """The card. ``content``: the options that decide the bytes. ``finished``: all blocks; None while they are being made."""
    card: dict[str, Any] = {
        "complete": finished is not None,
        "protocol": options.protocol,
        "source": options.source,
        "seed": options.seed,
        "code_version": __version__,
        "code": code_version(),
        "items": describe_items(options.chosen("items")),
        "options": dict(content),
    }
    return card if finished is None else card | counts(finished)


def counts(finished: Mapping[int, ManifestEntry]) -> dict[str, Any]:
    """What there is: people, views, bytes, whose licences, who is missing."""
    subjects = [subject for entry in finished.values() for subject in entry.subjects]
    splits = sorted({subject.split for subject in subjects})
    licences = Counter(subject.licence for subject in subjects)
    return {
        "num_subjects": len(subjects),
        "num_views": sum(subject.num_views for subject in subjects),
        "splits": {
            split: {
                "subjects": sum(subject.split == split for subject in subjects),
                "views": sum(subject.num_views for subject in subjects if subject.split == split),
            }
            for split in splits
        },
        "num_blocks": len(finished),
        "num_quarantined": sum(len(entry.quarantined) for entry in finished.values()),
        "bytes": sum(entry.num_bytes for entry in finished.values()),
        "fingerprint": dataset_fingerprint(finished),
        "licences": sorted(licences),
        "subjects_by_licence": dict(sorted(licences.items())),
    }
