"""The training loop: any stage, one worker or many, with or without Ray.

A run is a function of (stage, data, seed). Where it was interrupted, how often it was saved and how many threads load its
samples do not show in its losses: on one CPU worker they are the same to the last bit, on several up to the order of summation.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from vitruvian.errors import InputError
from vitruvian.methods.stage import Stage
from vitruvian.train.checkpoint import CHECKPOINT, load_checkpoint, new_state, save_checkpoint
from vitruvian.train.history import HISTORY, HistoryWriter, cut_back, read_history
from vitruvian.train.loader import Samples, cut_into_shares, training_batches
from vitruvian.train.measure import draw_pictures, measure
from vitruvian.train.readings import Readings
from vitruvian.train.sample_order import Order, epoch_samples
from vitruvian.train.schedule import learning_rate
from vitruvian.train.step import Objective, seed_step, take_step

PICTURES = "pictures"
CUDA_STEPS_A_READING = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a run is given beside stage and data. Only ``seed`` (and, by rounding, ``world_size``) has a part in its losses."""

    seed: int = 0
    device: str = "cpu"
    rank: int = 0
    world_size: int = 1
    loader_threads: int = 1
    checkpoint_seconds: float = 30.0
    """Time between checkpoints; 0 saves after every step."""
    deadline: float | None = None
    """Stop when ``time.time()`` has come so far (after one step at least), leaving a checkpoint to continue from."""
    pictures_every: int = 1
    """Epochs between pictures of held-out samples; the last epoch has some too. 0 for none at all."""
    after_epoch: Callable[[int, Mapping[str, float], float], None] | None = None
    """For loops in the driver's own process. Called with (epochs done, held-out metrics, seconds of training) when the
    checkpoint of that epoch is on disk; what it raises ends the run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What an attempt leaves; ``finished`` is False if it ran out of time."""

    network: nn.Module
    finished: bool
    num_steps: int
    """Steps done, over all attempts."""
    seconds: float
    """Time spent in them."""
    metrics: Mapping[str, float]
    """Held-out metrics after the last whole epoch (on rank 0); empty if none were measured."""


