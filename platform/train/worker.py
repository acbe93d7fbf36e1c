"""What runs in a training worker: open the data, run the loop, leave weights and a receipt in the stage's folder."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from vitruvian.errors import InputError
from vitruvian.methods.run_folders import WEIGHTS_FOLDER
from vitruvian.methods.stage import Stage
from vitruvian.methods.weights import Card, load_weights, save_weights
from vitruvian.shards.people import people_of
from vitruvian.train.data import Data
from vitruvian.train.lock import hold
from vitruvian.train.loop import Settings, TrainingLoop
from vitruvian.train.parts import LoadNetwork, load_parts

RECEIPT = "receipt.json"
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a finished (or timed out) task leaves."""

    finished: bool
    num_steps: int
    seconds: float
    metrics: dict[str, float]


def read_receipt(folder: Path) -> Receipt | None:
    path = folder / RECEIPT
    return Receipt(**json.loads(path.read_text())) if path.exists() else None


def is_finished(folder: Path) -> bool:
    """Whether the stage in ``folder`` was trained to its end."""
    receipt = read_receipt(folder)
    return receipt is not None and receipt.finished


def carry_out(task: Task, *, device: str, rank: int = 0, world_size: int = 1) -> None:
    """Run a task in this process. What goes wrong in our code is written down for the driver, as running it again is no use;
    a death of this or another worker is not, so Ray Train starts the workers again and they continue from the checkpoint."""
    failure = task.folder / FAILURE
    if failure.exists() and json.loads(failure.read_text())["attempt"] == task.attempt:
        return
    try:
        _train(task, device=device, rank=rank, world_size=world_size)
    except Exception as error:
        if world_size > 1 and isinstance(error, RuntimeError):  # most likely another worker died in a collective operation
            raise
        report = {
            "attempt": task.attempt,
            "rank": rank,
            "input_error": str(error) if isinstance(error, InputError) else None,
            "traceback": traceback.format_exc(),
        }
        _write(failure, report)
        if world_size > 1:
            raise  # the others wait for this worker, and must be stopped


def raise_failure(task: Task) -> None:
    """On the driver: raise what a worker wrote down in this attempt, if anything."""
    path = task.folder / FAILURE
    report = json.loads(path.read_text()) if path.exists() else {}
    if report.get("attempt") != task.attempt:
        return
    if report["input_error"] is not None:
        raise InputError(report["input_error"])
    raise RuntimeError(f"Training failed in worker {report['rank']}:\n{report['traceback']}")


def _train(task: Task, *, device: str, rank: int, world_size: int) -> None:
    torch.set_num_threads(task.cpus)
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
        init = None if task.init is None else load_weights(task.init).state_dict
        loop = TrainingLoop(stage, train, held_out, folder, order=order, settings=settings, parts=parts, init=init)
        outcome = loop.run()
        if rank == 0:
            extra = {**task.card.extra, "num_steps": outcome.num_steps, "finished": outcome.finished}
            card = replace(task.card, metrics=dict(outcome.metrics), people=people_of(train), extra=extra)
            save_weights(folder / WEIGHTS_FOLDER, outcome.network.state_dict(), card, parts=task.parts)
            receipt = Receipt(
                finished=outcome.finished,
                num_steps=outcome.num_steps,
                seconds=outcome.seconds,
                metrics=dict(outcome.metrics),
            )
            _write(folder / RECEIPT, asdict(receipt))


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(content, indent=2))
    temporary.replace(path)
