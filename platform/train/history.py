"""The record of a run: one JSON line an event, in ``history.jsonl``.

The worker of rank 0 writes it; the driver follows it to show progress and to fill MLflow, and reports draw loss curves from it.
After an interruption it is cut back to the checkpoint, so every step stands in it exactly once.

Events: ``deriving`` (so many samples have their derived items), ``derived`` (all have; how many, bytes, seconds),
``start`` (an attempt begins: position, steps an epoch, workers, device), ``step`` (loss, learning rate, scalars of the
stage; ``step`` counts over all epochs, from 0), ``epoch`` (held-out metrics after it), ``picture`` (a path in the folder).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

HISTORY = "history.jsonl"
Event = dict[str, Any]


def _parse(text: str) -> list[Event]:
    """Whole lines only; the last one may be torn."""
    complete, _, _ = text.rpartition("\n")
    return [json.loads(line) for line in complete.splitlines()] if complete else []


def read_history(path: Path) -> list[Event]:
    """All events so far; none if there is no file yet."""
    return _parse(path.read_text()) if path.exists() else []


def cut_back(path: Path, *, num_steps: int, num_epochs: int) -> None:
    """Keep the first ``num_steps`` steps and the ends of the first ``num_epochs`` epochs, and what came before them."""

    def kept(event: Event) -> bool:
        if event["event"] in ("deriving", "derived"):
            return bool(event["event"] == "derived")
        if event["event"] == "step":
            return event["step"] < num_steps
        if event["event"] == "start":
            return event["step"] <= num_steps
        return event["epoch"] < num_epochs

    events = [event for event in read_history(path) if kept(event)]
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("".join(json.dumps(event) + "\n" for event in events))
    temporary.replace(path)


class HistoryWriter:
    """Appends events; each line reaches the file at once."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", buffering=1)

    def write(self, event: str, **values: Any) -> None:
        self._file.write(json.dumps({"event": event, **values}) + "\n")

    def close(self) -> None:
        self._file.close()


class HistoryFollower:
    """Yields each event of a growing history once, also across cuts (a cut replaces the file, and steps are then repeated)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = -1
        self._offset = 0
        self._last_step = -1
        self._last_epoch = -1
        self._seen: set[str] = set()

    def poll(self) -> list[Event]:
        """What is new since the last call."""
        try:
            with self._path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                if inode != self._inode:
                    self._inode, self._offset = inode, 0
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        complete = data[: data.rfind(b"\n") + 1]
        self._offset += len(complete)
        return [event for event in _parse(complete.decode()) if self._is_new(event)]

    def _is_new(self, event: Mapping[str, Any]) -> bool:
        if event["event"] == "step":
            new = event["step"] > self._last_step
            self._last_step = max(self._last_step, event["step"])
        elif event["event"] == "epoch":
            new = event["epoch"] > self._last_epoch
            self._last_epoch = max(self._last_epoch, event["epoch"])
        else:
            key = json.dumps(event)
            new = key not in self._seen
            self._seen.add(key)
        return new
