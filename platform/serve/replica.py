"""The Ray Serve deployment that computes: an ``Engine`` with models that are loaded when asked for, and batches of pictures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from ray import serve

from vitruvian.errors import InputError
from vitruvian.serve.catalogue import Pinned, find_sources, pin
from vitruvian.serve.engine import Engine, LoadedModel, load_model
from vitruvian.serve.jobs import Event, Job
from vitruvian.serve.problems import Problem
from vitruvian.serve.ray_ports import listen_on_loopback
from vitruvian.serve.settings import settings_from
from vitruvian.serve.worker import Worker

LOG = logging.getLogger("ray.serve")


@dataclass(slots=True)
class Work:
    """A job in a batch, and whoever listens to it."""

    job: Job
    pinned: Pinned
    loop: asyncio.AbstractEventLoop
    events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)
    abandoned: bool = False

    def emit(self, event: Event) -> None:
        """From any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.events.put_nowait, event)


class Models:
    """One replica. Bound with plain values, so that a config file can deploy it."""

    async def __init__(self, settings: dict[str, Any]) -> None:  # type: ignore[misc]
        listen_on_loopback()
        self.settings = settings_from(settings)
        self.engine = Engine(cores=1, device=self.settings.device)
        self.broken = False
        self.workers = self._start_workers()
        self.free: asyncio.Queue[Any] = asyncio.Queue()
        for worker in (None, *self.workers):  # None: this process
            self.free.put_nowait(worker)
        self.pins: dict[str, Pinned] = {}
        self.load = serve.multiplexed(max_num_models_per_replica=self.settings.models_per_replica)(self._loader())
        size = self.settings.batch_size
        self.room = asyncio.Semaphore(size)
        self.inside = 0
        self.batch = serve.batch(
            max_batch_size=size,
            batch_wait_timeout_s=self.settings.batch_wait_s,
            max_concurrent_batches=min(size, self.settings.cores_per_replica),
        )(self._batcher())
        sources = await asyncio.to_thread(find_sources, self.settings.models, self.settings.store)
        for source in sources[: self.settings.models_per_replica]:
            await self.warm(await asyncio.to_thread(pin, source))

    async def warm(self, pinned: Pinned) -> None:
        """Load these weights and make one small pass. Raises ``InputError``."""
        model, _ = await self._model(pinned)
        warm = asyncio.get_running_loop().run_in_executor(self.engine.pool, self.engine.warm, model)
        await asyncio.gather(warm, *(worker.warm.remote(pinned) for worker in self.workers))

    async def stream(self, job: Job, pinned: Pinned) -> AsyncGenerator[Event, None]:
        """The events of a job; the last is ``done`` or ``error``.

        Ray forms a batch of what comes within ``batch_wait_s``, also while another one is in work. So a job goes there only
        when there is room for it: then those that waited go together, and one that comes alone does not hold up a core.
        """
        async with self.room:
            self.inside += 1
            try:
                async for event in self._stream(job, pinned):
                    yield event
            finally:
                self.inside -= 1

    async def _stream(self, job: Job, pinned: Pinned) -> AsyncGenerator[Event, None]:
        work = Work(job, pinned, asyncio.get_running_loop())
        task = asyncio.create_task(self.batch(work))
        try:
            while True:
                getting = asyncio.ensure_future(work.events.get())
                await asyncio.wait([getting, task], return_when=asyncio.FIRST_COMPLETED)
                if not getting.done() and task.done():
                    await asyncio.wait([getting], timeout=1)  # the last events are on their way
                if not getting.done():
                    getting.cancel()
                    task.result()
                    raise ConnectionError("a job has no end")
                event = getting.result()
                yield event
                if event[0] in ("done", "error"):
                    return
        finally:
            work.abandoned = True
            if task.done() and not task.cancelled():
                task.exception()  # has been told
            else:
                task.cancel()

    def check_health(self) -> None:
        """Ray replaces a replica in which this raises."""
        if self.broken:
            raise ConnectionError("a worker of this replica has died")
        self.engine.pool.submit(int)

    def _start_workers(self) -> list[Any]:
        """Processes beside this one, so that there is one for each core; without them this process computes by itself."""
        import ray

        count = self.settings.cores_per_replica - 1
        options = {"num_cpus": 0, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}}}
        actor = ray.remote(Worker).options(**options)
        given = {"num_models": self.settings.models_per_replica, "device": self.settings.device}
        return [actor.remote(**given) for _ in range(count)]

    async def _model(self, pinned: Pinned) -> tuple[LoadedModel, bool]:
        """The weights, and whether they had to be loaded now."""
        known = len(self.pins)
        self.pins[pinned.model_id] = pinned
        if known > 200:  # of long ago
            self.pins.pop(next(iter(self.pins)))
        before = self.loads
        model: LoadedModel = await self.load(pinned.model_id)
        return model, self.loads > before

    def _loader(self) -> Any:
        self.loads = 0

        async def load_weights(model_id: str) -> LoadedModel:
            self.loads += 1
            model = await asyncio.to_thread(load_model, self.pins[model_id], self.settings.device)
            LOG.info("model %s loaded in %.2f s", model_id, model.seconds)
            return model

        return load_weights

    def _batcher(self) -> Any:
        async def batch(works: list[Work]) -> list[None]:
            by_model: dict[str, list[Work]] = {}
            for work in works:
                if not work.abandoned:
                    by_model.setdefault(work.pinned.model_id, []).append(work)
            for group in by_model.values():
                await self._compute(group)
            return [None] * len(works)

        return batch

    async def _compute(self, works: list[Work]) -> None:
        loop = asyncio.get_running_loop()
        try:
            model, loaded_now = await self._model(works[0].pinned)
        except Exception as error:
            LOG.error("model %s cannot be loaded: %s", works[0].pinned.model_id, error)
            hint = "Try again: its weights may just be changing." if isinstance(error, InputError) else ""
            for work in works:
                work.emit(("error", {"problem": Problem("internal", "The model cannot be loaded.", hint)}))
            return
        if loaded_now:
            works[0].emit(("loaded", {"seconds": model.seconds}))
        if works[0].job.task == "pose":
            jobs = [(work.job, work.emit) for work in works]
            await loop.run_in_executor(self.engine.pool, self.engine.run_bodies, model, jobs)
            return
        await asyncio.gather(*(self._one(model, work) for work in works))

    async def _one(self, model: LoadedModel, work: Work) -> None:
        """One picture, by the process that is free first: this one is one of them."""
        worker = await self.free.get()
        try:
            if work.abandoned:  # its client has left while it waited
                work.emit(("error", {"problem": Problem("timed_out", "Nobody waits for it.")}))
            elif worker is None:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self.engine.pool, self.engine.run, model, work.job, work.emit, self.inside)
            else:
                async for reference in worker.run.options(num_returns="streaming").remote(work.pinned, work.job, self.inside):
                    work.emit(await reference)
        except Exception as error:
            from ray.exceptions import RayActorError

            LOG.exception("request %s failed in a worker", work.job.request_id)
            self.broken = self.broken or isinstance(error, RayActorError)
            work.emit(("error", {"problem": Problem("internal", "The request failed here.", "Try again.")}))
        finally:
            self.free.put_nowait(worker)
