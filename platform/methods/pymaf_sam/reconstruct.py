"""From pictures to bodies with PyMAF-SAM: as with PyMAF, with points of a mask of each person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.spin.crop import PIXEL_SCALE, crop
from vitruvian.errors import InputError
from vitruvian.methods.cutout.find import PersonFinder, load_finder
from vitruvian.methods.networks import load_network
from vitruvian.methods.option_values import options_from
from vitruvian.methods.pymaf.full_camera import Crop
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.reconstruct import Person, PymafReconstructor
from vitruvian.methods.pymaf.reconstruct_options import PymafReconstructOptions
from vitruvian.methods.pymaf.samples import direct_crop
from vitruvian.methods.pymaf_sam.mask_points import Frame, mask_points
from vitruvian.methods.segment.maker import MaskMaker
from vitruvian.methods.weights import Card


class PymafSamReconstructor(PymafReconstructor):
    """A trained network. Where no mask is given, the person is cut out of the crop by the network that comes with the
    package; or, with ``maker``, out of the picture by Segment Anything at the person's box. Any other masks can be given."""

    def __init__(
        self, network: PymafNetwork, card: Card, options: PymafReconstructOptions | None = None, *, frame: Frame = "crop"
    ) -> None:
        super().__init__(network, card, options)
        self.frame: Frame = frame
        self.finder: PersonFinder | None = None
        self.maker: MaskMaker | None = None

    def first_points(self, people: Sequence[Person], squares: Sequence[Crop]) -> NDArray[np.float32] | None:
        """(B, N, 2) points of each mask; as ``PymafReconstructor`` for a network with a table."""
        options = self.network.options
        if options.first_points != "mask":
            return super().first_points(people, squares)
        front, back = options.num_foreground, options.num_background
        masks = [self._mask_in(person, square) for person, square in zip(people, squares, strict=True)]
        return np.stack([mask_points(mask, num_foreground=front, num_background=back, frame=self.frame) for mask in masks])

    def _mask_in(self, person: Person, square: Crop) -> NDArray[np.bool_]:
        """(S, S) the person in the crop."""
        column, row, side = square
        size = self.network.options.image_size_px
        mask = self.maker.make(person.picture, person.box)[0] if person.mask is None and self.maker else person.mask
        if mask is not None:
            grey = mask.astype(np.uint8) * 255
            return direct_crop(grey, (column, row), side / PIXEL_SCALE, size_px=size) > 127
        if self.finder is None:
            self.finder = load_finder()
        try:
            return self.finder.find(crop(person.picture, (column, row), side / PIXEL_SCALE, size_px=size)).mask
        except InputError:
            raise InputError(
                "no person was found in the crop, and no mask is given, of which this network reads points. Give a mask."
            ) from None


def load_reconstructor(folder: Path) -> PymafSamReconstructor:
    """From a weights folder; raises ``InputError``."""
    loaded = load_network(folder)
    assert isinstance(loaded.network, PymafNetwork)
    options = options_from(PymafReconstructOptions, loaded.card.reconstruct or {}, f"{folder / 'card.json'}: reconstruct")
    frame: Frame = "stretched" if loaded.card.options.get("frame") == "stretched" else "crop"
    return PymafSamReconstructor(loaded.network, loaded.card, options, frame=frame)
