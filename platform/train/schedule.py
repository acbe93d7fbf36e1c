"""The learning rate of every step, and the optimiser that uses it.

The rate is a pure function of the position, so nothing of a schedule has to be kept in a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from vitruvian.methods.stage import Training


def learning_rate(training: Training, *, epoch: int, step: int, steps_per_epoch: int) -> float:
    """The rate of step ``step`` of epoch ``epoch`` (both 0-based).

    ``drops``: epoch ``e`` of ``drop_after_epochs`` still runs at the old rate, ``e + 1`` at the dropped one, as PIFu's
    published schedules mean it. ``cosine``: half a cosine from the full rate after the warm-up to 0 after the last step.
    The warm-up is linear and applies to both.
    """
    done = epoch * steps_per_epoch + step
    if done < training.warmup_steps:
        return training.learning_rate * (done + 1) / training.warmup_steps
    if training.schedule == "cosine":
        total = training.epochs * steps_per_epoch - training.warmup_steps
        return training.learning_rate * 0.5 * (1.0 + math.cos(math.pi * (done - training.warmup_steps) / max(total, 1)))
    drops = sum(listed < epoch for listed in training.drop_after_epochs)
    return training.learning_rate * training.drop_factor**drops


def new_optimizer(training: Training, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The stage's optimiser, over the parameters that want a gradient. RMSprop as published: alpha 0.99, no momentum."""
    wanted = [parameter for parameter in parameters if parameter.requires_grad]
    if training.optimizer == "adam":
        return torch.optim.Adam(wanted, lr=training.learning_rate)
    if training.optimizer == "adamw":
        return torch.optim.AdamW(wanted, lr=training.learning_rate, fused=True)
    return torch.optim.RMSprop(wanted, lr=training.learning_rate, alpha=0.99, eps=1e-8)
