"""A line that counts: how many are done, how fast, how long still."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from vitruvian.datagen.pipeline.progress import readable_seconds


def counting(what: str) -> Callable[[int, int], None]:
    """A function to be told (done, whole): redraws one line on a terminal, elsewhere writes the last one only."""
    began = time.monotonic()

    def tell(done: int, whole: int) -> None:
        seconds = max(time.monotonic() - began, 1e-9)
        left = readable_seconds((whole - done) * seconds / max(1, done))
        line = f"  {what} {done}/{whole}, {done / seconds:.1f} a second, {left} left"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line}", end="\n" if done == whole else "", file=sys.stderr, flush=True)
        elif done == whole:
            print(line, file=sys.stderr, flush=True)

    return tell
