"""From one picture to a mesh with PIFu's shape network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from vitruvian.errors import InputError
from vitruvian.methods.fields.look import Look
from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.fields.passes import in_passes
from vitruvian.methods.fields.reconstructor import FieldReconstructor, PersonField
from vitruvian.methods.option_values import options_from
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.weights import Card, load_into, load_weights

Y_DOWN = np.diag([1.0, -1.0, 1.0, 1.0])
"""From the grid's frame, y up, to the network's; the calibration of the published demo."""


class PifuReconstructor(FieldReconstructor):
    """A trained shape network. Its frame is the cube [-1, 1]^3 around the image, y up, z towards the viewer."""

    box = ((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    to_network = Y_DOWN

    def __init__(
        self, network: PifuShapeNetwork, card: Card, *, image_size_px: int, options: FieldOptions | None = None
    ) -> None:
        super().__init__(card, image_size_px=image_size_px, options=options)
        self.network = network.eval()

    def person_field(self, looks: Sequence[Look]) -> PersonField:
        device = next(self.network.parameters()).device
        features = self.network.features(torch.from_numpy(looks[0].image)[None].to(device))
        matrix = torch.from_numpy(self.to_view(looks, 0))[None].to(device)

        def query(points: torch.Tensor) -> torch.Tensor:
            return self.network.query(features, points, matrix)[-1]

        return PersonField(field=in_passes(query, device=device, points_per_pass=self.options.points_per_pass))


def load_reconstructor(folder: Path) -> PifuReconstructor:
    """The reconstructor of a weights folder; raises ``InputError`` that names what is wrong with it."""
    weights = load_weights(folder)
    card = weights.card
    if card.method != "pifu" or card.stage != "shape":
        raise InputError(f"{folder}: the weights are of {card.method} / {card.stage}; PIFu needs those of pifu / shape.")
    origin = f"{folder / 'card.json'}"
    network_options = options_from(NetworkOptions, card.options.get("network"), f"{origin}: options.network")
    options = options_from(FieldOptions, card.reconstruct or {}, f"{origin}: reconstruct")
    size = card.options.get("image_size_px")
    if not isinstance(size, int) or size < 1 or size % network_options.size_multiple_px:
        raise InputError(
            f"{origin}: options.image_size_px is {size!r}; it must be a multiple of {network_options.size_multiple_px} pixels."
        )
    network = PifuShapeNetwork(network_options)
    load_into(network, weights.state_dict, origin=str(folder))
    return PifuReconstructor(network, card, image_size_px=size, options=options)
