"""A crew of Ray actors that outlives its members: jobs out, manifest entries back, in whatever order they come.

Bounded: a member has one job at a time and gives back a receipt, so neither the driver nor Ray's object store ever holds a
picture, and a slow disk slows the members down instead of filling a queue. Jobs go only to members that are up. A member
whose process dies (``kill -9``, out of memory, a native crash) is replaced and the queue decides about its job; when its whole
node is lost the job is simply made elsewhere. Members for whom no job is left are let go, so that their node can go too. An
exception in our own code is not retried: it ends the run with its traceback.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.pipeline.actors import BlockWorker, Spent
from vitruvian.datagen.pipeline.crew_size import CrewSize, actor_resource
from vitruvian.datagen.pipeline.jobs import Job, JobQueue
from vitruvian.shards.manifest import ManifestEntry

PATIENCE_S = 1.0
"""How often the size of the crew is looked at, and ``tick`` called, while nothing happens."""
FAILED_STARTS = 8
"""Processes in a row that die before they are up, on nodes that live; then something is wrong with the machine."""


Count = Callable[[Spent], None]
"""Is told what each finished block took."""


def run_here(queue: JobQueue, options: DatagenOptions, *, count: Count | None = None) -> Iterator[ManifestEntry]:
    """All jobs one after another in this process, without Ray."""
    worker = BlockWorker(options)
    while len(queue):
        job = queue.next()
        entry, spent = worker.make_measured(job.block, job.skip)
        if count is not None:
            count(spent)
        yield entry
        queue.done(job)


@dataclass(frozen=True, slots=True)
class Member:
    """An actor that is up, and the node it is on."""

    actor: Any
    node_id: str


class Crew:
    """Actors that are starting, idle or busy. ``size`` is asked again and again, so the crew grows with the cluster."""

    def __init__(self, worker: type[BlockWorker], options: DatagenOptions, size: CrewSize, count: Count | None = None) -> None:
        import ray

        self._count = count
        self._resource = actor_resource(options.actor_resource)
        resources = {self._resource: 1.0} if self._resource else {}
        self._remote = ray.remote(num_cpus=1, resources=resources, max_restarts=0, max_task_retries=0)(worker)
        self._options, self._size = options, size
        self._starting: dict[Any, Any] = {}
        self._idle: list[Member] = []
        self._busy: dict[Any, tuple[Member, Job, float]] = {}
        self._failed_starts = 0

    @property
    def num_busy(self) -> int:
        return len(self._busy)

    def work(self, queue: JobQueue) -> None:
        """Give a job to every idle member; hire as many as there is work and room for, let go whom there is no work for."""
        while len(queue) and self._idle:
            member, job = self._idle.pop(), queue.next()
            doer = member.actor
            call = doer.probe.remote(job.block) if job.probe else doer.make_measured.remote(job.block, job.skip)
            self._busy[call] = (member, job, time.monotonic())
        jobs_left, up = len(queue) + len(self._busy), len(self._idle) + len(self._busy)
        missing = self._size.wanted(room=self._room(), up=up, jobs_left=jobs_left) - up - len(self._starting)
        for _ in range(missing):
            actor: Any = self._remote.remote(self._options)
            self._starting[actor.node_id.remote()] = actor
        self._let_go(up + len(self._starting) - jobs_left)

    def _let_go(self, number: int) -> None:
        """So many that are not busy, the latest of those that are starting first."""
        import ray

        for _ in range(min(number, len(self._starting) + len(self._idle))):
            actor = self._starting.popitem()[1] if self._starting else self._idle.pop().actor
            ray.kill(actor)

    def _room(self) -> int:
        """The cores of the cluster, today, on which members may run."""
        import ray

        resources = ray.cluster_resources()
        return int(min(resources.get(name, 0) for name in ("CPU", self._resource) if name))

    def wait(self, queue: JobQueue) -> ManifestEntry | None:
        """Until something happens, or for a moment; the entry when it is a finished block."""
        import ray

        ready, _ = ray.wait([*self._busy, *self._starting], num_returns=1, timeout=PATIENCE_S)
        for call in ready:
            if call in self._busy:
                return self._finished(call, queue)
            self._started(call)
        return None

    def _started(self, call: Any) -> None:
        import ray
        from ray.exceptions import OutOfMemoryError, RayActorError, WorkerCrashedError

        actor = self._starting.pop(call)
        try:
            self._idle.append(Member(actor, ray.get(call)))
            self._failed_starts = 0
        except (RayActorError, OutOfMemoryError, WorkerCrashedError) as error:
            if _node_was_lost(error, None):
                return
            self._failed_starts += 1
            if getattr(error, "actor_init_failed", False) or self._failed_starts >= FAILED_STARTS:
                raise  # no subject's fault, and a new one would not come up either

    def _finished(self, call: Any, queue: JobQueue) -> ManifestEntry | None:
        import ray
        from ray.exceptions import ActorUnavailableError, OutOfMemoryError, RayActorError, WorkerCrashedError

        member, job, since = self._busy.pop(call)
        try:
            made = ray.get(call)
        except ActorUnavailableError:  # it may still run, unheard: whatever it writes is the same bytes under the same name
            ray.kill(member.actor)
            queue.lost(job)
            return None
        except (RayActorError, OutOfMemoryError, WorkerCrashedError) as error:
            if _node_was_lost(error, member.node_id):
                queue.lost(job)
            else:
                queue.died(job)
            return None
        self._idle.append(member)
        queue.done(job)
        if made is None:  # a probe
            return None
        self._size.job_took(time.monotonic() - since)
        entry, spent = made
        if self._count is not None:
            self._count(spent)
        return entry


def run_on_ray(
    queue: JobQueue,
    options: DatagenOptions,
    num_actors: int | None,
    *,
    worker: type[BlockWorker] = BlockWorker,
    tick: Callable[[int], None] | None = None,
    count: Count | None = None,
) -> Iterator[ManifestEntry]:
    """All jobs on ``num_actors`` actors; Ray must be running. None: as ``CrewSize`` says, as nodes come and go.

    Entries are yielded as blocks are finished. ``tick`` is called now and then with the number of members at work.
    """
    size = CrewSize(fixed=num_actors, grows=bool(os.environ.get("RAY_ADDRESS")), worth_s=options.actor_worth_s)
    crew = Crew(worker, options, size, count)
    while len(queue) or crew.num_busy:
        crew.work(queue)
        entry = crew.wait(queue)
        if tick is not None:
            tick(crew.num_busy)
        if entry is not None:
            yield entry


def _node_was_lost(error: BaseException, node_id: str | None) -> bool:
    """Did the actor die with its node? Then no subject is to blame. Ray's list of nodes may lag behind its message."""
    import ray

    if getattr(error, "preempted", False) or "its node has died" in str(error):
        return True
    return node_id is not None and node_id not in {node["NodeID"] for node in ray.nodes() if node["Alive"]}
