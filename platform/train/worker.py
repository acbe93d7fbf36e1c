"""What runs in a training worker: open the data, run the loop, leave weights and a receipt in the stage's folder."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import distributed

from vitruvian.errors import InputError
from vitruvian.methods.cpu.memory import keep_freed_memory
from vitruvian.methods.run_folders import WEIGHTS_FOLDER
from vitruvian.methods.stage import Stage
from vitruvian.methods.weights import Card, load_weights, save_weights, weights_sha256
from vitruvian.shards.writer import clear_disk_errors
from vitruvian.train.data import Data
from vitruvian.train.derive import derived_key
from vitruvian.train.lock import hold
from vitruvian.train.loop import Settings, TrainingLoop
from vitruvian.train.parts import LoadNetwork, load_parts
from vitruvian.train.readings import DivergedError
from vitruvian.train.receipt import Receipt, write_json, write_receipt
from vitruvian.train.split_guard import people_behind
from vitruvian.train.with_derived import with_derived
from vitruvian.usage import metered

FAILURE = "failure.json"
LOCK_WAIT_S = 60.0
"""A worker whose driver was killed may live for some seconds more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One stage's training, as it travels to the workers."""

    stage: Stage
    data: Data
    folder: Path
    settings: Settings
    """But for device, rank and world size, which a worker learns where it runs."""
    card: Card
    """But for the metrics."""
    parts: Mapping[str, Path]
    """Weights folders of the networks that the stage needs."""
    init: Path | None
    """Weights folder to start from."""
    load_network: LoadNetwork
    cpus: int
    attempt: str
    """A name of its own for every start of the command, so that an older failure is not taken for a new one."""


def carry_out(task: Task, *, device: str, rank: int = 0, world_size: int = 1) -> None:
    """Run a task in this process. What goes wrong in our code is written down for the driver, as running it again is no use;
    a death of this or another worker is not, so Ray Train starts the workers again and they continue from the checkpoint."""
    failure = task.folder / FAILURE
    if failure.exists() and json.loads(failure.read_text())["attempt"] == task.attempt:
        return
    gpus = 0.0 if device == "cpu" else 1.0
    try:
        with (
            metered(task.folder, attempt=task.attempt, rank=str(rank), cpus=task.cpus, gpus=gpus),
            clear_disk_errors(task.folder),
        ):
            _train(task, device=device, rank=rank, world_size=world_size)
    except Exception as error:
        if world_size > 1 and isinstance(error, RuntimeError):  # most likely another worker died in a collective operation
            raise
        report = {
            "attempt": task.attempt,
            "rank": rank,
            "input_error": str(error) if isinstance(error, InputError) else None,
            "diverged": isinstance(error, DivergedError),
            "traceback": traceback.format_exc(),
        }
        try:
            write_json(failure, report)
        except OSError:  # no room even for this
            raise error from None
        if world_size > 1:
            raise  # the others wait for this worker, and must be stopped


def raise_failure(task: Task) -> None:
    """On the driver: raise what a worker wrote down in this attempt, if anything."""
    path = task.folder / FAILURE
    report = json.loads(path.read_text()) if path.exists() else {}
    if report.get("attempt") != task.attempt:
        return
    if report["input_error"] is not None:
        raise (DivergedError if report["diverged"] else InputError)(report["input_error"])
    raise RuntimeError(f"Training failed in worker {report['rank']}:\n{report['traceback']}")


def _train(task: Task, *, device: str, rank: int, world_size: int) -> None:
    torch.set_num_threads(task.cpus)
    if device == "cpu":
        keep_freed_memory()
    stage, data, folder = task.stage, task.data, task.folder
    settings = replace(task.settings, device=device, rank=rank, world_size=world_size)
    train = data.open(stage, "train")
    held_out = data.open(stage, "test") if stage.training.validation_samples else None
    with ExitStack() as stack:
        if rank == 0:
            stack.enter_context(hold(folder / ".lock", wait_s=LOCK_WAIT_S))
        if world_size > 1:
            distributed.barrier()  # nobody reads the checkpoint before rank 0 holds the lock
        order = data.order(train, settings.seed)
        parts = load_parts(
            task.parts, task.load_network, device=torch.device(device), channels_last=stage.training.channels_last
        )
        hashes = {name: weights_sha256(part) for name, part in task.parts.items()}
        key = derived_key(stage, fingerprint=data.fingerprint, parts=hashes)
        ready = with_derived(stage, parts, train, held_out, folder, key=key, order=order, settings=settings)
        init = None if task.init is None else load_weights(task.init).state_dict
        loop = TrainingLoop(stage, ready.train, ready.held_out, folder, order=order, settings=settings, parts=parts, init=init)
        if ready.complete:
            outcome = loop.run()
        else:
            loop.restore()
            outcome = loop.standing()
        if rank == 0:
            extra = {**task.card.extra, "num_steps": outcome.num_steps, "finished": outcome.finished}
            behind = [*task.parts.values(), *([] if task.init is None else [task.init])]
            people = list(dict.fromkeys([*data.people("train"), *people_behind(behind)]))
            measured = 0 if held_out is None else min(stage.training.validation_samples, len(held_out))
            judged = {"people": len(data.people("test")), "samples": measured}
            card = replace(task.card, metrics=dict(outcome.metrics), people=people, held_out=judged, extra=extra)
            save_weights(folder / WEIGHTS_FOLDER, outcome.network.state_dict(), card, parts=task.parts)
            receipt = Receipt(
                finished=outcome.finished,
                num_steps=outcome.num_steps,
                seconds=outcome.seconds,
                metrics=dict(outcome.metrics),
            )
            write_receipt(folder, receipt)
