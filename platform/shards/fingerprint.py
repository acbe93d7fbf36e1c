"""One short name for the exact content of a data set, whatever order its blocks were made in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from vitruvian.shards.manifest import ManifestEntry


def dataset_fingerprint(entries: Mapping[int, ManifestEntry]) -> str:
    """SHA-256 over "block hash" lines in block order, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for block in sorted(entries):
        digest.update(f"{block} {entries[block].sha256 or '-'}\n".encode())
    return digest.hexdigest()
