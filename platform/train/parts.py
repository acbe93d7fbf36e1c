"""The networks that a stage uses and does not train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn

from vitruvian.methods.networks import LoadedNetwork
from vitruvian.train.memory_format import channels_last_weights

LoadNetwork = Callable[[Path], LoadedNetwork]
"""From a weights folder to its network; ``methods.networks.load_network``, but for tests."""


def load_parts(
    folders: Mapping[str, Path], load: LoadNetwork, *, device: torch.device, channels_last: bool
) -> dict[str, nn.Module]:
    """The networks of weights folders on ``device``, in evaluation mode and without gradients; raises ``InputError``."""
    parts = {}
    for name, folder in folders.items():
        network = load(folder).network.to(device).eval().requires_grad_(False)
        parts[name] = channels_last_weights(network) if channels_last else network
    return parts
