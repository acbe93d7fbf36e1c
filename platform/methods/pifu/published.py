"""The options of PIFu's published networks, read from their state dicts."""

from __future__ import annotations

import dataclasses
from typing import Any

from vitruvian.methods.pifu.colour_options import ColourNetworkOptions
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.traces import Traces

FILTER = "image_filter."
MLP = "surface_classifier.conv"


def filter_options(traces: Traces) -> dict[str, Any]:
    """Fields of ``NetworkOptions`` that the hourglass filter's entries tell."""
    low = traces.shape(f"{FILTER}conv1.weight", 4)[0]
    down = "ave_pool"
    if traces.has(f"{FILTER}down_conv2."):
        down = "conv64" if traces.shape(f"{FILTER}down_conv2.weight", 4)[1] == low else "conv128"
    return {
        "norm": "batch" if traces.has(f"{FILTER}bn1.running_mean") else "group",
        "num_stack": max(1, traces.count(r"image_filter\.m(\d+)\.")),
        "num_hourglass": max(1, traces.count(r"image_filter\.m0\.b1_(\d+)\.") - 1),
        "hg_down": down,
        "hourglass_dim": traces.shape(f"{FILTER}l0.weight", 4)[0],
        "recover_dim": traces.has(f"{FILTER}recover_dim_conv_1."),
        "width": low / 64,
    }


def shape_options(traces: Traces) -> NetworkOptions:
    """Options of a shape network; what leaves no trace is as published."""
    known = filter_options(traces)
    mlp_dim = traces.mlp_dim(MLP)
    plain = dataclasses.replace(NetworkOptions(), **known, mlp_dim=(known["hourglass_dim"] + 1, *mlp_dim[1:]))
    return dataclasses.replace(
        plain,
        mlp_dim=mlp_dim,
        skip_hourglass=mlp_dim[0] == plain.mlp_dim[0] + plain.channels(64),
        no_residual=traces.no_residual(MLP),
    )


def colour_options(traces: Traces) -> ColourNetworkOptions:
    """Options of a colour network; what leaves no trace is as published."""
    high, mlp_dim = traces.shape(f"{FILTER}model.7.weight", 4)[0], traces.mlp_dim(MLP)
    with_bias, running = traces.has(f"{FILTER}model.1.bias"), traces.has(f"{FILTER}model.2.running_mean")
    return ColourNetworkOptions(
        norm="instance" if with_bias else "batch" if running else "group",
        shape_channels=mlp_dim[0] - 1 - high,
        mlp_dim=mlp_dim,
        no_residual=traces.no_residual(MLP),
        width=high / 256,
    )
