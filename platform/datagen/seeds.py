"""Where all randomness of data generation comes from: (data set seed, subject position, stream, view), and nothing else."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Independent streams of one subject. Numbers are part of the data format: never change or reuse one."""

    VIEWS = 1
    SURFACE = 2
    QUERY_POINTS = 3
    BACKGROUND = 4
    TRANSFER = 8
    COLOR_POINTS = 9
    BODY = 11
    TEXTURE = 12


def generator(seed: int, subject: int, stream: Stream, view: int = 0) -> np.random.Generator:
    """The generator of one stream; ``subject`` is the position in the source, so it does not depend on blocks or actors."""
    return np.random.default_rng(entropy(seed, subject, stream, view))


def entropy(seed: int, subject: int, stream: Stream, view: int = 0) -> tuple[int, int, int, int]:
    """The same as ``generator``, for kernels that take the seed itself."""
    return (seed, subject, int(stream), view)
