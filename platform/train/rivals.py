"""Two optimisers for a network one part of which is trained against the rest (``methods.stage.Rival``)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from vitruvian.methods.stage import Stage
from vitruvian.train.schedule import new_optimizer

RATE_FACTOR = "rate_factor"
"""In a parameter group: its rate as a multiple of the schedule's."""


class OptimizerPair:
    """The network's optimiser and its rival's, moved together: what the loop asks of an optimiser."""

    def __init__(self, own: torch.optim.Optimizer, rival: torch.optim.Optimizer) -> None:
        self.own, self.rival = own, rival

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [*self.own.param_groups, *self.rival.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.own.zero_grad(set_to_none=set_to_none)
        self.rival.zero_grad(set_to_none=set_to_none)

    def step(self) -> None:
        self.own.step()
        self.rival.step()

    def state_dict(self) -> dict[str, Any]:
        return {"own": self.own.state_dict(), "rival": self.rival.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.own.load_state_dict(state["own"])
        self.rival.load_state_dict(state["rival"])


Optimizer = torch.optim.Optimizer | OptimizerPair


def stage_optimizer(stage: Stage, network: nn.Module) -> Optimizer:
    """The stage's optimiser, or two if its network has a rival inside."""
    rival = stage.rival
    if rival is None:
        return new_optimizer(stage.training, network.parameters())
    named = dict(network.named_parameters())
    theirs = [parameter for name, parameter in named.items() if name.startswith(rival.prefix)]
    if not theirs:
        raise ValueError(f"stage_optimizer: no parameter of {stage.method} / {stage.name} begins with {rival.prefix!r}.")
    own = new_optimizer(stage.training, (parameter for name, parameter in named.items() if not name.startswith(rival.prefix)))
    adam = torch.optim.Adam(theirs, lr=rival.learning_rate, betas=rival.betas)
    adam.param_groups[0][RATE_FACTOR] = rival.learning_rate / stage.training.learning_rate
    return OptimizerPair(own, adam)
