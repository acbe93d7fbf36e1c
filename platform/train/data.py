"""Where a stage's samples come from, in a form that travels to the workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vitruvian.methods.stage import Stage
from vitruvian.shards.cache import CachedDataset
from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.order import global_order
from vitruvian.shards.people import person_code
from vitruvian.shards.siblings import SiblingDataset
from vitruvian.storage.url import Url
from vitruvian.train.loader import Samples
from vitruvian.train.sample_order import Order


class Data(Protocol):
    """A data set that can be opened in any process."""

    @property
    def name(self) -> str: ...

    @property
    def protocol(self) -> str: ...

    @property
    def licence(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def people(self, split: str) -> Mapping[str, str]:
        """Who is in ``train`` or ``test``: code (``shards.people``) -> name in the data set; none if it is not of people."""

    def open(self, stage: Stage, split: str) -> Samples:
        """The samples of ``train`` or ``test`` with the items that the stage reads; ``InputError`` if they are not there."""

    def order(self, samples: Samples, seed: int) -> Order:
        """The order of each epoch over ``samples``, a pure function of (seed, epoch)."""


@dataclass(frozen=True, slots=True)
class ShardData:
    """A folder of shards, here or at a URL, read directly or through a cache of them."""

    root: Path | Url
    cache: Path | None = None

    @property
    def name(self) -> str:
        return str(self.root)

    @property
    def protocol(self) -> str:
        return str(self._any.card["protocol"])

    @property
    def licence(self) -> str:
        licences = self._any.card.get("licences", ())
        return ", ".join(licences)

    @property
    def fingerprint(self) -> str:
        return self._any.fingerprint

    @property
    def _any(self) -> ShardDataset:
        if self.cache is not None:  # which may stand for shards that are elsewhere
            return CachedDataset(self.root, cache=self.cache, items=())
        return ShardDataset(self.root, items=(), verify="size" if isinstance(self.root, Path) else "first_use")

    def people(self, split: str) -> Mapping[str, str]:
        data = self._any
        names = [subject.subject_id for subject in data.subjects if subject.split == split]
        return {person_code(data.card, name): name for name in names}

    def open(self, stage: Stage, split: str) -> ShardDataset | SiblingDataset:
        if self.cache is not None:
            dataset: ShardDataset = CachedDataset(self.root, cache=self.cache, items=stage.items, split=split)
        else:
            dataset = ShardDataset(self.root, items=stage.items, split=split)
        return SiblingDataset(dataset) if stage.reads_siblings else dataset

    def order(self, samples: Samples, seed: int) -> Order:
        assert isinstance(samples, ShardDataset | SiblingDataset)
        sizes = samples.shard_sizes

        def order(epoch: int) -> list[int]:
            return global_order(len(samples), seed=seed, epoch=epoch, shard_sizes=sizes).tolist()

        return order
