"""Find the person in a photograph with the network that comes with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from vitruvian.errors import InputError
from vitruvian.methods.cutout.network import CutoutNetwork, CutoutOptions
from vitruvian.methods.cutout.refine import cut_along_edges
from vitruvian.methods.option_values import options_from
from vitruvian.methods.pictures import MIN_PERSON_PX
from vitruvian.methods.weights import load_into, load_weights

FOLDER = Path(__file__).parent / "data"
"""The weights that come with the package."""
SURE = 0.5
"""What the network thinks of the person's pixels on average, at least; below it found nobody."""
MIN_SHARE, MAX_SHARE = 0.004, 0.9
"""Of the picture's pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Where the person is."""

    mask: NDArray[np.bool_]
    """(H, W)."""
    confidence: float
    """Mean of the network's probabilities over the mask."""


class PersonFinder:
    """A loaded network. Keeps no state between pictures."""

    def __init__(self, network: CutoutNetwork) -> None:
        self.network = network.eval()

    @torch.inference_mode()
    def probability(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) sRGB -> (h, w) what the network thinks of the picture's pixels, reduced to its own size."""
        size = self.network.options.image_size_px
        height, width = picture.shape[:2]
        scale = size / max(height, width)
        columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
        small = np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.BILINEAR, reducing_gap=3.0))
        left, top = (size - columns) // 2, (size - rows) // 2
        square = np.pad(small, ((top, size - rows - top), (left, size - columns - left), (0, 0)), mode="edge")
        image = torch.from_numpy(np.ascontiguousarray(square.transpose(2, 0, 1)))[None].float() / 255
        logits = self.network(torch.cat([image, image.flip(3)]))
        mean = (logits[0] + logits[1].flip(2)) / 2
        return mean.sigmoid()[0].numpy()[top : top + rows, left : left + columns]

    def find(self, picture: NDArray[np.uint8]) -> Found:
        """The person in (H, W, 3) sRGB; of several the largest. Raises ``InputError`` when nobody is found."""
        thought = self.probability(picture)
        mask = cut_along_edges(picture, thought)
        shown = np.asarray(Image.fromarray(mask).resize(thought.shape[::-1], Image.Resampling.NEAREST))
        confidence = float(thought[shown].mean()) if shown.any() else 0.0
        rows = np.flatnonzero(mask.any(axis=1))
        if not MIN_SHARE < mask.mean() < MAX_SHARE or confidence < SURE or rows[-1] + 1 - rows[0] < MIN_PERSON_PX:
            raise InputError(
                "no person was found in it. Give a mask (--mask: a grey picture of the same size, white on the person), or a "
                "picture that shows one whole person, upright, larger than all others."
            )
        return Found(mask=mask, confidence=confidence)


def load_finder(folder: Path = FOLDER) -> PersonFinder:
    """The finder of a weights folder; raises ``InputError`` that names what is wrong with it."""
    weights = load_weights(folder)
    if (weights.card.method, weights.card.stage) != ("cutout", "person"):
        raise InputError(f"{folder}: the weights are of {weights.card.method} / {weights.card.stage}, not of cutout / person.")
    options = options_from(CutoutOptions, weights.card.options.get("network"), f"{folder / 'card.json'}: options.network")
    network = CutoutNetwork(options)
    own = network.state_dict()
    state = {name: value.to(own[name].dtype) if name in own else value for name, value in weights.state_dict.items()}
    load_into(network, state, origin=str(folder))
    return PersonFinder(network)
