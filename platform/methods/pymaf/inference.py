"""The network as it answers: each normalisation is part of the convolution before it, which spares a pass over every map."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.resnet import Bottleneck


def for_inference(network: PymafNetwork) -> PymafNetwork:
    """A copy in evaluation mode without normalisations, channels last; equal up to rounding. It cannot be trained.

    Everything that is no convolution of the encoder or of the upsampling is shared with ``network``.
    """
    network.eval()
    parts = {
        "feature_extractor": copy.deepcopy(network.feature_extractor),
        "deconv_layers": copy.deepcopy(network.deconv_layers),
    }
    ready = copy.copy(network)
    ready._modules = {**network._modules, **parts}
    encoder, upsampling = ready.feature_extractor, ready.deconv_layers
    with torch.no_grad():
        _fold(encoder, "conv1", "bn1")
        for block in encoder.modules():
            if isinstance(block, Bottleneck):
                for number in (1, 2, 3):
                    _fold(block, f"conv{number}", f"bn{number}")
                if block.downsample is not None:
                    _fold(block.downsample, "0", "1")
        for place in range(0, len(upsampling), 3):
            _fold(upsampling, str(place), str(place + 1))
    for part in (encoder, upsampling):
        part.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ready


def _fold(parent: nn.Module, convolution: str, normalisation: str) -> None:
    """The two as one convolution, and nothing in the second's place."""
    first, second = parent.get_submodule(convolution), parent.get_submodule(normalisation)
    assert isinstance(first, nn.Conv2d | nn.ConvTranspose2d) and isinstance(second, nn.BatchNorm2d)
    transposed = isinstance(first, nn.ConvTranspose2d)
    parent.add_module(convolution, fuse_conv_bn_eval(first, second, transpose=transposed))
    parent.add_module(normalisation, nn.Identity())
