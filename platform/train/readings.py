"""Losses on their way from the device to the history: summed over workers, checked, written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, distributed

from vitruvian.errors import InputError
from vitruvian.train.history import HistoryWriter


class DivergedError(InputError):
    """The loss is not finite any more; the same run would end so again."""


class Readings:
    """Collects the losses of up to ``group`` steps and reads them together, because a reading makes the host wait for a GPU."""

    def __init__(self, writer: HistoryWriter | None, *, group: int, world_size: int) -> None:
        self._writer = writer
        self._group = group
        self._world_size = world_size
        self._waiting: list[tuple[dict[str, Any], Tensor]] = []
        self._names: list[str] = []

    def add(self, place: dict[str, Any], addends: Mapping[str, Tensor], *, stop: bool) -> None:
        """``place`` goes into the history as it is; ``stop`` asks all workers to stop at the next reading."""
        self._names = sorted(addends)
        row = torch.stack([addends[name] for name in self._names])
        self._waiting.append((place, torch.cat([row, row.new_full((1,), float(stop))])))

    @property
    def due(self) -> bool:
        return len(self._waiting) >= self._group

    def read(self) -> bool:
        """Write what waits; True if a worker asked to stop. Every worker must call it after the same steps.

        ``InputError`` on a loss that is not finite.
        """
        if not self._waiting:
            return False
        table = torch.stack([row for _, row in self._waiting])
        if self._world_size > 1:
            distributed.all_reduce(table)
        rows = table.tolist()
        for (place, _), values in zip(self._waiting, rows, strict=True):
            scalars = dict(zip(self._names, values, strict=False))
            if not math.isfinite(scalars["loss"]):
                raise DivergedError(
                    f"Training diverged: the loss is {scalars['loss']} at step {place['step']} (epoch {place['epoch']}). "
                    f"Try a learning rate below {place['learning_rate']:g}."
                )
            if self._writer is not None:
                self._writer.write("step", **place, **scalars)
        self._waiting.clear()
        return any(values[-1] > 0 for values in rows)
