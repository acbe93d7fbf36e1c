"""The server without HTTP and without Ray: which models there are, who may come in, what happens to a request, what is kept."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

from vitruvian.errors import InputError
from vitruvian.serve.catalogue import Model, Pinned, Source, describe, find_sources, pin
from vitruvian.serve.clients import Buckets
from vitruvian.serve.jobs import Event, Job
from vitruvian.serve.metrics import Metrics
from vitruvian.serve.problems import Problem
from vitruvian.serve.results import Result, ResultStore
from vitruvian.serve.settings import Settings

LOG = logging.getLogger("ray.serve")


class Backend(Protocol):
    """Where the work is done."""

    def stream(self, job: Job, pinned: Pinned) -> AsyncGenerator[Event, None]:
        """The events of a job, the last of which is ``done`` or ``error``."""

    async def warm(self, pinned: Pinned) -> None:
        """Load these weights and try them. Raises ``InputError``."""


class Service:
    """One server's state. All methods run in one event loop."""

    def __init__(self, settings: Settings, backend: Backend) -> None:
        self.settings, self.limits, self.backend = settings, settings.limits, backend
        self.token = settings.token()
        self.hosts = settings.hosts or (() if self.token is None else ("*",))
        """A page that reaches a server under a wrong name has no token for it."""
        self.models: dict[str, Model] = {}
        self.sources: list[Source] = []
        self.metrics = Metrics()
        self.buckets = Buckets(per_minute=self.limits.requests_per_minute, burst=self.limits.burst)
        self.results = ResultStore(max_bytes=int(self.limits.result_megabytes * 1e6), max_age_s=self.limits.result_minutes * 60)
        self.draining = False
        self.inside = 0
        self.parallel = settings.batch_size * settings.max_replicas
        self.seconds_each = 1.0
        """Mean time between two answers while there is work, smoothed."""
        self._last_end = 0.0
        self._changing = asyncio.Lock()

    async def host(self, words: Sequence[str]) -> list[str]:
        """Host these models from now on: each is loaded and tried before it takes requests. Returns the names that changed.

        Raises ``InputError`` and leaves everything as it is if one of them cannot be hosted.
        """
        async with self._changing:
            sources = await asyncio.to_thread(find_sources, words, self.settings.store)
            return await self._switch(sources)

    async def refresh(self) -> list[str]:
        """Look what the names mean now, and switch to it. Returns the names that changed; those that cannot be changed keep
        what they have, and the log says why."""
        async with self._changing:
            changed = []
            for source in self.sources:
                try:
                    pinned = await asyncio.to_thread(pin, source)
                    if pinned.key != self.models[source.name].pinned.key:
                        changed += await self._switch([source], keep=True)
                except InputError as error:
                    LOG.warning("model %s keeps its weights: %s", source.name, error)
            return changed

    async def _switch(self, sources: list[Source], *, keep: bool = False) -> list[str]:
        models = dict(self.models) if keep else {}
        changed = []
        for source in sources:
            pinned = await asyncio.to_thread(pin, source)
            before = self.models.get(source.name)
            if before is not None and before.pinned == pinned:
                models[source.name] = before
                continue
            model = await asyncio.to_thread(describe, pinned)
            await self.backend.warm(pinned)
            models[source.name] = model
            changed.append(source.name)
        for name in changed:
            if name in self.models:
                self.metrics.changes.labels(name).inc()
                LOG.info("model %s has other weights now: %s", name, models[name].version)
        self.models = models
        if not keep:
            self.sources = sources
        self.metrics.info.clear()
        for model in models.values():
            self.metrics.info.labels(model.name, model.version).set(1)
        return changed

    def model(self, name: str | None, kind: str) -> Model:
        """The model of a request, by default the first of its kind. Raises ``Problem``."""
        fitting = [model for model in self.models.values() if model.kind == kind]
        if not fitting:
            if kind == "body":
                hint = "Host one (vitruvian serve --models ...), or ask /v1/reconstruct for the surface."
                raise Problem("no_body_model", "This server hosts no model that estimates bodies.", hint)
            raise Problem("bad_request", "This server hosts no model that recovers surfaces.", "Ask /v1/pose.")
        if not name:
            return fitting[0]
        for model in fitting:
            if model.name == name:
                return model
        names = ", ".join(model.name for model in fitting)
        raise Problem("bad_request", "There is no such method here.", f"Choose one of: {names}.")

    def admit(self) -> int:
        """Take a place; returns how many are before. Raises ``Problem`` when there is none. ``leave`` gives it back."""
        if self.draining:
            raise Problem("draining", "The server is about to stop.", "Try again in a moment.", retry_after_s=5)
        if self.inside >= self.parallel + self.limits.queue:
            wait = max(1.0, self.seconds_each * (self.inside - self.parallel))
            raise Problem("busy", "Too many requests are waiting.", "Try again later.", retry_after_s=min(wait, 120))
        before = self.inside
        self.inside += 1
        self._tell()
        return before

    def leave(self) -> None:
        now = time.monotonic()
        self.inside -= 1
        if self.inside > 0 and self._last_end:
            self.seconds_each += 0.1 * (min(now - self._last_end, 30) - self.seconds_each)
        self._last_end = now if self.inside else 0.0
        self._tell()

    async def run(self, job: Job, model: Model) -> AsyncGenerator[Event, None]:
        """The events of an admitted job. The last is ``done``, or ``error`` with a ``Problem``; never raises these."""
        events = self.backend.stream(job, model.pinned)
        try:
            while True:
                kind, facts = await asyncio.wait_for(anext(events), max(0.0, job.deadline - time.time()))
                if kind == "loaded":
                    self.metrics.loads.labels(model.name).inc()
                    self.metrics.load_seconds.labels(model.name).observe(facts["seconds"])
                    continue
                if kind == "done":
                    self._count(facts, model)
                yield kind, facts
                if kind in ("done", "error"):
                    return
        except TimeoutError:
            problem = Problem(
                "timed_out",
                f"The request took longer than {self.limits.seconds:g} seconds.",
                "Send a smaller resolution, or try again later.",
                retry_after_s=10,
            )
            yield "error", {"problem": problem}
        except Problem as problem:
            yield "error", {"problem": problem}
        except Exception:
            LOG.exception("request %s failed", job.request_id)
            yield "error", {"problem": Problem("internal", "The request failed here.", "The server's log says why.")}
        finally:
            await events.aclose()

    def keep(self, facts: dict[str, Any]) -> str:
        """Keep what a job made; returns the id under which it can be fetched."""
        identity = self.results.add(Result(glb=facts["content"], mesh=facts["mesh"]))
        self._tell()
        return identity

    def new_request_id(self) -> str:
        return secrets.token_hex(8)

    def _count(self, facts: dict[str, Any], model: Model) -> None:
        self.metrics.batches.labels(model.name).observe(facts["batch_size"])
        for step, seconds in facts["timings_s"].items():
            self.metrics.steps.labels(model.name, step).observe(seconds)

    def _tell(self) -> None:
        self.metrics.inside.set(self.inside)
        self.metrics.waiting.set(max(0, self.inside - self.parallel))
        self.metrics.results.set(len(self.results))
        self.metrics.result_bytes.set(self.results.num_bytes)
