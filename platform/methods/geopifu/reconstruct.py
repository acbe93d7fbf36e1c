"""From one picture to a mesh with Geo-PIFu: with both networks, or with the coarse one's volume alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vitruvian.errors import InputError
from vitruvian.methods.fields.look import Look
from vitruvian.methods.fields.network_image import cut_out, network_image
from vitruvian.methods.fields.options import Box, FieldOptions
from vitruvian.methods.fields.passes import in_passes
from vitruvian.methods.fields.reconstructor import FieldReconstructor, PersonField
from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.frames import BOX_MAXIMUM, BOX_MINIMUM, query_calibration
from vitruvian.methods.geopifu.framing import framing_of
from vitruvian.methods.geopifu.query_network import GeoPifuQueryNetwork
from vitruvian.methods.networks import load_network
from vitruvian.methods.option_values import options_from
from vitruvian.methods.several_views import for_each_view
from vitruvian.methods.weights import Card, part_folders, read_card

PUBLISHED_BOX: Box = (BOX_MINIMUM, BOX_MAXIMUM)


def box_of(options: CoarseNetworkOptions) -> Box:
    """Where the coarse network's volume is: 1 high, in depth and width as its cells are; published 2/3 x 1 x 2/3."""
    depth, height, width = options.voxel_shape
    return (-width / height / 2, -0.5, -depth / height / 2), (width / height / 2, 0.5, depth / height / 2)


class GeoPifuReconstructor(FieldReconstructor):
    """A trained query network with its coarse network. Takes any number of pictures, of which each brings
    voxels; with fusion ``multi_loss`` one.

    Its frame is Geo-PIFu's: x right, y down, z into the scene, the first picture one unit high.
    """

    def __init__(
        self,
        network: GeoPifuQueryNetwork,
        coarse: GeoPifuCoarseNetwork | None,
        card: Card,
        *,
        image_size_px: int,
        coarse_image_size_px: int | None = None,
        framing: tuple[float, float] | None = None,
        options: FieldOptions | None = None,
    ) -> None:
        """``coarse``: none with fusion ``none``. It gets the picture at ``coarse_image_size_px`` (None: as the other does)."""
        super().__init__(card, image_size_px=image_size_px, options=options)
        self.network = network.eval()
        self.coarse = None if coarse is None else coarse.eval()
        self.coarse_image_size_px = coarse_image_size_px or image_size_px
        self.max_views = 1 if network.options.fusion == "multi_loss" else None
        self.box = PUBLISHED_BOX if coarse is None else box_of(coarse.options)
        self.to_network = query_calibration().double().numpy()
        self.side_per_height, self.side_per_width = framing or framing_of({}, "")

    def person_field(self, looks: Sequence[Look]) -> PersonField:
        device, views = next(self.network.parameters()).device, len(looks)
        features = self.network.features(torch.from_numpy(np.stack([look.image for look in looks])).to(device))
        voxels = None
        if self.coarse is not None:
            seen = torch.cat([seen_at(look, self.coarse_image_size_px) for look in looks])
            voxels = self.coarse.features(seen.to(device))[-1]
        matrices = torch.from_numpy(np.stack([self.to_view(looks, index) for index in range(views)])).to(device)

        def query(points: Tensor) -> Tensor:
            return self.network.query(features, for_each_view(points, views), matrices, voxels, num_views=views)[-1]

        return PersonField(field=in_passes(query, device=device, points_per_pass=self.options.points_per_pass))


class CoarseReconstructor(FieldReconstructor):
    """A trained coarse network alone: the surface of the occupancy volume of its last stack."""

    def __init__(
        self,
        network: GeoPifuCoarseNetwork,
        card: Card,
        *,
        image_size_px: int,
        published_vertices: bool = False,
        framing: tuple[float, float] | None = None,
        options: FieldOptions | None = None,
    ) -> None:
        """``published_vertices``: place the volume as the original does, each cell's value at its corner, not its centre."""
        super().__init__(card, image_size_px=image_size_px, options=options)
        self.network = network.eval()
        minimum, maximum = box_of(network.options)
        half = 0.5 / network.options.occupancy_shape[1]
        self.shift = half if published_vertices else 0.0
        if not published_vertices:  # so that the grid's points are the centres of cells
            minimum, maximum = tuple(x + half for x in minimum), tuple(x + half for x in maximum)  # type: ignore[assignment]
        self.box = minimum, maximum
        self.to_network = query_calibration().double().numpy()
        self.side_per_height, self.side_per_width = framing or framing_of({}, "")

    def person_field(self, looks: Sequence[Look]) -> PersonField:
        device = next(self.network.parameters()).device
        volume = self.network(torch.from_numpy(looks[0].image)[None].to(device))[-1].float()
        depth, height, width = volume.shape[2:]
        lengths = torch.tensor([width, height, depth], device=device) / height  # of the box

        def query(points: Tensor) -> Tensor:
            place = (points[0].T + self.shift) * (2 / lengths)
            return F.grid_sample(volume, place[None, :, None, None], align_corners=False)[:, :, :, 0, 0]

        return PersonField(field=in_passes(query, device=device, points_per_pass=self.options.points_per_pass))


