"""What the tests of serving share: pictures, events, and a service that computes in this process."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import warnings
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would like another version of httpx
    from starlette.testclient import TestClient

from vitruvian.serve.catalogue import Pinned
from vitruvian.serve.engine import Engine, LoadedModel, load_model
from vitruvian.serve.jobs import Event, Job

PHOTOGRAPHS = Path(__file__).resolve().parents[1] / "golden" / "photographs"
Serve = Callable[..., TestClient]


def png(width: int = 64, height: int = 64, *, colour: tuple[int, int, int] = (90, 120, 150), **options: Any) -> bytes:
    """A plain picture."""
    return encoded(np.full((height, width, 3), colour, np.uint8), "PNG", **options)


def encoded(pixels: np.ndarray, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


class LocalBackend:
    """What Ray does in a real server: jobs go to an engine's threads, events come back."""

    def __init__(self) -> None:
        self.engine = Engine(cores=1)
        self.models: dict[str, LoadedModel] = {}
        self.hold: threading.Event | None = None
        """Jobs wait for it, if there is one."""
        self.fail: Exception | None = None

    async def stream(self, job: Job, pinned: Pinned) -> AsyncGenerator[Event, None]:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event] = asyncio.Queue()
        if self.fail is not None:
            raise self.fail

        def work() -> None:
            if self.hold is not None:
                self.hold.wait(20)
            model = self.models[pinned.model_id]

            def emit(event: Event) -> None:
                loop.call_soon_threadsafe(events.put_nowait, event)

            if job.task == "pose":
                self.engine.run_bodies(model, [(job, emit)])
            else:
                self.engine.run(model, job, emit)

        future = loop.run_in_executor(self.engine.pool if self.hold is None else None, work)
        while True:
            event = await events.get()
            yield event
            if event[0] in ("done", "error"):
                await future
                return

    async def warm(self, pinned: Pinned) -> None:
        self.models[pinned.model_id] = await asyncio.to_thread(load_model, pinned)


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Server-sent events as pairs."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found
