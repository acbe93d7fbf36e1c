"""The driver's watch over a task: pass its history on to the terminal and to MLflow until it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vitruvian.mlflow_store import store_error
from vitruvian.storage.faults import StorageError
from vitruvian.train.history import HISTORY, Event, HistoryFollower
from vitruvian.train.launch import Launched
from vitruvian.train.progress import ProgressPrinter
from vitruvian.train.tracking import Tracker
from vitruvian.usage import read_usage

POLL_S = 0.25
FLUSH_S = 5.0
PATIENCE_S = 300.0
"""At most so long between two attempts to reach a store that is away; each attempt holds up the watch for some seconds."""
USAGE_S = 60.0
"""Between two records of what the training has cost."""


class Relay:
    """Passes what is new in a stage's history on to MLflow, and returns it. To be made before the task is launched."""

    def __init__(self, folder: Path, tracker: Tracker) -> None:
        self._folder = folder
        self._follower = HistoryFollower(folder / HISTORY)
        self._tracker = tracker
        self._pictures: list[Path] = []
        self._flushed_at = self._usage_at = time.monotonic()
        self._wait_s = FLUSH_S
        self._batch_size = self._step = 0
        self._seconds = 0.0
        self.poll()  # what an earlier attempt left is not shown again

    def poll(self) -> list[Event]:
        """New events. MLflow gets them now and then; if it is away, they wait for it and training goes on."""
        events = self._follower.poll()
        self._tracker.add(events)
        for event in events:
            self._batch_size = event.get("batch_size", self._batch_size)
            if event["event"] == "step":
                self._step, self._seconds = event["step"], event["seconds"]
        self._pictures += [self._folder / event["file"] for event in events if event["event"] == "picture"]
        if time.monotonic() - self._flushed_at > self._wait_s:
            try:
                self.flush(usage=time.monotonic() - self._usage_at > USAGE_S)
                if self._wait_s > FLUSH_S:
                    print("MLflow answers again; it has been sent all that had waited.", file=sys.stderr)
                self._wait_s = FLUSH_S
            except Exception as error:  # whatever the store's own dependencies raise
                if self._wait_s == FLUSH_S:
                    print(f"{store_error(self._tracker.uri, error)} Training goes on; MLflow gets it later.", file=sys.stderr)
                self._wait_s = min(2 * self._wait_s, PATIENCE_S)
            self._flushed_at = time.monotonic()
        return events

    def flush(self, *, usage: bool = True) -> None:
        """Send everything that waits, and with ``usage`` what it has cost so far."""
        self._tracker.flush()
        if usage and (spent := read_usage(self._folder)).attempts:
            rate = (self._step + 1) * self._batch_size / self._seconds if self._seconds else None
            self._tracker.add_usage(spent, step=self._step, samples_per_second=rate)
            self._usage_at = time.monotonic()
        while self._pictures:
            if self._pictures[-1].exists():
                self._tracker.add_file(self._pictures[-1], "pictures")
            self._pictures.pop()


def follow(
    launched: Launched,
    relay: Relay,
    printer: ProgressPrinter,
    *,
    tell: Callable[[Event], None] | None = None,
    ended: Callable[[], None] = lambda: None,
) -> None:
    """Until the task ends. Raises what it raised. ``tell`` gets each new event; ``ended`` is called after the task's end,
    before the last look."""

    def pass_on() -> None:
        events = relay.poll()
        printer.show(events)
        for event in events if tell is not None else ():
            tell(event)  # type: ignore[misc]  # the line above asks

    with printer:
        try:
            while not launched.wait(POLL_S):
                pass_on()
        except BaseException:
            with suppress(StorageError):  # the error at hand is the one to report
                ended()
            printer.show(relay.poll())
            raise
        ended()
        pass_on()
