"""The thin rim of Ray around the pure core: an actor that makes blocks and writes their shards."""

from __future__ import annotations

import os
from collections.abc import Mapping

from vitruvian.datagen.blocks import Block, Products, make_block
from vitruvian.datagen.items.registry import fields_needed
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.protocols.registry import make_protocol, with_protocol_defaults
from vitruvian.datagen.renderers.registry import make_renderer
from vitruvian.datagen.sources.registry import make_source
from vitruvian.shards.manifest import ManifestEntry, shard_name
from vitruvian.shards.writer import write_shard


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
        result = make_block(self.source, self.protocol, block, self.products, skip=skip)
        if not result.rows:
            return ManifestEntry.of(block.number, None, result.quarantined)
        receipt = write_shard(self.options.out / shard_name(block.number), result.rows, self.products.items)
        return ManifestEntry.of(block.number, receipt, result.quarantined)

    def probe(self, block: Block) -> None:
        """Make a block and throw it away: does this process survive it?"""
        make_block(self.source, self.protocol, block, self.products)

    def process_id(self) -> int:
        return os.getpid()
