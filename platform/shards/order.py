"""The order in which samples are seen: a pure function of (seed, epoch), the same whatever the number of workers.

One global order is drawn; worker r of w takes every w-th sample from r on. So step k of an epoch holds the same samples on 1 or
N workers, and (seed, epoch, step, world size) resume any run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray


def global_order(
    num_samples: int,
    *,
    seed: int,
    epoch: int,
    shard_sizes: Sequence[int] | NDArray[np.int64] | None = None,
    window: int = 4096,
) -> NDArray[np.int64]:
    """A permutation of ``range(num_samples)``.

    Without ``shard_sizes`` every order is equally likely: right when the data fits in memory. With them (they must sum to
    ``num_samples``) shards are read one after another in random order, and samples are mixed within windows of ``window``
    samples that slide by a random phase, so a disk reads sequentially.
    """
    rng = np.random.default_rng((seed, epoch))
    if shard_sizes is None:
        return rng.permutation(num_samples)
    sizes = np.asarray(shard_sizes, np.int64)
    if sizes.sum() != num_samples:
        raise ValueError(f"global_order: shard_sizes sum to {sizes.sum()}; there are {num_samples} samples.")
    if window < 1:
        raise ValueError(f"global_order: window is {window}; it must be at least 1.")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    order = np.concatenate(
        [np.arange(starts[s], starts[s + 1]) for s in rng.permutation(len(sizes))] or [np.zeros(0, np.int64)]
    )
    phase = int(rng.integers(window))
    for start in range(-phase, num_samples, window):
        rng.shuffle(order[max(start, 0) : start + window])
    return order


def epoch_order(
    num_samples: int,
    *,
    seed: int,
    epoch: int,
    rank: int = 0,
    world_size: int = 1,
    uneven: Literal["keep", "drop", "repeat"] = "keep",
    shard_sizes: Sequence[int] | NDArray[np.int64] | None = None,
    window: int = 4096,
) -> NDArray[np.int64]:
    """The samples of worker ``rank`` in one epoch, in order.

    ``uneven`` decides when ``num_samples`` is no multiple of ``world_size``: ``keep`` (some workers get one sample more; each
    sample exactly once), ``drop`` the rest, or ``repeat`` samples from the start so that all get equally many.
    """
    if not 0 <= rank < world_size:
        raise ValueError(f"epoch_order: rank is {rank}; it must be within 0..{world_size - 1}.")
    order = global_order(num_samples, seed=seed, epoch=epoch, shard_sizes=shard_sizes, window=window)
    rest = num_samples % world_size
    if rest and uneven == "drop":
        order = order[: num_samples - rest]
    elif rest and uneven == "repeat":
        order = np.resize(order, num_samples + world_size - rest)
    return order[rank::world_size]
