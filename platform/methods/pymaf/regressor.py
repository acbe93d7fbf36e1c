"""One correction of the parameters from point features: linear layers without activations, as published."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_POSE, NUM_BETAS, NUM_CAMERA = 144, 10, 3


class Parameters(NamedTuple):
    """Of B bodies."""

    pose: Tensor
    """(B, 144) six numbers for each of 24 rotations."""
    betas: Tensor
    """(B, 10)"""
    camera: Tensor
    """(B, 3) scale, x, y."""

    def detached(self) -> Parameters:
        return Parameters(self.pose.detach(), self.betas.detach(), self.camera.detach())


class Regressor(nn.Module):
    """Point features beside the present parameters -> what to add to them."""

    def __init__(self, num_features: int, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.fc1 = nn.Linear(num_features + NUM_POSE + NUM_BETAS + NUM_CAMERA, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.decpose = nn.Linear(hidden, NUM_POSE)
        self.decshape = nn.Linear(hidden, NUM_BETAS)
        self.deccam = nn.Linear(hidden, NUM_CAMERA)
        for head in (self.decpose, self.decshape, self.deccam):
            nn.init.xavier_uniform_(head.weight, gain=0.01)

    def forward(self, features: Tensor, parameters: Parameters) -> Parameters:
        """(B, F) features and parameters -> corrected parameters."""
        x = self.fc1(torch.cat([features, *parameters], dim=1))
        x = self.fc2(F.dropout(x, self.dropout, self.training))
        x = F.dropout(x, self.dropout, self.training)
        return Parameters(
            pose=parameters.pose + self.decpose(x),
            betas=parameters.betas + self.decshape(x),
            camera=parameters.camera + self.deccam(x),
        )