class TrainingLoop:
    """With ``world_size`` > 1 each worker of a ``torch.distributed`` group makes one, alike but for ``rank``."""

    def __init__(
        self,
        stage: Stage,
        train: Samples,
        held_out: Samples | None,
        folder: Path,
        *,
        order: Order,
        settings: Settings,
        parts: Mapping[str, nn.Module] | None = None,
        init: Mapping[str, Tensor] | None = None,
        saved: Callable[[], None] = lambda: None,
    ) -> None:
        """``parts``: a network for each of ``stage.needs``, as ``parts.load_parts`` gives them. ``init``: weights to start from
        instead of new ones. ``saved`` is called after every checkpoint."""
        if stage.rival is not None and settings.world_size > 1:
            raise InputError(
                f"num-workers is {settings.world_size}, but {stage.method} / {stage.name} trains {stage.rival.prefix} against "
                "the rest, which one worker does at a time. Take --num-workers 1."
            )
        self.stage, self.train, self.held_out, self.folder = stage, train, held_out, folder
        self.parts = parts or {}
        self._saved = saved
        self.order, self.settings = order, settings
        self.device = torch.device(settings.device)
        self.num_samples = stage.training.samples_per_epoch or len(train)
        self.steps_per_epoch = math.ceil(self.num_samples / stage.training.batch_size)
        self.is_main = settings.rank == 0
        self.state = new_state(stage, seed=settings.seed, device=self.device, init=init)

    def run(self) -> Outcome:
        """Train from the checkpoint in ``folder``, or from the start. Only rank 0 writes: history, checkpoints, pictures."""
        settings, training, state = self.settings, self.stage.training, self.state
        self.folder.mkdir(parents=True, exist_ok=True)
        self.restore()
        if training.compile:
            state.network.compile()  # in place: the names of its weights stay as they are
        objective: Objective | DistributedDataParallel = Objective(self.stage, state.network, self.parts)
        if settings.world_size > 1:
            distributed.barrier()  # nobody may still be reading when rank 0 saves again
            objective = DistributedDataParallel(objective)
        state.network.train()
        self._began = self._saved_at = time.monotonic()
        self._seconds_before = state.seconds
        history = self.folder / HISTORY
        stop = False
        with ExitStack() as stack:
            writer = None
            if self.is_main:
                cut_back(history, num_steps=self._num_steps, num_epochs=state.epoch)
                writer = stack.enter_context(closing(HistoryWriter(history)))
                writer.write("start", **self._start())
            while state.epoch < training.epochs and not stop:
                stop = self._train_epoch(objective, writer)
                if not stop:
                    self._end_epoch(writer)
        if self.is_main:
            save_checkpoint(state, self.folder / CHECKPOINT)
        return self.standing()

    def restore(self) -> None:
        """Go to where the checkpoint is, if there is one."""
        load_checkpoint(self.state, self.folder / CHECKPOINT)

    def standing(self) -> Outcome:
        """Where the run stands now."""
        state, history = self.state, self.folder / HISTORY
        ends = [event for event in read_history(history) if event["event"] == "epoch"] if self.is_main else []
        return Outcome(
            network=state.network,
            finished=state.epoch >= self.stage.training.epochs,
            num_steps=self._num_steps,
            seconds=state.seconds,
            metrics=ends[-1]["metrics"] if ends else {},
        )

    @property
    def _num_steps(self) -> int:
        return self.state.epoch * self.steps_per_epoch + self.state.step

    def _start(self) -> dict[str, object]:
        return {
            "step": self._num_steps,
            "steps_per_epoch": self.steps_per_epoch,
            "epochs": self.stage.training.epochs,
            "batch_size": self.stage.training.batch_size,
            "world_size": self.settings.world_size,
            "device": self.settings.device,
            "parameters": sum(parameter.numel() for parameter in self.state.network.parameters()),
            "time": time.time(),
            "pid": os.getpid(),
        }

    def _train_epoch(self, objective: Objective | DistributedDataParallel, writer: HistoryWriter | None) -> bool:
        """The rest of the current epoch; True if time is up."""
        settings, training, state = self.settings, self.stage.training, self.state
        samples = epoch_samples(self.order, state.epoch, num_wanted=self.num_samples, num_there=len(self.train))
        shares = cut_into_shares(samples, batch_size=training.batch_size, rank=settings.rank, world_size=settings.world_size)
        batches = training_batches(
            self.train,
            self.stage,
            shares[state.step :],
            seed=settings.seed,
            epoch=state.epoch,
            threads=settings.loader_threads,
            device=self.device,
        )
        group = CUDA_STEPS_A_READING if self.device.type == "cuda" else 1
        readings = Readings(writer, group=group, world_size=settings.world_size)
        with closing(batches):
            for share, batch in batches:
                rate = learning_rate(training, epoch=state.epoch, step=share.step, steps_per_epoch=self.steps_per_epoch)
                seed_step(settings.seed, epoch=state.epoch, step=share.step, rank=settings.rank)
                addends = take_step(
                    objective, state.optimizer, batch, share, stage=self.stage, rate=rate, world_size=settings.world_size
                )
                elapsed = time.monotonic() - self._began
                state.seconds = self._seconds_before + elapsed
                place = {
                    "step": self._num_steps,
                    "epoch": state.epoch,
                    "learning_rate": rate,
                    "seconds": round(state.seconds, 3),
                }
                state.step = share.step + 1
                readings.add(place, addends, stop=settings.deadline is not None and time.time() > settings.deadline)
                if readings.due:
                    if readings.read():
                        return True
                    self._save_if_due()
        return readings.read()

    def _end_epoch(self, writer: HistoryWriter | None) -> None:
        """Measure and show the network after an epoch, and move on to the next."""
        settings, state = self.settings, self.state
        metrics: dict[str, float] = {}
        if self.held_out is not None and self.stage.training.validation_samples:
            metrics = measure(
                self.stage,
                state.network,
                self.parts,
                self.held_out,
                seed=settings.seed,
                rank=settings.rank,
                world_size=settings.world_size,
                threads=settings.loader_threads,
            )
        if writer is not None:
            for path in self._pictures():
                writer.write("picture", epoch=state.epoch, file=str(path.relative_to(self.folder)))
        state.seconds = self._seconds_before + time.monotonic() - self._began
        if writer is not None:
            step = (state.epoch + 1) * self.steps_per_epoch - 1
            writer.write("epoch", epoch=state.epoch, step=step, seconds=round(state.seconds, 3), metrics=metrics)
        state.epoch, state.step = state.epoch + 1, 0
        if settings.after_epoch is None:
            self._save_if_due()
            return
        self._save()
        settings.after_epoch(state.epoch, metrics, state.seconds)

    def _pictures(self) -> list[Path]:
        every, epoch = self.settings.pictures_every, self.state.epoch
        last = epoch + 1 == self.stage.training.epochs
        if self.held_out is None or not every or ((epoch + 1) % every and not last):
            return []
        folder = self.folder / PICTURES
        return draw_pictures(
            self.stage, self.state.network, self.parts, self.held_out, folder, seed=self.settings.seed, epoch=epoch
        )

    def _save_if_due(self) -> None:
        if self.is_main and time.monotonic() - self._saved_at >= self.settings.checkpoint_seconds:
            self._save()

    def _save(self) -> None:
        save_checkpoint(self.state, self.folder / CHECKPOINT)
        self._saved_at = time.monotonic()
        self._saved()
