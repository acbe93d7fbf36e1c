"""Keep freed memory in the process, so that large maps are not cleared by the kernel anew at every layer."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
"""glibc's names; see mallopt(3)."""
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """From now on, large blocks come from the heap, and the heap does not shrink; whether the C library could do so (glibc).

    As it is, glibc asks the kernel for every block over 32 MiB and gives it back when freed. A training step makes hundreds of
    such blocks, and each costs a page fault, with a page cleared, for every 4 KiB: a quarter of the step. The process keeps as
    much memory as it once needed at its peak.
    """
    return _set({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: LARGEST})


def return_freed_memory() -> bool:
    """The opposite: what glibc settles on by itself in a process that frees large blocks."""
    return _set({M_MMAP_MAX: 65536, M_MMAP_THRESHOLD: 32 * 2**20, M_TRIM_THRESHOLD: 64 * 2**20})


def _set(values: dict[int, int]) -> bool:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(name, value) for name, value in values.items())
