"""Which samples an epoch visits, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Order = Callable[[int], Sequence[int]]
"""Number of a pass over the data -> all its samples in their order, over all workers."""


def epoch_samples(order: Order, epoch: int, *, num_wanted: int, num_there: int) -> list[int]:
    """``num_wanted`` samples: as many passes over the data as that takes, the last one cut short."""
    passes = math.ceil(num_wanted / num_there)
    samples: list[int] = []
    for part in range(passes):
        samples.extend(int(index) for index in order(epoch * passes + part))
    return samples[:num_wanted]
