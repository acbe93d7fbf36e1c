"""What runs in a training worker: open the data, run the loop, leave weights and a receipt in the stage's folder."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import distributed

from vitruvian.errors import InputError
from vitruvian.methods.cpu.memory import keep_freed_memory
from vitruvian.methods.run_folders import WEIGHTS_FOLDER, find_weights
from vitruvian.methods.stage import Stage
from vitruvian.methods.weights import Card, load_weights, save_weights, weights_sha256
from vitruvian.shards.writer import clear_disk_errors
from vitruvian.storage.faults import StorageError
from vitruvian.storage.folders import read_small
from vitruvian.storage.local import cache_folder, scratch_folder
from vitruvian.storage.mirror import Mirror
from vitruvian.storage.objects import write_bytes
from vitruvian.storage.url import Url
from vitruvian.train.data import Data
from vitruvian.train.derive import derived_key
from vitruvian.train.home import Home
from vitruvian.train.loop import Settings, TrainingLoop
from vitruvian.train.parts import LoadNetwork, load_parts
from vitruvian.train.readings import DivergedError
from vitruvian.train.receipt import Receipt, write_json, write_receipt
from vitruvian.train.split_guard import people_behind
from vitruvian.train.with_derived import with_derived
from vitruvian.usage import metered

FAILURE = "failure.json"
USAGE_EVERY_S = 30.0
"""Between two reports of what a worker costs, to a URL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One stage's training, as it travels to the workers."""

    stage: Stage
    data: Data
    folder: Path | Url
    """Of the stage: a local folder that all workers share, or a URL."""
    settings: Settings
    """But for device, rank and world size, which a worker learns where it runs."""
    card: Card
    """But for the metrics."""
    parts: Mapping[str, Path | Url]
    """Weights folders of the networks that the stage needs."""
    init: Path | Url | None
    """Weights folder to start from."""
    load_network: LoadNetwork
    cpus: int
    attempt: str
    """A name of its own for every start of the command, so that an older failure is not taken for a new one."""


def carry_out(task: Task, *, device: str, rank: int = 0, world_size: int = 1) -> None:
    """Run a task in this process. What goes wrong in our code is written down for the driver, as running it again is no use;
    a death of this or another worker is not, so Ray Train starts the workers again and they continue from the checkpoint."""
    failure = task.folder / FAILURE
    before = read_small(failure)
    if before is not None and json.loads(before)["attempt"] == task.attempt:
        return
    gpus = 0.0 if device == "cpu" else 1.0
    try:
        with (
            _measured(task.folder) as measured,
            metered(measured, attempt=task.attempt, rank=str(rank), cpus=task.cpus, gpus=gpus),
            clear_disk_errors(task.folder if isinstance(task.folder, Path) else cache_folder()),
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
            if isinstance(failure, Url):
                write_bytes(failure, json.dumps(report).encode())
            else:
                write_json(failure, report)
        except (OSError, StorageError):  # no room even for this, or no way to the store
            raise error from None
        if world_size > 1:
            raise  # the others wait for this worker, and must be stopped


@contextmanager
def _measured(folder: Path | Url) -> Iterator[Path]:
    """Where this process writes down what it costs: in the stage's folder, or in one of its own that goes to the URL."""
    if isinstance(folder, Path):
        yield folder
        return
    with scratch_folder() as scratch, Mirror(scratch, folder).kept(every_s=USAGE_EVERY_S):
        yield scratch


def raise_failure(task: Task) -> None:
    """On the driver: raise what a worker wrote down in this attempt, if anything."""
    found = read_small(task.folder / FAILURE)
    report = json.loads(found) if found is not None else {}
    if report.get("attempt") != task.attempt:
        return
    if report["input_error"] is not None:
        raise (DivergedError if report["diverged"] else InputError)(report["input_error"])
    raise RuntimeError(f"Training failed in worker {report['rank']}:\n{report['traceback']}")


def _train(task: Task, *, device: str, rank: int, world_size: int) -> None:
    torch.set_num_threads(task.cpus)
    if device == "cpu":
        keep_freed_memory()
    stage, data, home = task.stage, task.data, Home(task.folder)
    settings = replace(task.settings, device=device, rank=rank, world_size=world_size)
    train = data.open(stage, "train")
    held_out = data.open(stage, "test") if stage.training.validation_samples else None
    with ExitStack() as stack:
        if rank == 0:
            stack.enter_context(home.alone())
        if world_size > 1:
            distributed.barrier()  # nobody reads the checkpoint before rank 0 holds the lock
        folder = stack.enter_context(home.here(rank=rank))
        weights = {name: find_weights(place) if isinstance(place, Url) else place for name, place in task.parts.items()}
        start = find_weights(task.init) if isinstance(task.init, Url) else task.init
        order = data.order(train, settings.seed)
        parts = load_parts(weights, task.load_network, device=torch.device(device), channels_last=stage.training.channels_last)
        hashes = {name: weights_sha256(part) for name, part in weights.items()}
        key = derived_key(stage, fingerprint=data.fingerprint, parts=hashes)
        ready = with_derived(stage, parts, train, held_out, folder, key=key, order=order, settings=settings, remote=home.url)
        init = None if start is None else load_weights(start).state_dict
        loop = TrainingLoop(
            stage,
            ready.train,
            ready.held_out,
            folder,
            order=order,
            settings=settings,
            parts=parts,
            init=init,
            saved=home.saved,
        )
        if ready.complete:
            outcome = loop.run()
        else:
            loop.restore()
            outcome = loop.standing()
        if rank == 0:
            extra = {**task.card.extra, "num_steps": outcome.num_steps, "finished": outcome.finished}
            behind = [*weights.values(), *([] if start is None else [start])]
            people = list(dict.fromkeys([*data.people("train"), *people_behind(behind)]))
            measured = 0 if held_out is None else min(stage.training.validation_samples, len(held_out))
            judged = {"people": len(data.people("test")), "samples": measured}
            card = replace(task.card, metrics=dict(outcome.metrics), people=people, held_out=judged, extra=extra)
            save_weights(folder / WEIGHTS_FOLDER, outcome.network.state_dict(), card, parts=weights)
            receipt = Receipt(
                finished=outcome.finished,
                num_steps=outcome.num_steps,
                seconds=outcome.seconds,
                metrics=dict(outcome.metrics),
            )
            write_receipt(folder, receipt)
