"""Shards: the sample schema, the Arrow writer and reader, the manifest, and datasets over them."""

from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.items import ITEMS, Item
from vitruvian.shards.order import epoch_order

__all__ = ["ITEMS", "Item", "ShardDataset", "epoch_order"]
