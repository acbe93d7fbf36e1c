"""Every network that weights can be of, by ``method/stage``: its options, how it is built, how it comes back from its card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from vitruvian.errors import InputError
from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.query_network import GeoPifuQueryNetwork
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.option_values import options_from
from vitruvian.methods.pifu.colour_network import PifuColourNetwork
from vitruvian.methods.pifu.colour_options import ColourNetworkOptions
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.weights import Card, load_into, load_weights


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkKind:
    """An option dataclass, and the network made from it."""

    options: type[Any]
    build: Callable[[Any], nn.Module]


NETWORKS: Mapping[str, NetworkKind] = {
    "pifu/shape": NetworkKind(options=NetworkOptions, build=PifuShapeNetwork),
    "pifu/color": NetworkKind(options=ColourNetworkOptions, build=PifuColourNetwork),
    "geopifu/coarse": NetworkKind(options=CoarseNetworkOptions, build=GeoPifuCoarseNetwork),
    "geopifu/query": NetworkKind(options=QueryNetworkOptions, build=GeoPifuQueryNetwork),
    "pymaf/body": NetworkKind(options=PymafNetworkOptions, build=PymafNetwork),
    "pymaf_sam/body": NetworkKind(options=PymafNetworkOptions, build=PymafNetwork),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedNetwork:
    """A network with its weights, in evaluation mode, and their card."""

    network: nn.Module
    card: Card


def load_network(folder: Path) -> LoadedNetwork:
    """The network of a weights folder, rebuilt from its card; raises ``InputError`` that names what is wrong."""
    weights = load_weights(folder)
    name = f"{weights.card.method}/{weights.card.stage}"
    if name not in NETWORKS:
        raise InputError(f"{folder}: the weights are of {name}, which is unknown here ({', '.join(NETWORKS)}).")
    kind = NETWORKS[name]
    options = options_from(kind.options, weights.card.options.get("network"), f"{folder / 'card.json'}: options.network")
    network = kind.build(options)
    load_into(network, weights.state_dict, origin=str(folder))
    return LoadedNetwork(network=network.eval(), card=weights.card)
