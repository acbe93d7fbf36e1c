"""The channels-last memory format, of pictures and of volumes alike: convolutions on CPUs and on tensor cores like it better.

``Module.to(memory_format=...)`` knows one number of dimensions at a time; a network on pictures and volumes has both.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""By the tensor's number of dimensions: (B, C, H, W) and (B, C, D, H, W)."""
Network = TypeVar("Network", bound=nn.Module)


def channels_last(tensor: Tensor) -> Tensor:
    """The same values; tensors of four and five dimensions with their channels innermost."""
    return tensor.contiguous(memory_format=FORMATS[tensor.ndim]) if tensor.ndim in FORMATS else tensor


def channels_last_weights(network: Network) -> Network:
    """Lay the network's convolution weights out in this format, in place; returns it."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.data = channels_last(parameter.data)
    return network
