"""From pictures to a mesh with PIFu's shape network, coloured by its colour network where the weights have one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from vitruvian.errors import InputError
from vitruvian.methods.fields.look import Look
from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.fields.passes import in_passes
from vitruvian.methods.fields.reconstructor import FieldReconstructor, PersonField
from vitruvian.methods.networks import LoadedNetwork, load_network
from vitruvian.methods.option_values import options_from
from vitruvian.methods.pifu.colour_network import PifuColourNetwork
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.several_views import for_each_view
from vitruvian.methods.weights import Card, part_folders

Y_DOWN = np.diag([1.0, -1.0, 1.0, 1.0])
"""From the grid's frame, y up, to the network's; the calibration of the published demo."""


class PifuReconstructor(FieldReconstructor):
    """A trained shape network, and a colour network that was trained with it. Takes any number of pictures.

    Its frame is the cube [-1, 1]^3 around the first picture's image, y up, z towards the viewer.
    """

    box = ((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    to_network = Y_DOWN
    max_views = None

    def __init__(
        self,
        network: PifuShapeNetwork,
        card: Card,
        *,
        image_size_px: int,
        options: FieldOptions | None = None,
        colour_network: PifuColourNetwork | None = None,
    ) -> None:
        super().__init__(card, image_size_px=image_size_px, options=options)
        self.network = network.eval()
        self.colour_network = None if colour_network is None else colour_network.eval()

    def person_field(self, looks: Sequence[Look]) -> PersonField:
        views = len(looks)
        device = next(self.network.parameters()).device
        images = torch.from_numpy(np.stack([look.image for look in looks])).to(device)
        calibration = torch.from_numpy(np.stack([self.to_view(looks, index) for index in range(views)])).to(device)
        features = self.network.features(images)
        per_pass = self.options.points_per_pass

        def occupancy(points: torch.Tensor) -> torch.Tensor:
            return self.network.query(features, for_each_view(points, views), calibration, num_views=views)[-1]

        field = in_passes(occupancy, device=device, points_per_pass=per_pass)
        if self.colour_network is None or self.options.colours != "network":
            return PersonField(field=field)
        colour_network = self.colour_network
        maps = colour_network.features(images, features.maps[-1])

        def colours(points: torch.Tensor) -> torch.Tensor:
            return 0.5 * colour_network.query(maps, for_each_view(points, views), calibration, num_views=views) + 0.5

        return PersonField(field=field, colours=in_passes(colours, device=device, points_per_pass=per_pass, channels=3))


def load_reconstructor(folder: Path) -> PifuReconstructor:
    """The reconstructor of a weights folder; raises ``InputError`` that names what is wrong with it.

    Weights of the colour network colour the mesh, unless their card says ``none``; the shape network is a part of theirs.
    """
    loaded = load_network(folder)
    card = loaded.card
    if card.method != "pifu" or card.stage not in ("shape", "color"):
        raise InputError(f"{folder}: the weights are of {card.method} / {card.stage}; PIFu needs its shape or color.")
    options = options_from(FieldOptions, card.reconstruct or {}, f"{folder / 'card.json'}: reconstruct")
    if card.stage == "shape":
        assert isinstance(loaded.network, PifuShapeNetwork)
        size = image_size(folder, card, loaded.network)
        return PifuReconstructor(loaded.network, card, image_size_px=size, options=options)
    shape = shape_part(folder)
    assert isinstance(loaded.network, PifuColourNetwork) and isinstance(shape.network, PifuShapeNetwork)
    size = image_size(folder, card, shape.network)
    wanted = (size, loaded.network.options.shape_channels)
    given = (shape.card.options.get("image_size_px"), shape.network.options.hourglass_dim)
    if wanted != given:
        raise InputError(
            f"{folder}: the colour network wants {wanted[0]} px and {wanted[1]} channels of the shape's map, its shape network "
            f"has {given[0]} px and {given[1]} channels. They were not trained together."
        )
    if options.colours == "picture":
        options = dataclasses.replace(options, colours="network")
    return PifuReconstructor(shape.network, card, image_size_px=size, options=options, colour_network=loaded.network)


def shape_part(folder: Path) -> LoadedNetwork:
    """The shape network beside a colour network's weights."""
    parts = part_folders(folder)
    if "shape" not in parts:
        raise InputError(
            f"{folder}: a colour network alone gives no mesh; it has no shape network beside it. Import it again with its own: "
            "vitruvian weights import net_C --as pifu/color --part shape=FOLDER"
        )
    shape = load_network(parts["shape"])
    if not isinstance(shape.network, PifuShapeNetwork):
        raise InputError(f"{parts['shape']}: the weights are of {shape.card.method} / {shape.card.stage}, not of pifu / shape.")
    return shape


def image_size(folder: Path, card: Card, network: PifuShapeNetwork) -> int:
    """Side of the network's image, pixels; ``InputError`` if the card has none that fits."""
    size = card.options.get("image_size_px")
    multiple = network.options.size_multiple_px
    if not isinstance(size, int) or size < 1 or size % multiple:
        raise InputError(
            f"{folder / 'card.json'}: options.image_size_px is {size!r}; it must be a multiple of {multiple} pixels."
        )
    return size
