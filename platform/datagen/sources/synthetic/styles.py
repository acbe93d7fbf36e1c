"""Shoes and hairstyles, drawn within their kind."""

from __future__ import annotations

import numpy as np

from vitruvian.datagen.sources.synthetic.chance import Colour, choice, cloth_colour, pick
from vitruvian.datagen.sources.synthetic.hair import HairStyle
from vitruvian.datagen.sources.synthetic.shoes import ShoeStyle


def draw_shoes(rng: np.random.Generator, feminine: bool, bottom: str) -> tuple[ShoeStyle, tuple[Colour, Colour]]:
    weights = {
        "sneakers": 1.5,
        "canvas shoes": 0.9,
        "running shoes": 0.9,
        "leather shoes": 0.3 if feminine else 1.1,
        "boots": 0.8,
        "ballerinas": 0.9 if feminine else 0.0,
    }
    if bottom in ("shorts", "leggings", "joggers"):
        weights |= {"leather shoes": 0.05, "boots": 0.2}
    name = choice(rng, weights)
    white, black, brown, rubber = (0.93, 0.93, 0.92), (0.07, 0.07, 0.08), (0.30, 0.17, 0.09), (0.85, 0.83, 0.78)
    any_colour = cloth_colour(rng)
    return {
        "sneakers": (
            ShoeStyle(name=name, sole_m=0.026, collar_m=0.085, toe_m=0.014, flange_m=0.005, pad_m=0.008),
            (pick(rng, [white, white, black, any_colour]), white),
        ),
        "canvas shoes": (
            ShoeStyle(
                name=name, sole_m=0.020, collar_m=float(rng.choice([0.075, 0.12])), toe_m=0.010, flange_m=0.003, pad_m=0.006
            ),
            (any_colour, rubber),
        ),
        "running shoes": (
            ShoeStyle(name=name, sole_m=0.030, collar_m=0.080, toe_m=0.014, flange_m=0.007, pad_m=0.008),
            (any_colour, pick(rng, [white, black, any_colour])),
        ),
        "leather shoes": (
            ShoeStyle(name=name, sole_m=0.018, collar_m=0.075, toe_m=0.020, point=0.7, flange_m=0.003, pad_m=0.005),
            (pick(rng, [black, brown, (0.42, 0.25, 0.13)]), (0.10, 0.08, 0.07)),
        ),
        "boots": (
            ShoeStyle(
                name=name, sole_m=0.030, collar_m=float(rng.choice([0.15, 0.17])), toe_m=0.014, flange_m=0.005, pad_m=0.009
            ),
            (pick(rng, [black, brown, (0.55, 0.40, 0.22)]), (0.12, 0.10, 0.09)),
        ),
        "ballerinas": (
            ShoeStyle(name=name, sole_m=0.010, collar_m=0.050, toe_m=0.008, point=0.4, flange_m=0.001, pad_m=0.003),
            (pick(rng, [black, any_colour, (0.60, 0.12, 0.14)]), (0.15, 0.12, 0.10)),
        ),
    }[name]


def draw_hair(rng: np.random.Generator, name: str) -> HairStyle | None:
    part = float(rng.choice([-1.0, 1.0]))
    u = float(rng.random())
    styles = {
        "crop": HairStyle(name=name, top_m=0.010 + 0.008 * u, side_m=0.006 + 0.004 * u),
        "side part": HairStyle(name=name, top_m=0.022 + 0.008 * u, side_m=0.010, part=part, strands=1.2),
        "quiff": HairStyle(name=name, top_m=0.020, side_m=0.007, lift=0.018 + 0.014 * u, strands=1.3),
        "curly": HairStyle(name=name, top_m=0.030 + 0.015 * u, side_m=0.020 + 0.01 * u, lumps_m=0.008, strands=0.6),
        "afro": HairStyle(name=name, top_m=0.055 + 0.03 * u, side_m=0.050 + 0.03 * u, lumps_m=0.006, strands=0.3),
        "bob": HairStyle(name=name, top_m=0.020, side_m=0.022, fall_m=0.07 + 0.06 * u, part=part),
        "fringe bob": HairStyle(name=name, top_m=0.020, side_m=0.022, fall_m=0.06 + 0.06 * u, fringe_deg=24),
        "long": HairStyle(name=name, top_m=0.018, side_m=0.018, fall_m=0.22 + 0.18 * u, part=part),
        "long waves": HairStyle(
            name=name, top_m=0.024, side_m=0.026, fall_m=0.20 + 0.14 * u, part=part, wave_m=0.007, strands=1.4
        ),
        "bun": HairStyle(name=name, top_m=0.010, side_m=0.008, tied="bun"),
        "high bun": HairStyle(name=name, top_m=0.010, side_m=0.008, tied="high bun"),
        "ponytail": HairStyle(name=name, top_m=0.010, side_m=0.008, tied="ponytail"),
        "beanie": HairStyle(name=name, top_m=0.030, side_m=0.013, smooth=True),
    }
    return styles.get(name)
