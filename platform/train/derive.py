"""Computing a stage's derived items before it starts: what its parts say of every sample that it will visit."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed, nn

from vitruvian.errors import InputError
from vitruvian.methods.stage import Stage, Training
from vitruvian.train.derived_store import DerivedStore
from vitruvian.train.loader import Samples, prefetch
from vitruvian.train.measure import PICTURE_SAMPLES, spread
from vitruvian.train.sample_order import Order, epoch_samples

TELL_EVERY_S = 1.0
Tell = Callable[[int, int], None]
"""To be told (samples done, all samples)."""


def derived_key(stage: Stage, *, fingerprint: str, parts: Mapping[str, str]) -> str:
    """What derived items depend on: the data, the parts' weights (their SHA-256) and the stage's options but for training."""
    options = {field.name: repr(getattr(stage, field.name)) for field in fields(stage) if field.name != "training"}
    identity = {
        "stage": f"{stage.method}/{stage.name}",
        "data": fingerprint,
        "parts": dict(parts),
        "options": options,
        "names": list(stage.derived),
        "precision": stage.training.derived_precision,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def visited(num_samples: int, training: Training, order: Order) -> NDArray[np.int64]:
    """The training samples that a stage will see in all its epochs, ascending."""
    wanted = training.samples_per_epoch or num_samples
    seen: set[int] = set()
    for epoch in range(training.epochs):
        if len(seen) == num_samples:
            break
        seen.update(epoch_samples(order, epoch, num_wanted=wanted, num_there=num_samples))
    return np.array(sorted(seen), np.int64)


def held_out_visited(num_samples: int, training: Training) -> NDArray[np.int64]:
    """The held-out samples that are measured or drawn, ascending."""
    chosen = {*spread(num_samples, training.validation_samples), *spread(num_samples, PICTURE_SAMPLES)}
    return np.array(sorted(chosen), np.int64)


class Deriving:
    """The work of one worker of ``world_size``; each makes files of its own."""

    def __init__(
        self,
        stage: Stage,
        parts: Mapping[str, nn.Module],
        *,
        device: torch.device,
        rank: int,
        world_size: int,
        threads: int,
        deadline: float | None,
    ) -> None:
        self.stage, self.parts, self.device = stage, parts, device
        self.rank, self.world_size, self.threads = rank, world_size, threads
        self.deadline = deadline
        self.num_computed = 0

    def run(self, work: Sequence[tuple[Samples, DerivedStore]], tell: Tell) -> bool:
        """Make the files that are missing; False if time was up first. Every worker must call it."""
        whole = sum(len(store.samples) for _, store in work)
        told_at = 0.0
        for samples, store in work:
            for number in store.missing():
                if number % self.world_size != self.rank:
                    continue
                if self.deadline is not None and self.num_computed and time.time() > self.deadline:
                    break
                store.write(number, self._rows(samples, store.samples_of(number)))
                self.num_computed += len(store.samples_of(number))
                if time.monotonic() - told_at > TELL_EVERY_S:
                    tell(sum(store.num_done() for _, store in work), whole)
                    told_at = time.monotonic()
                    _check_space(work)
        if self.world_size > 1:
            distributed.barrier()
        return not any(store.missing() for _, store in work)

    def _rows(self, samples: Samples, chosen: Sequence[int]) -> list[dict[str, NDArray[Any]]]:
        """What the stage derives of these samples; threads read them ahead."""
        rows = []
        stored = prefetch(chosen, samples.__getitem__, threads=self.threads, ahead=self.threads + 1)
        bfloat16 = self.stage.training.precision == "bfloat16"
        with closing(stored), torch.no_grad(), torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            for _, sample in stored:
                row = self.stage.derive(sample, self.parts)
                if set(row) != set(self.stage.derived):
                    given, wanted = sorted(row), sorted(self.stage.derived)
                    raise ValueError(f"{type(self.stage).__name__}.derive gives {given}, not {wanted}.")
                rows.append(row)
        return rows


def _check_space(work: Sequence[tuple[Samples, DerivedStore]]) -> None:
    """``InputError`` if the files to come will not fit on the disk."""
    stores = [store for _, store in work]
    done = sum(store.num_done() for store in stores)
    left = sum(len(store.samples) for store in stores) - done
    more = left * sum(store.num_bytes() for store in stores) / max(1, done)
    free = shutil.disk_usage(stores[0].folder).free
    if more > free:
        raise InputError(
            f"{stores[0].folder}: the derived items of {left} more samples would take {more / 1e9:.1f} GB, the disk has "
            f"{free / 1e9:.1f} GB free. What was computed is kept: make room and run the same command again. Or let the stage "
            "compute them at every visit, if it has an option for that."
        )
