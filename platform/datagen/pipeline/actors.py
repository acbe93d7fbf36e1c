"""The thin rim of Ray around the pure core: an actor that makes blocks and writes their shards."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from vitruvian.datagen.blocks import Block, Products, block_rows
from vitruvian.datagen.items.registry import fields_needed
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.protocols.registry import make_protocol, with_protocol_defaults
from vitruvian.datagen.renderers.registry import make_renderer
from vitruvian.datagen.sources.registry import make_source
from vitruvian.shards.manifest import ManifestEntry, shard_name
from vitruvian.shards.writer import clear_disk_errors, write_shard


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
        with clear_disk_errors(self.options.out):
            receipt = write_shard(self.options.out / shard_name(block.number), chain([first], rows), self.products.items)
        return ManifestEntry.of(block.number, receipt, quarantined)

    def probe(self, block: Block) -> None:
        """Make a block and throw it away: does this process survive it?"""
        for _ in block_rows(self.source, self.protocol, block, self.products, {}):
            pass

    def node_id(self) -> str:
        """Where it runs; only as a Ray actor."""
        import ray

        return ray.get_runtime_context().get_node_id()