def seen_at(look: Look, size_px: int) -> Tensor:
    """(1, 3, size, size): the picture as another network of the same method gets it."""
    if look.image.shape[-1] == size_px:
        return torch.from_numpy(look.image)[None]
    return torch.from_numpy(network_image(*cut_out(look.picture, look.mask, look.placement, size_px)))[None]


def load_reconstructor(folder: Path) -> FieldReconstructor:
    """The reconstructor of a weights folder of ``query`` (with that of ``coarse`` inside) or of ``coarse``.

    Raises ``InputError`` that names what is wrong with it.
    """
    card = read_card(folder)
    origin = str(folder / "card.json")
    options = options_from(FieldOptions, card.reconstruct or {}, f"{origin}: reconstruct")
    framing = framing_of(card.options, origin)
    if card.method != "geopifu" or card.stage not in ("coarse", "query"):
        raise InputError(f"{folder}: the weights are of {card.method} / {card.stage}; Geo-PIFu needs its own coarse or query.")
    network = load_network(folder).network
    if isinstance(network, GeoPifuCoarseNetwork):
        return CoarseReconstructor(
            network,
            card,
            image_size_px=_pixels(card.options, "image_size_px", origin),
            published_vertices=bool(card.options.get("published_vertices", False)),
            framing=framing,
            options=_native(options, network.options),
        )
    assert isinstance(network, GeoPifuQueryNetwork)
    size = _pixels(card.options, "image_size_px", origin)
    if size % network.options.image.size_multiple_px:
        raise InputError(
            f"{origin}: options.image_size_px is {size}; it must be a multiple of {network.options.image.size_multiple_px}."
        )
    coarse = None
    coarse_size = size
    if network.options.fusion != "none":
        coarse, coarse_size = _coarse_part(folder, network, card, size)
    return GeoPifuReconstructor(
        network, coarse, card, image_size_px=size, coarse_image_size_px=coarse_size, framing=framing, options=options
    )


def _coarse_part(
    folder: Path, network: GeoPifuQueryNetwork, card: Card, image_size_px: int
) -> tuple[GeoPifuCoarseNetwork, int]:
    """The coarse network inside a query network's folder, and the side of the picture that it gets."""
    parts = part_folders(folder)
    if "coarse" not in parts:
        raise InputError(
            f"{folder}: has no coarse network, whose voxels this query network reads. Give it when you make the folder: "
            "vitruvian weights import ... --part coarse=FOLDER."
        )
    coarse = load_network(parts["coarse"]).network
    if not isinstance(coarse, GeoPifuCoarseNetwork):
        raise InputError(f"{parts['coarse']}: not the weights of geopifu / coarse.")
    if coarse.options.voxel_channels != network.options.voxel_channels:
        raise InputError(
            f"{folder}: its network reads voxels of {network.options.voxel_channels} channels, but {parts['coarse']} gives "
            f"{coarse.options.voxel_channels}. Put the coarse network there that it was trained with."
        )
    if card.options.get("coarse_image_size_px") is None:
        return coarse, image_size_px
    return coarse, _pixels(card.options, "coarse_image_size_px", str(folder / "card.json"))


def _native(options: FieldOptions, network: CoarseNetworkOptions) -> FieldOptions:
    """The options, but with the volume's own cells as the grid."""
    depth, height, width = network.occupancy_shape
    return dataclasses.replace(options, resolution=(width, height, depth), evaluation="dense", carve=False)


def _pixels(options: Mapping[str, Any], name: str, origin: str) -> int:
    size = options.get(name)
    if not isinstance(size, int) or size < 16:
        raise InputError(f"{origin}: options.{name} is {size!r}; it must be a number of pixels, at least 16.")
    return size
