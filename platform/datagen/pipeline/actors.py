"""The thin rim of Ray around the pure core: an actor that makes blocks and writes their shards."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from vitruvian.datagen.blocks import Block, Products, block_rows
from vitruvian.datagen.items.registry import fields_needed
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.protocols.registry import make_protocol, with_protocol_defaults
from vitruvian.datagen.renderers.registry import make_renderer
from vitruvian.datagen.sources.registry import make_source
from vitruvian.machine import describe_machine
from vitruvian.shards.manifest import ManifestEntry, shard_name
from vitruvian.shards.writer import clear_disk_errors, write_shard
from vitruvian.storage.local import scratch_folder
from vitruvian.storage.objects import upload
from vitruvian.usage import cpu_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """What a block took."""

    core_seconds: float
    """Time for which its process held its core."""
    cpu_seconds: float
    peak_memory_bytes: int
    """Of its process, so far."""
    machine: Mapping[str, Any]


class BlockWorker:
    """Holds what is costly to set up, once a process: the source and the protocol. Becomes a Ray actor, or runs as it is."""

    def __init__(self, options: DatagenOptions) -> None:
        options = with_protocol_defaults(options)
        self.options = options
        self.source = make_source(options)
        self.protocol = make_protocol(options)
        items = options.chosen("items")
        self.products = Products(
            items=items,
            seed=options.seed,
            supersample=options.chosen("supersample"),
            renderer=make_renderer(options.renderer, fields_needed(items)),
        )

    def make(self, block: Block, skip: Mapping[str, str]) -> ManifestEntry:
        """Make a block and write its shard; returns the manifest entry, which the driver records."""
        quarantined = dict(skip)
        rows = block_rows(self.source, self.protocol, block, self.products, quarantined)
        first = next(rows, None)
        if first is None:
            return ManifestEntry.of(block.number, None, quarantined)
        out, name = self.options.out, shard_name(block.number)
        if isinstance(out, Path):
            with clear_disk_errors(out):
                receipt = write_shard(out / name, chain([first], rows), self.products.items)
        else:
            with scratch_folder() as scratch, clear_disk_errors(scratch):
                receipt = write_shard(scratch / name, chain([first], rows), self.products.items)
                upload(scratch / name, out / name)
        return ManifestEntry.of(block.number, receipt, quarantined)

    def make_measured(self, block: Block, skip: Mapping[str, str]) -> tuple[ManifestEntry, Spent]:
        """``make``, and what it took."""
        began, cpu = time.monotonic(), cpu_seconds()
        entry = self.make(block, skip)
        spent = Spent(
            core_seconds=time.monotonic() - began,
            cpu_seconds=cpu_seconds() - cpu,
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            machine=describe_machine(),
        )
        return entry, spent

    def probe(self, block: Block) -> None:
        """Make a block and throw it away: does this process survive it?"""
        for _ in block_rows(self.source, self.protocol, block, self.products, {}):
            pass

    def node_id(self) -> str:
        """Where it runs; only as a Ray actor."""
        import ray

        return ray.get_runtime_context().get_node_id()
