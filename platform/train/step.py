"""One optimisation step, the same for one worker and for many.

The gradient is that of the mean loss over the whole batch, whatever way the batch is spread over workers and passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vitruvian.methods.stage import Batch, Stage, seed_torch
from vitruvian.train.loader import Share
from vitruvian.train.rivals import RATE_FACTOR, Optimizer

STEP_DRAWS = 0x73746570


class Objective(nn.Module):
    """A stage's loss as a module, so that DistributedDataParallel can wrap it whatever the loss calls on the network.

    The networks of its ``parts`` are used, but are none of its own: neither trained nor kept in step between workers.
    """

    def __init__(self, stage: Stage, network: nn.Module, parts: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.stage = stage
        self.network = network
        self._parts = dict(parts)

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        device = next(iter(batch.values())).device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.stage.training.precision == "bfloat16"):
            with torch.no_grad():
                batch = self.stage.prepare(batch, self._parts, training=True)
            return self.stage.loss(self.network, batch)


def seed_step(seed: int, *, epoch: int, step: int, rank: int) -> None:
    """Seed torch for a step (dropout and the like), so that a resumed run draws what an undisturbed one draws."""
    seed_torch(
        int(np.random.SeedSequence((STEP_DRAWS, seed, epoch, step, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    )


def split_batch(batch: Batch, parts: int) -> Iterator[tuple[float, Batch]]:
    """Up to ``parts`` pieces of a batch, each with its share of the samples."""
    size = len(next(iter(batch.values())))
    edges = np.linspace(0, size, min(parts, size) + 1).round().astype(int)
    for start, stop in pairwise(edges.tolist()):
        yield (stop - start) / size, {name: tensor[start:stop] for name, tensor in batch.items()}


def take_step(
    objective: Objective | DistributedDataParallel,
    optimizer: Optimizer,
    batch: Batch,
    share: Share,
    *,
    stage: Stage,
    rate: float,
    world_size: int,
) -> Mapping[str, Tensor]:
    """Move the weights once. Returns this worker's addends to the batch's ``loss`` and scalars: sum them over workers."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(RATE_FACTOR, 1.0)
    optimizer.zero_grad(set_to_none=True)
    pieces = list(split_batch(batch, stage.training.accumulate))
    totals: dict[str, Tensor] = {}
    for number, (fraction, piece) in enumerate(pieces):
        weight = fraction * share.num_counted / share.batch_size
        wait = isinstance(objective, DistributedDataParallel) and number < len(pieces) - 1
        with objective.no_sync() if wait else nullcontext():  # type: ignore[operator]
            loss, scalars = objective(piece)
            (loss * (weight * world_size)).backward()  # DistributedDataParallel divides by the number of workers
        for name, value in {"loss": loss, **scalars}.items():
            addend = value.detach().float() * weight
            totals[name] = totals[name] + addend if name in totals else addend
    if stage.training.clip_gradient_norm is not None:
        nn.utils.clip_grad_norm_(objective.parameters(), stage.training.clip_gradient_norm)
    optimizer.step()
    return totals
