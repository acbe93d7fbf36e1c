"""End a process that has used Ray without the destructors of its libraries.

The C++ threads of a Ray driver (gRPC, its input and output) go on after ``ray.shutdown()``. While the C library takes a process
down they may still run, and now and then one then crashes it: work that was done, and said to be, ends as "Segmentation fault".
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
from typing import NoReturn

_status: int | None = None


def prepare() -> None:
    """Call this before other libraries are imported: what they do at the interpreter's exit is then done first."""
    atexit.register(_end)


def end_with(status: int) -> None:
    """From now on, when the interpreter exits after Ray was imported, the process ends at once with this status."""
    global _status
    _status = status


def leave(status: int) -> NoReturn:
    """``sys.exit(status)``, and ``end_with`` it."""
    end_with(status)
    raise SystemExit(status)


def _end() -> None:
    if _status is None or "ray" not in sys.modules:
        return
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(_status)
