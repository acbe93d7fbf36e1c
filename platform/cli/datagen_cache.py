"""``vitruvian datagen cache``: the random-access cache of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.cli.checks import usable_cores
from vitruvian.cli.counting import counting
from vitruvian.datagen.pipeline.progress import readable_bytes
from vitruvian.storage.url import Place

DESCRIPTION = """Decode a data set into one LMDB file for random access: a sample costs a copy, not the decoding of pictures.

It pays when the same samples are read many times and the file fits in memory or on a fast disk; it takes many times the space
of the shards, so name the items that training reads. It holds the fingerprint of its data and is made anew when that differs.

  vitruvian datagen cache runs/people --items rgb mask query_points
  vitruvian train pifu --data runs/people --cache runs/people/cache.lmdb --out runs/model

In Python: from vitruvian.shards.cache import CachedDataset, which reads like ShardDataset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheOptions:
    """Options of ``vitruvian datagen cache``."""

    data: Annotated[Place, tyro.conf.Positional]
    """The data set folder, or its URL."""
    items: tuple[str, ...] | None = None
    """Which to decode. Default: all that are stored."""
    out: Path | None = None
    """The file. Default: cache.lmdb in the data set folder; of a URL in our cache folder."""
    again: bool = False
    """Make it even if there is one of the same data."""
    threads: int | None = None
    """Threads that decode. Default: one for each core."""


def main(arguments: list[str], program: str) -> int:
    """Make the cache, or say that it is there."""
    options = parse(CacheOptions, arguments, program, DESCRIPTION)

    from vitruvian.shards.cache_build import build_cache

    report = build_cache(
        options.data,
        cache=options.out,
        items=options.items,
        again=options.again,
        threads=options.threads or usable_cores(),
        tell=counting("subjects"),
    )
    what = "made" if report.made else "is there already"
    print(f"{report.path}: {what}, {readable_bytes(report.num_bytes)}, with {', '.join(report.items)}")
    return 0
