"""Samples that know the other views of their subject, for networks that read several pictures of a person at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.shards.dataset import ShardDataset


class Siblings:
    """The views of one subject and draw, in their order; each is read when it is asked for (``ShardDataset.view``)."""

    def __init__(self, dataset: ShardDataset, indices: list[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.dataset.view(self.indices[place])

    def camera(self, place: int) -> Camera:
        """A view's camera, without its pictures."""
        camera: Camera = self.dataset.view(self.indices[place], ())["camera"]
        return camera


class SiblingDataset:
    """The samples of a data set, each with two more values.

    ``siblings``: the views of its subject and draw, itself among them (``Siblings``). ``sibling_index``: its own place there.
    Samples keep their indices, so orders and resumption are those of the data set.
    """

    def __init__(self, dataset: ShardDataset) -> None:
        self.dataset = dataset
        self._draws: dict[int, dict[int, list[int]]] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def shard_sizes(self) -> NDArray[np.int64]:
        """As ``ShardDataset.shard_sizes``."""
        return self.dataset.shard_sizes

    def will_read(self, indices: Sequence[int] | NDArray[np.int64]) -> None:
        """As ``ShardDataset.will_read``; siblings are in the same shard."""
        self.dataset.will_read(indices)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self.dataset[index]
        views = self._draws_of(self.dataset.subject_of(index))[sample["group"]]
        return {**sample, "siblings": Siblings(self.dataset, views), "sibling_index": views.index(index % len(self))}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    def _draws_of(self, position: int) -> dict[int, list[int]]:
        """The samples of each draw of a subject; remembered, so that every view's description is read once."""
        if position not in self._draws:
            draws: dict[int, list[int]] = {}
            for index in self.dataset.sample_indices(position):
                draws.setdefault(self.dataset.view(index, ())["group"], []).append(index)
            self._draws[position] = draws
        return self._draws[position]
