"""Batches in their order, prepared ahead by threads.

What a batch holds is a function of (seed, epoch, place in the epoch) alone. How many workers share it, how many threads prepare
it and where a run was interrupted change nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitruvian.methods.stage import Stage
from vitruvian.train import memory_format

TRAINING_DRAWS = 0x7261696E
HELD_OUT_DRAWS = 0x68656C64
"""They open the entropy of a sample's generator: training and held-out samples never share draws, nor does the sample order."""

Job = TypeVar("Job")
Built = TypeVar("Built")


class Samples(Protocol):
    """A map-style data set of stored samples."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Mapping[str, Any]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """One worker's part of one batch."""

    step: int
    indices: tuple[int, ...]
    """Samples of the data set; at least one, so that every worker takes part in every step."""
    places: tuple[int, ...]
    """Where each stands in the epoch; its random draws come from there."""
    num_counted: int
    """0 if the batch had no sample for this worker and ``indices`` only fills in, else ``len(indices)``."""
    batch_size: int
    """Samples in the batch over all workers."""


def cut_into_shares(order: Sequence[int] | NDArray[np.int64], *, batch_size: int, rank: int, world_size: int) -> list[Share]:
    """Cut an epoch's order into batches (the last may be smaller) and take every ``world_size``-th sample of each."""
    shares = []
    for step, start in enumerate(range(0, len(order), batch_size)):
        stop = min(start + batch_size, len(order))
        mine = range(start + rank, stop, world_size)
        places = tuple(mine) or (start,)
        indices = tuple(int(order[place]) for place in places)
        shares.append(Share(step=step, indices=indices, places=places, num_counted=len(mine), batch_size=stop - start))
    return shares


def announce(samples: Samples, indices: Sequence[int]) -> None:
    """Tell samples that are fetched from elsewhere which will be read next, in this order."""
    will_read = getattr(samples, "will_read", None)
    if will_read is not None:
        will_read(indices)


def build_batch(
    samples: Samples, stage: Stage, share: Share, *, seed: int, epoch: int, training: bool
) -> dict[str, NDArray[Any]]:
    """Load a share's samples and stack them: name -> (samples, ...)."""
    domain = TRAINING_DRAWS if training else HELD_OUT_DRAWS
    built = []
    for index, place in zip(share.indices, share.places, strict=True):
        rng = np.random.default_rng((domain, seed, epoch, place))
        built.append(stage.sample(samples[index], rng, training=training))
    return {name: np.stack([sample[name] for sample in built]) for name in built[0]}


def prefetch(shares: Sequence[Job], build: Callable[[Job], Built], *, threads: int, ahead: int) -> Generator[tuple[Job, Built]]:
    """The shares in order with what ``build`` makes of each; ``threads`` threads work on up to ``ahead`` of them in advance.

    An error in ``build`` is raised here, at its turn. ``threads`` 0: build in the calling thread.
    """
    if threads == 0:
        for share in shares:
            yield share, build(share)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="loader")
    waiting: deque[tuple[Job, Future[Built]]] = deque()
    try:
        for share in shares:
            waiting.append((share, pool.submit(build, share)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def to_tensors(arrays: Mapping[str, NDArray[Any]], *, device: torch.device, channels_last: bool) -> dict[str, Tensor]:
    """The arrays on ``device``; with ``channels_last``, (B, C, H, W) and (B, C, D, H, W) arrays in that memory format."""
    tensors = {}
    for name, array in arrays.items():
        tensor = torch.from_numpy(array)
        if device.type == "cuda":
            tensor = tensor.pin_memory().to(device, non_blocking=True)
        tensors[name] = memory_format.channels_last(tensor) if channels_last else tensor
    return tensors


def training_batches(
    samples: Samples, stage: Stage, shares: Sequence[Share], *, seed: int, epoch: int, threads: int, device: torch.device
) -> Generator[tuple[Share, dict[str, Tensor]]]:
    """A worker's part of the given training batches of one epoch, as tensors."""

    def build(share: Share) -> dict[str, NDArray[Any]]:
        return build_batch(samples, stage, share, seed=seed, epoch=epoch, training=True)

    announce(samples, [index for share in shares for index in share.indices])
    with closing(prefetch(shares, build, threads=threads, ahead=threads + 1)) as built:
        for share, arrays in built:
            yield share, to_tensors(arrays, device=device, channels_last=stage.training.channels_last)
