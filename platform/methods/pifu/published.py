"""Bring the original project's trained shape network in: ``net_G`` files as PIFu and Geo-PIFu's baseline published them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from torch import Tensor

from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.recipes import paper
from vitruvian.methods.weights import Card, load_into, read_state_dict, save_weights

LICENCE = "as published with the checkpoint; the original weights are for non-commercial research"


def import_shape_weights(checkpoint: Path, folder: Path, *, options: NetworkOptions | None = None) -> Card:
    """Read a published checkpoint and write a weights folder. ``options``: those of its training, published ones by default.

    Reads tensors only (nothing else in the file is run). Raises ``InputError`` if the file is no state dict of this network.
    """
    options = options or NetworkOptions()
    network = PifuShapeNetwork(options)
    state_dict = complete_aliases(read_state_dict(checkpoint), network)
    load_into(network, state_dict, origin=str(checkpoint))
    recipe = paper()
    card = Card(
        method="pifu",
        stage="shape",
        recipe="published",
        options={"network": dataclasses.asdict(options), "image_size_px": options.load_size_px},
        reconstruct=dataclasses.asdict(recipe.reconstruct),
        protocol=recipe.protocol,
        data_licence=LICENCE,
        extra={"imported_from": checkpoint.name},
    )
    save_weights(folder, network.state_dict(), card)
    return card


def complete_aliases(state_dict: dict[str, Tensor], network: PifuShapeNetwork) -> dict[str, Tensor]:
    """Add what some files leave out: a block's ``bn4`` is its ``downsample.0`` under another name, or is never used."""
    own = network.state_dict()
    completed = dict(state_dict)
    for name, value in own.items():
        if name not in completed and ".bn4." in name:
            completed[name] = completed.get(name.replace(".bn4.", ".downsample.0."), value)
        elif name not in completed and ".downsample.0." in name:
            completed[name] = completed.get(name.replace(".downsample.0.", ".bn4."), value)
    return completed
