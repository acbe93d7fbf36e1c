"""The driver's watch over a task: pass its history on to the terminal and to MLflow until it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from vitruvian.train.history import HISTORY, Event, HistoryFollower
from vitruvian.train.launch import Launched
from vitruvian.train.progress import ProgressPrinter
from vitruvian.train.tracking import Tracker

POLL_S = 0.25
FLUSH_S = 5.0


class Relay:
    """Passes what is new in a stage's history on to MLflow, and returns it. To be made before the task is launched."""

    def __init__(self, folder: Path, tracker: Tracker) -> None:
        self._folder = folder
        self._follower = HistoryFollower(folder / HISTORY)
        self._tracker = tracker
        self._pictures: list[Path] = []
        self._flushed_at = time.monotonic()
        self._warned = False
        self.poll()  # what an earlier attempt left is not shown again

    def poll(self) -> list[Event]:
        """New events. MLflow gets them now and then; if it is away, they wait for it and training goes on."""
        events = self._follower.poll()
        self._tracker.add(events)
        self._pictures += [self._folder / event["file"] for event in events if event["event"] == "picture"]
        if time.monotonic() - self._flushed_at > FLUSH_S:
            try:
                self.flush()
            except Exception as error:  # whatever the store's own dependencies raise
                if not self._warned:
                    print(f"MLflow does not answer ({type(error).__name__}: {error}); training goes on.", file=sys.stderr)
                self._warned = True
            self._flushed_at = time.monotonic()
        return events

    def flush(self) -> None:
        """Send everything that waits."""
        self._tracker.flush()
        while self._pictures:
            if self._pictures[-1].exists():
                self._tracker.add_file(self._pictures[-1], "pictures")
            self._pictures.pop()


def follow(launched: Launched, relay: Relay, printer: ProgressPrinter, *, tell: Callable[[Event], None] | None = None) -> None:
    """Until the task ends. Raises what it raised. ``tell`` gets each new event."""

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
            printer.show(relay.poll())
            raise
        pass_on()
