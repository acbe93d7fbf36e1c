"""Fetch what will be read soon while something else is being read, so that a training step seldom waits for the network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

THREADS = 6
AHEAD_BYTES = 2**30
"""Fetched and not yet used, at most; one file may always be."""


class ReadAhead:
    """Threads that call ``fetch(number)`` for announced numbers in their order. Errors are left to the one who then reads."""

    def __init__(
        self,
        fetch: Callable[[int], object],
        size: Callable[[int], int],
        *,
        ahead_bytes: int = AHEAD_BYTES,
        threads: int = THREADS,
    ) -> None:
        self._fetch, self._size, self._ahead, self._threads = fetch, size, ahead_bytes, threads
        self._changed = threading.Condition()
        self._waiting: list[int] = []
        self._unused: dict[int, int] = {}
        self._round = 0

    def announce(self, numbers: Sequence[int]) -> None:
        """These will be read, in this order; earlier announcements are dropped."""
        with self._changed:
            self._round += 1
            self._waiting, self._unused = list(reversed(numbers)), {}
            self._changed.notify_all()
            for _ in range(min(self._threads, len(numbers))):
                threading.Thread(target=self._work, args=(self._round,), daemon=True, name="read-ahead").start()

    def used(self, number: int) -> None:
        """It was read: there is room for another one."""
        with self._changed:
            if self._unused.pop(number, None) is not None:
                self._changed.notify_all()

    def _next(self, turn: int) -> int | None:
        with self._changed:
            while turn == self._round and self._waiting:
                size = self._size(self._waiting[-1])
                if not self._unused or sum(self._unused.values()) + size <= self._ahead:
                    number = self._waiting.pop()
                    self._unused[number] = size
                    return number
                self._changed.wait()
        return None

    def _work(self, turn: int) -> None:
        while (number := self._next(turn)) is not None:
            try:
                self._fetch(number)
            except Exception:  # the reader gets it, too, and can say what it was reading for
                self.used(number)
