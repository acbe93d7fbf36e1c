"""A stage's samples with their derived items, which are computed first where they are missing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn

from vitruvian.methods.stage import Stage
from vitruvian.storage.objects import list_files, remove_tree
from vitruvian.storage.url import Url
from vitruvian.train.derive import Deriving, held_out_visited, visited
from vitruvian.train.derived_store import DerivedStore
from vitruvian.train.history import HISTORY, HistoryWriter
from vitruvian.train.home import DERIVED
from vitruvian.train.loader import Samples, announce
from vitruvian.train.loop import Settings
from vitruvian.train.sample_order import Order


@dataclass(frozen=True, slots=True)
class WithDerived:
    """Stored samples with their derived items merged in."""

    samples: Samples
    store: DerivedStore

    def will_read(self, indices: Sequence[int]) -> None:
        """As ``ShardDataset.will_read``."""
        announce(self.samples, indices)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int, /) -> Mapping[str, Any]:
        return {**self.samples[index], **self.store[index]}


@dataclass(frozen=True, slots=True)
class Ready:
    """Samples to train on; ``complete`` is False if time was up before all their derived items were there."""

    train: Samples
    held_out: Samples | None
    complete: bool


def with_derived(
    stage: Stage,
    parts: Mapping[str, nn.Module],
    train: Samples,
    held_out: Samples | None,
    folder: Path,
    *,
    key: str,
    order: Order,
    settings: Settings,
    remote: Url | None = None,
) -> Ready:
    """The samples as the stage's ``sample`` wants them. Every worker must call it, and does its part of the work.
    ``remote``: where the stage's folder is kept if it is one of several copies; the items are then exchanged there.

    The items are kept in ``folder``/derived/``key``; those of other keys are removed. The history tells how it goes.
    """
    if not stage.derived:
        return Ready(train, held_out, complete=True)
    root = folder / DERIVED / key
    there = None if remote is None else remote / DERIVED / key
    precision = stage.training.derived_precision

    def store_of(split: str, chosen: NDArray[np.int64]) -> DerivedStore:
        return DerivedStore(root / split, chosen, precision=precision, remote=None if there is None else there / split)

    train_store = store_of("train", visited(len(train), stage.training, order))
    work: list[tuple[Samples, DerivedStore]] = [(train, train_store)]
    if held_out is not None:
        chosen = held_out_visited(len(held_out), stage.training)
        work.append((held_out, store_of("test", chosen)))
    if settings.rank == 0:
        root.mkdir(parents=True, exist_ok=True)
        for other in root.parent.iterdir():
            if other != root:
                shutil.rmtree(other, ignore_errors=True)
        if remote is not None:
            for old in {name.split("/")[0] for name in list_files(remote / DERIVED)} - {key}:
                remove_tree(remote / DERIVED / old)
    missing = any(store.missing() for _, store in work)
    if settings.world_size > 1:
        distributed.barrier()  # all have seen the same files before any is written
    complete = _compute(stage, parts, work, folder, settings) if missing else True
    samples = [WithDerived(*pair) for pair in work]
    return Ready(samples[0], samples[1] if held_out is not None else None, complete)


def _compute(
    stage: Stage,
    parts: Mapping[str, nn.Module],
    work: list[tuple[Samples, DerivedStore]],
    folder: Path,
    settings: Settings,
) -> bool:
    deriving = Deriving(
        stage,
        parts,
        device=torch.device(settings.device),
        rank=settings.rank,
        world_size=settings.world_size,
        threads=settings.loader_threads,
        deadline=settings.deadline,
    )
    if settings.rank != 0:
        return deriving.run(work, lambda done, whole: None)
    began, before = time.monotonic(), sum(store.num_done() for _, store in work)
    with closing(HistoryWriter(folder / HISTORY)) as writer:

        def tell(done: int, whole: int) -> None:
            seconds = round(time.monotonic() - began, 3)
            writer.write("deriving", names=list(stage.derived), done=done, before=before, whole=whole, seconds=seconds)

        complete = deriving.run(work, tell)
        if complete:
            stores = [store for _, store in work]
            writer.write(
                "derived",
                names=list(stage.derived),
                samples=sum(len(store.samples) for store in stores),
                computed=sum(store.num_done() for store in stores) - before,
                bytes=sum(store.num_bytes() for store in stores),
                seconds=round(time.monotonic() - began, 3),
                largest_error=max(store.largest_error() for store in stores),
                precision=stage.training.derived_precision,
            )
    return complete
