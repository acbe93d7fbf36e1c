"""What a user sees of a training run: a line an epoch, and between them a bar, or without a terminal a line now and then."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from vitruvian.datagen.pipeline.progress import readable_bytes
from vitruvian.train.history import Event

LINE_EVERY_S = 20.0


def duration(seconds: float) -> str:
    """``42 s``, ``3 m 07 s``, ``2 h 05 m``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


class ProgressPrinter:
    """Shows the events of a history as they come. Use as a context; ``shown`` False keeps silent."""

    def __init__(self, title: str, *, shown: bool = True, console: Console | None = None) -> None:
        self._title = title
        self._console = console or Console(quiet=not shown, highlight=False)
        self._bar: Progress | None = None
        self._start: Event | None = None
        self._recent: deque[tuple[int, float]] = deque(maxlen=30)
        self._epoch_losses: list[float] = []
        self._first: tuple[int, float] | None = None
        self._line_at = time.monotonic()

    def __enter__(self) -> ProgressPrinter:
        if self._console.is_terminal and not self._console.quiet:
            columns = (TextColumn("  {task.description}"), BarColumn(bar_width=30), TextColumn("{task.fields[rest]}"))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("starting workers", total=None, rest="")
            self._bar.start()
        return self

    def __exit__(self, *unused: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, events: list[Event]) -> None:
        for event in events:
            if event["event"] in ("deriving", "derived"):
                self._show_deriving(event)
            elif event["event"] == "start":
                self._show_start(event)
            elif self._start is None:  # from an earlier attempt, whose worker was still dying
                continue
            elif event["event"] == "step":
                self._recent.append((event["step"], event["seconds"]))
                self._first = self._first or self._recent[0]
                self._epoch_losses.append(event["loss"])
            elif event["event"] == "epoch":
                self._show_epoch(event)
        if self._recent and self._start is not None:
            self._show_place(events)

    def _show_start(self, event: Event) -> None:
        self._start, self._first, self._line_at = event, None, time.monotonic()
        self._recent.clear()
        self._epoch_losses.clear()
        workers = f"{event['world_size']} worker" + "s" * (event["world_size"] != 1)
        self._print(
            f"{self._title}: {event['parameters'] / 1e6:.1f} M parameters, {event['epochs']} epochs of "
            f"{event['steps_per_epoch']} steps, {event['batch_size']} samples a step, {workers} on {event['device']}"
        )
        if event["step"]:
            epoch, step = divmod(event["step"], event["steps_per_epoch"])
            self._print(f"  continuing after epoch {epoch}, step {step}")

    def _show_deriving(self, event: Event) -> None:
        """How far the items are that are computed once, before the training."""
        what = f"computing {', '.join(event['names'])} once"
        if event["event"] == "derived":
            rate = event["computed"] / max(event["seconds"], 1e-9)
            rounding = f", rounded by {event['largest_error']:.1g} at most" if event["precision"] == "float16" else ""
            self._print(
                f"{self._title}: {', '.join(event['names'])} of {event['samples']} samples computed once "
                f"({readable_bytes(event['bytes'])}, {duration(event['seconds'])}, {rate:.1f} samples/s{rounding})"
            )
            return
        done, whole = event["done"], event["whole"]
        rate = (done - event["before"]) / max(event["seconds"], 1e-9)
        left = duration((whole - done) / rate) if rate else "?"
        rest = f"{rate:.1f} samples/s  {left} left"
        if self._bar is not None:
            self._bar.update(self._task, description=what, total=whole, completed=done, rest=rest)
        elif time.monotonic() - self._line_at > LINE_EVERY_S:
            self._print(f"  {what}: {done}/{whole}  {rest}")
            self._line_at = time.monotonic()

    def _show_epoch(self, event: Event) -> None:
        assert self._start is not None
        parts = [f"  epoch {event['epoch'] + 1}/{self._start['epochs']}"]
        if self._epoch_losses:
            parts.append(f"loss {sum(self._epoch_losses) / len(self._epoch_losses):.4g}")
        parts += [f"{name} {value:.4g}" for name, value in event["metrics"].items()]
        parts.append(f"{self._rate():.1f} samples/s")
        parts.append(duration(event["seconds"]))
        self._print("  ".join(parts))
        self._epoch_losses.clear()
        self._line_at = time.monotonic()

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False)

    def _rate(self) -> float:
        """Samples a second, lately."""
        if len(self._recent) < 2 or self._start is None:
            return 0.0
        (first, began), (last, ended) = self._recent[0], self._recent[-1]
        return (last - first) * self._start["batch_size"] / max(ended - began, 1e-9)

    def _show_place(self, events: list[Event]) -> None:
        assert self._start is not None and self._first is not None
        per_epoch, total = self._start["steps_per_epoch"], self._start["epochs"] * self._start["steps_per_epoch"]
        step, seconds = self._recent[-1]
        steps = [event for event in events if event["event"] == "step"]
        loss = f"loss {steps[-1]['loss']:.4g}" if steps else ""
        per_step = (seconds - self._first[1]) / max(step - self._first[0], 1)
        left = duration((total - step - 1) * per_step) if step > self._first[0] else "?"
        place = f"epoch {step // per_epoch + 1}/{self._start['epochs']} step {step % per_epoch + 1}/{per_epoch}"
        rest = f"{loss}  {self._rate():.1f} samples/s  {left} left"
        if self._bar is not None:
            if steps:
                fields: dict[str, Any] = {"rest": rest}
                self._bar.update(self._task, description=place, total=total, completed=step + 1, **fields)
        elif steps and time.monotonic() - self._line_at > LINE_EVERY_S:
            self._print(f"  {place}  {rest}")
            self._line_at = time.monotonic()
