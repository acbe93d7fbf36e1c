"""A trial in a thread of its own that goes on an epoch at a time: it waits after each until the next is asked for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

JOIN_S = 30.0
"""A trial that is stopped within an epoch goes on to its end, or is killed after this; its last checkpoint is kept."""


class TrialStopped(BaseException):  # like KeyboardInterrupt: nothing went wrong
    """Raised in the trial's thread between two epochs when nobody wants the next one."""


class SteppedTrial:
    """``run(report)`` is called in the thread; each call of its ``report`` waits for ``next``."""

    def __init__(self, run: Callable[[Callable[[dict[str, Any]], None]], None]) -> None:
        self._run = run
        self._said: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue()
        self._go = threading.Semaphore(0)
        self._stopped = False
        self._ended = False
        self._thread: threading.Thread | None = None

    def next(self) -> dict[str, Any] | None:
        """What it reports next; None at its end. Raises what it raised."""
        if self._ended:
            return None
        if self._thread is None:
            self._thread = threading.Thread(target=self._target, daemon=True, name="trial")
            self._thread.start()
        else:
            self._go.release()
        said = self._said.get()
        if said is None or isinstance(said, BaseException):
            self._ended = True
        if isinstance(said, BaseException):
            raise said
        return said

    def stop(self) -> bool:
        """End it where it waits. True when its thread is gone."""
        self._stopped = True
        self._go.release()
        if self._thread is not None:
            self._thread.join(JOIN_S)
            return not self._thread.is_alive()
        return True

    def _target(self) -> None:
        try:
            self._run(self._report)
            self._said.put(None)
        except TrialStopped:
            self._said.put(None)
        except BaseException as error:  # handed to whoever asks for the next step
            self._said.put(error)

    def _report(self, metrics: dict[str, Any]) -> None:
        if self._stopped:
            raise TrialStopped
        self._said.put(metrics)
        self._go.acquire()
        if self._stopped:
            raise TrialStopped
