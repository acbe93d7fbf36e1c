"""One writer a folder. The system drops the lock when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitruvian.errors import InputError


@contextmanager
def hold(path: Path, *, wait_s: float) -> Iterator[None]:
    """Hold the lock file ``path`` within the block. ``InputError`` if somebody else still holds it after ``wait_s``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InputError(
                        f"{path.parent}: another training run is writing here. Wait for it, or train into another folder."
                    ) from None
                time.sleep(0.1)
        yield
