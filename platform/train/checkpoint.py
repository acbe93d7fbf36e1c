"""A training run's state and its file.

Rates, sample order and random draws are functions of the position, so a state is the network, the optimiser and two numbers.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vitruvian.errors import InputError
from vitruvian.methods.stage import Stage, seed_torch
from vitruvian.methods.starting import start_state
from vitruvian.methods.weights import load_into
from vitruvian.train.memory_format import channels_last_weights
from vitruvian.train.rivals import Optimizer, stage_optimizer

CHECKPOINT = "checkpoint.pt"


@dataclass(kw_only=True, slots=True)
class TrainState:
    """Where a run stands: ``step`` steps of epoch ``epoch`` are done. After its last step an epoch is still to be measured."""

    network: nn.Module
    optimizer: Optimizer
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    """Time spent so far, over all attempts."""


def new_state(stage: Stage, *, seed: int, device: torch.device, init: Mapping[str, Tensor] | None = None) -> TrainState:
    """The state before the first step: the weights ``init``, or new ones drawn from ``seed``."""
    seed_torch(seed)
    network = stage.network()
    if init is not None:
        origin = "weights to start from"
        load_into(network, start_state(network, init, origin=origin), origin=origin)
    network = network.to(device)
    if stage.training.channels_last:
        channels_last_weights(network)
    return TrainState(network=network, optimizer=stage_optimizer(stage, network))


def save_checkpoint(state: TrainState, path: Path) -> None:
    """Write the state; a reader sees the old file or the new one, never a part of it."""
    content = {
        "network": state.network.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "epoch": state.epoch,
        "step": state.step,
        "seconds": state.seconds,
    }
    buffer = io.BytesIO()  # written in one piece, because torch has words of its own for a full disk
    torch.save(content, buffer)
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    temporary.replace(path)


def load_checkpoint(state: TrainState, path: Path) -> bool:
    """Bring ``state`` to where the file at ``path`` left it. False if there is no file; ``InputError`` if it does not fit."""
    if not path.exists():
        return False
    device = next(state.network.parameters()).device
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        state.network.load_state_dict(saved["network"])
        state.optimizer.load_state_dict(saved["optimizer"])
        state.epoch, state.step, state.seconds = saved["epoch"], saved["step"], saved["seconds"]
    except (RuntimeError, KeyError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: this checkpoint does not fit the network that is to be trained ({error}). "
            "Train into another folder, or start afresh with --no-resume."
        ) from error
    return True
