"""Random brightness, contrast, saturation and hue, in random order: the published colour augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourJitter:
    """Each factor is drawn from 1 +- its value; the hue turns by up to +- ``hue`` of a full circle."""

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        if min(self.brightness, self.contrast, self.saturation, self.hue) < 0 or self.hue > 0.5:
            raise ValueError(f"ColourJitter: {self}; no value may be negative and hue may be at most 0.5.")


def jitter_colours(colours: NDArray[np.uint8], jitter: ColourJitter, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(H, W, 3) sRGB to the same; draws nothing when every value is 0."""
    if jitter == ColourJitter():
        return colours
    picture = Image.fromarray(colours)
    enhancers = (
        (ImageEnhance.Brightness, jitter.brightness),
        (ImageEnhance.Contrast, jitter.contrast),
        (ImageEnhance.Color, jitter.saturation),
    )
    for kind in rng.permutation(4):
        if kind == 3:
            if jitter.hue > 0:
                picture = _turn_hue(picture, float(rng.uniform(-jitter.hue, jitter.hue)))
            continue
        enhancer, amount = enhancers[kind]
        if amount > 0:
            picture = enhancer(picture).enhance(float(rng.uniform(max(0.0, 1 - amount), 1 + amount)))
    return np.asarray(picture)


def _turn_hue(picture: Image.Image, turn: float) -> Image.Image:
    hsv = np.array(picture.convert("HSV"))
    hsv[..., 0] += np.uint8(round(turn * 255) % 256)
    return Image.fromarray(hsv, "HSV").convert("RGB")
