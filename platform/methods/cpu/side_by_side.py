"""Several pictures at the same time, one a core: sooner than one after the other with all cores for each.

A reconstruction alternates between networks, which torch spreads over threads, and grids and meshes, which one thread does.
With all cores for one picture most of them wait most of the time. What takes long releases Python's lock: torch, OpenCV, the
kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import cv2
import torch

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def one_thread_each() -> None:
    """For each thread of a pool, before its first work: libraries compute in that thread alone. Other threads keep theirs."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def picture_pool(cores: int) -> ThreadPoolExecutor:
    """Threads that each compute alone; the owner shuts them down."""
    return ThreadPoolExecutor(cores, thread_name_prefix="picture", initializer=one_thread_each)


def side_by_side(work: Callable[[Item], Answer], items: Iterable[Item], *, cores: int) -> list[Answer]:
    """``work`` of each item, in their order, so many at a time. The first exception is raised when all are done."""
    with picture_pool(cores) as pool:
        futures = [pool.submit(work, item) for item in items]
    return [future.result() for future in futures]
