"""One live line about a long run: how far, how fast, how much, how long still."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO


def readable_seconds(seconds: float) -> str:
    """95 -> 1:35, 3700 -> 1:01:40."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def readable_bytes(num_bytes: float) -> str:
    """1 234 567 -> 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} {unit}" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.2f} TB"


class Progress:
    """On a terminal one line is redrawn; elsewhere a plain line is written now and then.

    Rates count only what this run made, so a continued run does not look faster than it is.
    """

    def __init__(
        self,
        *,
        total_subjects: int,
        done_subjects: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        plain_interval_s: float = 10.0,
    ) -> None:
        self.total, self.before, self.subjects = total_subjects, done_subjects, done_subjects
        self.views = self.num_bytes = self.quarantined = 0
        self.actors: int | None = None
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._clock = clock
        self._start = self._last = clock()
        self._interval = plain_interval_s

    def line(self) -> str:
        """What is known now."""
        seconds = self._clock() - self._start
        made = self.subjects - self.before
        text = f"datagen {self.subjects}/{self.total} subjects"
        if made and seconds > 0:
            left = (self.total - self.subjects) * seconds / made
            text += (
                f", {made / seconds:.2f} subjects/s, {self.views / seconds:.1f} views/s, "
                f"{readable_bytes(self.num_bytes)}, {readable_seconds(left)} left"
            )
        if self.quarantined:
            text += f", {self.quarantined} quarantined"
        if self.actors == 0 and self.subjects < self.total:
            text += ", waiting for actors"
        return text

    def add(self, *, subjects: int, views: int, num_bytes: int, quarantined: int = 0) -> None:
        """A block was finished: ``subjects`` counts those in quarantine too."""
        self.subjects += subjects
        self.views += views
        self.num_bytes += num_bytes
        self.quarantined += quarantined
        self._show(force=self.subjects == self.total)

    def tick(self, actors: int) -> None:
        """Nothing need have happened: ``actors`` are at work. Keeps the clock of a live line going."""
        self.actors = actors
        self._show()

    def _show(self, *, force: bool = False) -> None:
        now = self._clock()
        if self._live:
            self._stream.write(f"\r\x1b[K{self.line()}")
            self._stream.flush()
        elif force or now - self._last >= self._interval:
            self._stream.write(self.line() + "\n")
            self._stream.flush()
            self._last = now

    def close(self) -> None:
        """Leave the last line standing."""
        if self._live:
            self._stream.write("\n")
            self._stream.flush()
