"""Find the person in a photograph with the network that comes with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_fill_holes, label

from vitruvian.errors import InputError
from vitruvian.methods.cutout.network import CutoutNetwork, CutoutOptions
from vitruvian.methods.cutout.refine import guided
from vitruvian.methods.option_values import options_from
from vitruvian.methods.pictures import MIN_PERSON_PX
from vitruvian.methods.weights import load_into, load_weights

FOLDER = Path(__file__).parent / "data"
"""The weights that come with the package."""
WORKING_PX = 512
"""The outline is drawn at this size of the picture's longer side."""
SURE = 0.6
"""What the network thinks of the person's pixels on average, at least; below it found nobody."""
MIN_SHARE = 0.004
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
        """(H, W, 3) sRGB -> what the network thinks of each pixel of the square around it, cut to the picture and reduced."""
        size = self.network.options.image_size_px
        height, width = picture.shape[:2]
        scale = size / max(height, width)
        columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
        small = np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.BILINEAR, reducing_gap=3.0))
        left, top = (size - columns) // 2, (size - rows) // 2
        beside = ((top, size - rows - top), (left, size - columns - left), (0, 0))
        square = np.pad(small, beside, mode="edge")
        image = torch.from_numpy(np.ascontiguousarray(square.transpose(2, 0, 1)))[None].float() / 255
        both = torch.cat([image, image.flip(3)])
        logits = self.network(both)
        mean = (logits[0] + logits[1].flip(2)) / 2
        return mean.sigmoid()[0].numpy()[top : top + rows, left : left + columns]

    def find(self, picture: NDArray[np.uint8]) -> Found:
        """The person in (H, W, 3) sRGB; of several the largest. Raises ``InputError`` when nobody is found."""
        height, width = picture.shape[:2]
        coarse = self.probability(picture)
        scale = min(1.0, WORKING_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0))
        thought = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
        fine = guided(small, thought.clip(0, 1))
        person = largest_part(fine > 0.5)
        confidence = float(thought[person].mean()) if person.any() else 0.0
        rows = np.flatnonzero(person.any(axis=1))
        if person.mean() < MIN_SHARE or confidence < SURE or len(rows) * height / size[1] < MIN_PERSON_PX:
            raise InputError(
                "no person was found in it. Give a mask (--mask: a grey picture of the same size, white on the person), or a "
                "picture that shows one whole person, upright, larger than all others."
            )
        large = Image.fromarray(person.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BILINEAR)
        return Found(mask=np.asarray(large) > 127, confidence=confidence)


def largest_part(marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part, with small holes filled."""
    parts, num = label(marked)
    if not num:
        return marked
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    part = parts == sizes.argmax()
    holes, num_holes = label(binary_fill_holes(part) & ~part)
    small = np.flatnonzero(np.bincount(holes.ravel(), minlength=num_holes + 1) < 0.002 * part.sum() + 4)
    return part | np.isin(holes, small[small > 0])


def load_finder(folder: Path = FOLDER) -> PersonFinder:
    """The finder of a weights folder; raises ``InputError`` that names what is wrong with it."""
    weights = load_weights(folder)
    if (weights.card.method, weights.card.stage) != ("cutout", "person"):
        raise InputError(f"{folder}: the weights are of {weights.card.method} / {weights.card.stage}, not of cutout / person.")
    options = options_from(CutoutOptions, weights.card.options.get("network"), f"{folder / 'card.json'}: options.network")
    network = CutoutNetwork(options)
    state = {
        name: value.to(network.state_dict()[name].dtype)
        for name, value in weights.state_dict.items()
        if name in network.state_dict()
    }
    load_into(network, state, origin=str(folder))
    return PersonFinder(network)
