"""Running a task: on Ray Train's workers, or in this process."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from vitruvian.errors import InputError
from vitruvian.methods.stage import Stage
from vitruvian.storage.faults import StorageError
from vitruvian.storage.objects import arrow_file_system, path_of, remove_tree
from vitruvian.storage.url import absolute
from vitruvian.train.options import TrainOptions
from vitruvian.train.worker import Task, carry_out

RAY_TRAIN_ENVIRONMENT = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",  # a dead worker is noticed, and the end seen, within half a second
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "900",  # a cluster may have to start a machine first
}


def worker_environment(cpus: int) -> dict[str, str]:
    """Threads that wait for each other sleep instead of spinning: loader threads share the worker's cores, and a thread that
    spins while another one waits for its core makes a step several times longer."""
    wanted = {"OMP_NUM_THREADS": str(cpus), "OMP_WAIT_POLICY": "passive"}
    return {name: os.environ.get(name, value) for name, value in wanted.items()}


class Launched:
    """A task that runs in a background thread of this process, so that the main thread can follow it and be interrupted."""

    def __init__(self, run: Callable[[], None]) -> None:
        self._error: BaseException | None = None

        def target() -> None:
            try:
                run()
            except BaseException as error:  # handed to the main thread, whatever it is
                self._error = error

        self._thread = threading.Thread(target=target, daemon=True, name="training")
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """True when the task has ended; raises what it raised."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise self._error
        return True


def launch_here(task: Task, device: str) -> Launched:
    """Run the task in this process, without Ray."""
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if chosen == "cuda" and not torch.cuda.is_available():
        raise InputError("device is cuda, but torch sees no GPU here. Leave the device to auto, or install torch for CUDA.")
    return Launched(lambda: carry_out(task, device=chosen))


def choose_num_workers(options: TrainOptions, stages: Sequence[Stage]) -> int:
    """As many as were asked for; else one for each GPU of this machine, and without GPUs two where there are cores for them:
    on a CPU a step's small operations do not fill two cores. One where a stage trains a rival, and for GPUs of a cluster,
    whose number this machine does not know."""
    if options.num_workers is not None:
        return options.num_workers
    if any(stage.rival is not None for stage in stages):
        return 1
    gpus = 0 if options.device == "cpu" else torch.cuda.device_count()
    if options.device == "cuda" and not gpus and os.environ.get("RAY_ADDRESS"):
        return 1
    cores = len(os.sched_getaffinity(0)) // (options.cpus_per_worker or 1)
    return gpus or max(1, min(2, cores))


def share_of_cpus(num_workers: int, *, wanted: int | None) -> int:
    """Cores for each worker, by default as many as there are on all machines such that every worker fits on one; ``InputError``
    if this machine does not have them (a cluster may still grow)."""
    if num_workers == 0:
        return wanted or len(os.sched_getaffinity(0))
    import ray

    cpus = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    total = sum(cpus)
    share = wanted or largest_share(num_workers, cpus)
    if share * num_workers > total and not os.environ.get("RAY_ADDRESS"):
        raise InputError(
            f"num-workers is {num_workers} with {share} CPUs each, but Ray has {total} CPUs here. Ask for fewer, or set "
            "RAY_ADDRESS to a larger cluster."
        )
    return share


def largest_share(num_workers: int, cpus: Sequence[int]) -> int:
    """The most cores for each of the workers such that all of them find room on machines with so many; at least 1."""
    shares = range(max(cpus, default=0), 1, -1)
    return next((share for share in shares if sum(each // share for each in cpus) >= num_workers), 1)


def launch_on_ray(task: Task, *, num_workers: int, device: str, max_restarts: int) -> Launched:
    """Run the task on Ray Train; Ray must be running. Workers that die are replaced and continue from the last checkpoint."""
    for name, value in RAY_TRAIN_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    num_gpus = int(ray.cluster_resources().get("GPU", 0))
    if device == "cuda" and num_gpus < num_workers and not os.environ.get("RAY_ADDRESS"):
        raise InputError(f"device is cuda with {num_workers} workers, but Ray has {num_gpus} GPUs. Use --device auto or cpu.")
    use_gpu = device == "cuda" or (device == "auto" and num_gpus >= num_workers)
    resources = {"CPU": float(task.cpus)} | ({"GPU": 1.0} if use_gpu else {})
    storage = absolute(task.folder / "ray")

    def run() -> None:
        trainer = TorchTrainer(
            _ray_worker,
            train_loop_config={"task": task},
            torch_config=TorchConfig(backend="nccl" if use_gpu else "gloo"),
            scaling_config=ScalingConfig(num_workers=num_workers, use_gpu=use_gpu, resources_per_worker=resources),
            run_config=RunConfig(  # type: ignore[call-arg]  # the checker sees the class that Train v2 replaces
                name=task.attempt,
                storage_path=str(storage) if isinstance(storage, Path) else path_of(storage),
                storage_filesystem=None if isinstance(storage, Path) else arrow_file_system(storage),
                failure_config=FailureConfig(max_failures=max_restarts),
                worker_runtime_env={"env_vars": worker_environment(task.cpus)},
            ),
        )
        try:
            trainer.fit()
        finally:
            if isinstance(storage, Path):
                shutil.rmtree(storage, ignore_errors=True)  # only Ray's own marks; our checkpoints are in the stage's folder
            else:
                with suppress(StorageError):
                    remove_tree(storage)

    return Launched(run)


def _ray_worker(config: dict[str, Any]) -> None:
    import ray.train
    from ray.train.torch import get_device

    context = ray.train.get_context()
    carry_out(config["task"], device=str(get_device()), rank=context.get_world_rank(), world_size=context.get_world_size())
