"""A pool of Ray actors that outlives its actors: jobs out, manifest entries back, in whatever order they come.

An actor whose process dies (``kill -9``, out of memory, a native crash) is replaced and the queue decides about its job.
An exception in our own code is not retried: it ends the run with its traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vitruvian.datagen.actors import BlockWorker
from vitruvian.datagen.jobs import Job, JobQueue
from vitruvian.datagen.options import DatagenOptions
from vitruvian.shards.manifest import ManifestEntry


def run_here(queue: JobQueue, options: DatagenOptions) -> Iterator[ManifestEntry]:
    """All jobs one after another in this process, without Ray."""
    worker = BlockWorker(options)
    while len(queue):
        job = queue.next()
        yield worker.make(job.block, job.skip)
        queue.done(job)


def run_on_ray(
    queue: JobQueue, options: DatagenOptions, num_actors: int, *, worker: type[BlockWorker] = BlockWorker
) -> Iterator[ManifestEntry]:
    """All jobs on ``num_actors`` actors; Ray must be running. Entries are yielded as blocks are finished."""
    import ray
    from ray.exceptions import OutOfMemoryError, RayActorError, WorkerCrashedError

    remote = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(worker)
    idle: list[Any] = [remote.remote(options) for _ in range(min(num_actors, len(queue)))]
    busy: dict[Any, tuple[Any, Job]] = {}
    while len(queue) or busy:
        while len(queue) and idle:
            actor, job = idle.pop(), queue.next()
            call = actor.probe.remote(job.block) if job.probe else actor.make.remote(job.block, job.skip)
            busy[call] = (actor, job)
        (finished,), _ = ray.wait(list(busy), num_returns=1)
        actor, job = busy.pop(finished)
        try:
            entry = ray.get(finished)
        except (RayActorError, OutOfMemoryError, WorkerCrashedError) as error:
            if getattr(error, "actor_init_failed", False):
                raise  # it never came up: no subject's fault, and a new one would not either
            idle.append(remote.remote(options))
            queue.died(job)
            continue
        idle.append(actor)
        queue.done(job)
        if entry is not None:
            yield entry
