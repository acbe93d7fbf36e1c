"""The tailor: the measures and the cloth of every kind of sewn garment, drawn within its style."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vitruvian.datagen.sources.synthetic.chance import fabric, pick
from vitruvian.datagen.sources.synthetic.fabric import Fabric
from vitruvian.datagen.sources.synthetic.labels import LABEL
from vitruvian.datagen.sources.synthetic.sewing import Measures


@dataclass(frozen=True, kw_only=True, slots=True)
class Garment:
    """One thing that is worn: its name, its measures (sewn ones) and its cloth."""

    name: str
    measures: Measures
    fabric: Fabric


def draw_top(rng: np.random.Generator, name: str, feminine: bool, tucked: bool, waist: float) -> Garment:
    fit = rng.random()
    hem = waist - 0.10 if tucked else float(rng.uniform(0.82, 0.91))
    label = LABEL["top"]
    long = float(rng.uniform(0.455, 0.474))
    if name == "t-shirt":
        m = Measures(
            sleeve_m=float(rng.uniform(0.12, 0.21)),
            neck_m=float(rng.uniform(-0.012, 0.004)),
            neck_drop_m=float(rng.choice([0, 0, 0.05, 0.07])),
            neck_width_m=0.06,
            neck_round=bool(rng.random() < 0.5),
            hem_m=hem,
            ease_m=0.006 + 0.006 * fit,
            torso_hang=0.45 - 0.38 * fit,
            sleeve_radius_m=0.10 + 0.05 * fit,
            looseness=0.4 + 0.5 * fit,
            flute_m=0.004 * fit,
            label=label,
        )
        f = fabric(
            rng,
            (
                "plain",
                "plain",
                "print",
                "print",
                "stripes across",
                "melange",
                "raglan",
                "dots",
                "dip dye",
                "blocks",
                "camouflage",
            ),
        )
    elif name == "tank top":
        m = Measures(
            sleeve_m=-0.015,
            neck_m=-0.03,
            neck_drop_m=0.05,
            neck_width_m=0.08,
            neck_round=True,
            hem_m=hem,
            ease_m=0.006,
            torso_hang=0.4 - 0.25 * fit,
            looseness=0.35 + 0.4 * fit,
            label=label,
        )
        f = fabric(rng, ("plain", "plain", "stripes across", "melange", "print"))
    elif name == "long sleeves":
        m = Measures(
            sleeve_m=long,
            neck_m=0.0,
            neck_drop_m=float(rng.choice([0, 0.06])),
            hem_m=hem,
            ease_m=0.006 + 0.004 * fit,
            torso_hang=0.5 - 0.4 * fit,
            sleeve_radius_m=0.042,
            looseness=0.4 + 0.3 * fit,
            label=label,
        )
        f = fabric(rng, ("plain", "stripes across", "stripes across", "melange", "raglan", "print"))
    elif name == "shirt":
        m = Measures(
            sleeve_m=long if rng.random() < 0.75 else 0.20,
            neck_m=0.008,
            neck_drop_m=0.035,
            neck_width_m=0.035,
            hem_m=hem,
            ease_m=0.008 + 0.005 * fit,
            torso_hang=0.4 - 0.3 * fit,
            sleeve_radius_m=0.055,
            looseness=0.6 + 0.3 * fit,
            crisp=1.2,
            label=label,
        )
        f = fabric(
            rng, ("plain", "plain", "stripes down", "stripes down", "gingham", "plaid", "plaid", "dots", "flowers", "denim")
        )
    elif name == "blouse":
        m = Measures(
            sleeve_m=float(rng.choice([0.18, 0.33, long])),
            neck_m=-0.005,
            neck_drop_m=float(rng.choice([0.04, 0.09])),
            hem_m=hem,
            ease_m=0.009,
            torso_hang=0.2,
            sleeve_radius_m=float(rng.choice([0.05, 0.085])),
            looseness=0.9,
            crisp=0.8,
            flute_m=0.005,
            label=label,
        )
        f = fabric(rng, ("plain", "plain", "flowers", "flowers", "dots", "stripes down"))
    elif name == "polo":
        m = Measures(
            sleeve_m=float(rng.uniform(0.15, 0.2)),
            neck_m=0.008,
            neck_drop_m=0.05,
            neck_width_m=0.03,
            hem_m=hem,
            ease_m=0.007 + 0.004 * fit,
            torso_hang=0.4 - 0.25 * fit,
            sleeve_radius_m=0.10,
            looseness=0.45 + 0.3 * fit,
            label=label,
        )
        f = fabric(rng, ("plain", "plain", "stripes across", "blocks", "melange"))
    elif name == "sweater":
        m = Measures(
            sleeve_m=long,
            neck_m=0.004,
            neck_drop_m=float(rng.choice([0, 0, 0.07])),
            hem_m=0.86,
            ease_m=0.014,
            torso_hang=0.25,
            sleeve_radius_m=0.055,
            looseness=0.6,
            crisp=0.75,
            label=label,
        )
        f = fabric(rng, ("knit", "knit", "melange", "stripes across", "blocks"))
    elif name == "hoodie":
        m = Measures(
            sleeve_m=long,
            neck_m=0.002,
            neck_drop_m=0.02,
            hem_m=0.85,
            ease_m=0.016,
            torso_hang=0.16,
            sleeve_radius_m=0.06,
            looseness=0.85,
            crisp=1.0,
            label=label,
        )
        f = fabric(rng, ("plain", "melange", "melange", "print", "raglan", "blocks", "camouflage"))
    else:  # turtleneck
        m = Measures(
            sleeve_m=long,
            neck_m=0.03,
            hem_m=hem,
            ease_m=0.005,
            torso_hang=0.6,
            sleeve_radius_m=0.04,
            looseness=0.3,
            label=label,
        )
        f = fabric(rng, ("knit", "plain", "melange"))
    return Garment(name=name, measures=m, fabric=f)


def draw_bottom(rng: np.random.Generator, name: str) -> Garment:
    fit = rng.random()
    waist = float(rng.uniform(0.98, 1.05))
    label = LABEL["shorts" if name == "shorts" else "trousers"]
    hem = float(rng.uniform(0.052, 0.085))
    if name == "jeans":
        m = Measures(
            hem_m=hem,
            top_m=waist - 0.02,
            ease_m=0.005,
            torso_hang=1.0,
            leg_radius_m=float(rng.choice([0.0, 0.075, 0.09, 0.105])),
            looseness=0.45 + 0.2 * fit,
            crisp=1.2,
            label=label,
            tile="lower",
        )
        f = fabric(rng, ("denim",))
    elif name == "leggings":
        m = Measures(
            hem_m=float(rng.choice([0.09, 0.11, 0.25])),
            top_m=waist,
            ease_m=0.0025,
            torso_hang=1.0,
            looseness=0.05,
            crisp=0.35,
            label=label,
            tile="lower",
        )
        f = fabric(rng, ("plain", "plain", "melange", "camouflage"), bright=False, neutral=0.6)
    elif name == "joggers":
        m = Measures(
            hem_m=0.10, top_m=waist, ease_m=0.010, torso_hang=1.0, leg_radius_m=0.075, looseness=0.8, label=label, tile="lower"
        )
        f = fabric(rng, ("plain", "melange", "melange"), bright=False, neutral=0.6)
    elif name == "wide trousers":
        m = Measures(
            hem_m=hem,
            top_m=waist + 0.01,
            ease_m=0.007,
            torso_hang=1.0,
            leg_radius_m=float(rng.uniform(0.12, 0.16)),
            looseness=0.9,
            crisp=0.8,
            label=label,
            tile="lower",
        )
        f = fabric(rng, ("plain", "plain", "stripes down", "plaid", "denim"))
    elif name == "shorts":
        m = Measures(
            hem_m=float(rng.uniform(0.44, 0.62)),
            top_m=waist,
            ease_m=0.008,
            torso_hang=1.0,
            leg_radius_m=float(rng.uniform(0.11, 0.15)),
            looseness=0.7,
            label=label,
            tile="lower",
        )
        f = fabric(rng, ("plain", "plain", "denim", "plaid", "flowers", "camouflage", "stripes down"))
    else:  # trousers, chinos
        m = Measures(
            hem_m=hem,
            top_m=waist,
            ease_m=0.006,
            torso_hang=1.0,
            leg_radius_m=float(rng.uniform(0.085, 0.11)),
            looseness=0.55,
            crisp=0.9,
            label=label,
            tile="lower",
        )
        f = fabric(
            rng,
            ("plain", "plain", "herringbone", "stripes down") if name == "trousers" else ("plain",),
            bright=name == "chinos",
            neutral=0.6,
        )
        if name == "chinos":
            ground = pick(
                rng,
                [
                    (0.70, 0.60, 0.45),
                    (0.55, 0.47, 0.35),
                    (0.36, 0.38, 0.28),
                    (0.16, 0.20, 0.30),
                    (0.62, 0.57, 0.50),
                    (0.40, 0.22, 0.18),
                ],
            )
            f = Fabric(pattern="plain", colours=(ground, f.colours[1], f.colours[2]), scale_m=f.scale_m)
    return Garment(name=name, measures=m, fabric=f)


def draw_outer(rng: np.random.Generator, name: str) -> Garment:
    label = LABEL["jacket"]
    long = float(rng.uniform(0.455, 0.472))
    base = Measures(sleeve_m=long, label=label, tile="outer")
    if name == "blazer":
        m = replace(
            base,
            hem_m=0.83,
            ease_m=0.020,
            torso_hang=0.22,
            sleeve_radius_m=0.06,
            looseness=0.35,
            crisp=0.6,
            open_m=0.02,
            neck_drop_m=0.22,
            neck_width_m=0.075,
        )
        f = fabric(rng, ("plain", "plain", "herringbone", "plaid", "stripes down"), bright=False, neutral=0.5)
    elif name == "coat":
        m = replace(
            base,
            hem_m=0.81,
            ease_m=0.026,
            torso_hang=0.12,
            sleeve_radius_m=0.065,
            looseness=0.4,
            crisp=0.6,
            open_m=0.03,
            neck_drop_m=0.16,
            neck_width_m=0.08,
        )
        f = fabric(rng, ("plain", "herringbone", "plaid"), bright=False, neutral=0.5)
    elif name == "cardigan":
        m = replace(
            base,
            hem_m=0.83,
            ease_m=0.018,
            torso_hang=0.3,
            sleeve_radius_m=0.055,
            looseness=0.6,
            crisp=0.7,
            open_m=0.045,
            neck_drop_m=0.14,
            neck_width_m=0.08,
        )
        f = fabric(rng, ("knit", "knit", "melange"))
    else:
        m = replace(
            base,
            hem_m=float(rng.uniform(0.86, 0.92)),
            ease_m=0.024,
            torso_hang=0.2,
            sleeve_radius_m=0.062,
            looseness=0.6,
            crisp=1.1,
            open_m=0.04,
            neck_drop_m=0.06,
            neck_width_m=0.07,
        )
        f = fabric(rng, ("plain", "plain", "denim", "camouflage", "blocks"), bright=False)
    return Garment(name=name, measures=m, fabric=f)
