"""What a person wears and looks like, drawn from a seed: plain values, no geometry."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from vitruvian.datagen.sources.synthetic.fabric import Fabric
from vitruvian.datagen.sources.synthetic.hair import HairStyle
from vitruvian.datagen.sources.synthetic.labels import LABEL
from vitruvian.datagen.sources.synthetic.sewing import Measures
from vitruvian.datagen.sources.synthetic.shoes import ShoeStyle
from vitruvian.datagen.sources.synthetic.skirts import SkirtStyle

Colour = tuple[float, float, float]

TOPS = ("t-shirt", "long sleeves", "shirt", "polo", "sweater", "hoodie", "tank top", "blouse", "turtleneck")
BOTTOMS = ("jeans", "trousers", "chinos", "leggings", "joggers", "wide trousers", "shorts", "skirt", "dress")
OUTER = ("none", "blazer", "jacket", "cardigan", "coat")
SHOES = ("sneakers", "leather shoes", "boots", "canvas shoes", "running shoes", "ballerinas")
HAIR = ("buzz", "crop", "side part", "quiff", "curly", "afro", "bob", "fringe bob", "long", "long waves", "bun", "high bun", "ponytail",
        "bald", "beanie")  # fmt: skip

HAIR_COLOURS: dict[str, Colour] = {
    "black": (0.055, 0.047, 0.045), "dark brown": (0.13, 0.085, 0.06), "brown": (0.25, 0.16, 0.10), "chestnut": (0.34, 0.19, 0.11),
    "dark blond": (0.47, 0.36, 0.23), "blond": (0.72, 0.58, 0.38), "red": (0.50, 0.22, 0.10), "grey": (0.52, 0.51, 0.50),
    "white": (0.82, 0.81, 0.79),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Garment:
    """One thing that is worn: its name, its measures (sewn ones) and its cloth."""

    name: str
    measures: Measures
    fabric: Fabric


@dataclass(frozen=True, kw_only=True, slots=True)
class Outfit:
    """Everything about a person that a seed decides, except body shape and pose."""

    feminine: bool
    tone: float
    top: Garment | None
    bottom: Garment | None
    outer: Garment | None
    skirt: SkirtStyle | None
    skirt_fabric: Fabric | None
    collar: str
    tucked: bool
    belt: bool
    shoes: ShoeStyle
    shoe_colours: tuple[Colour, Colour]
    socks_m: float
    sock_colour: Colour
    hair: HairStyle | None
    hair_name: str
    hair_colour_name: str
    hair_colour: Colour
    hat_colour: Colour
    stubble: float
    brow: float
    lipstick: float
    iris: str
    glasses: float
    """Roundness of the frames in [0, 1]; -1 without glasses."""

    @property
    def names(self) -> dict[str, str]:
        """What is worn, in words."""
        out = {"hair": self.hair_name, "hair colour": self.hair_colour_name, "eyes": self.iris, "shoes": self.shoes.name}
        for slot, garment in (("top", self.top), ("bottom", self.bottom), ("outer", self.outer)):
            if garment is not None:
                out[slot] = garment.name
                out[f"{slot} pattern"] = garment.fabric.pattern
        if self.glasses >= 0:
            out["glasses"] = "yes"
        if self.skirt is not None:
            out["bottom"] = self.skirt.name
        return out


def draw_outfit(rng: np.random.Generator, *, feminine: bool, may_wear_skirt: bool = True) -> Outfit:
    """A person's looks. The order of draws is part of the data: appending is safe, inserting changes every later person."""
    tone = float(np.clip(rng.beta(1.1, 1.2), 0, 1))
    colour_name = _hair_colour(rng, tone)
    hair_name = _choice(rng, _hair_weights(feminine, tone))
    bottom_name = _choice(rng, _bottom_weights(feminine))
    if bottom_name in ("skirt", "dress") and not may_wear_skirt:
        bottom_name = "leggings"
    top_name = _choice(rng, _top_weights(feminine, bottom_name))
    outer_name = _choice(rng, {"none": 0.70, "blazer": 0.09, "jacket": 0.11, "cardigan": 0.06, "coat": 0.04})
    if top_name in ("hoodie", "sweater", "polo") and outer_name in ("blazer", "cardigan"):
        outer_name = "none"
    if bottom_name == "dress" and outer_name == "coat":
        outer_name = "cardigan"
    bottom = None if bottom_name in ("skirt", "dress") else _bottom(rng, bottom_name)
    tucked = bool(rng.random() < {"shirt": 0.6, "blouse": 0.6, "turtleneck": 0.5, "polo": 0.3, "t-shirt": 0.2, "long sleeves": 0.2,
                                  "tank top": 0.3}.get(top_name, 0.0)) or (bottom_name == "skirt" and top_name not in ("hoodie", "sweater"))  # fmt: skip
    waist = bottom.measures.top_m if bottom is not None else 1.03
    top = _top(rng, top_name, feminine, tucked, waist)
    skirt, skirt_fabric = None, None
    if bottom_name in ("skirt", "dress"):
        skirt = SkirtStyle(
            name=bottom_name,
            top_m=1.04 if bottom_name == "skirt" else 1.06,
            length_m=float(rng.choice([0.42, 0.52, 0.62, 0.80])) + float(rng.uniform(-0.04, 0.04)),
            flare_m=float(rng.choice([0.02, 0.06, 0.11])) + float(rng.uniform(0, 0.03)),
            pleats=int(rng.choice([0, 0, 18, 26, 34])),
            wave_m=float(rng.uniform(0.004, 0.014)),
            label=LABEL[bottom_name],
        )
        skirt_fabric = _fabric(rng, ("plain", "plain", "plaid", "dots", "flowers", "stripes across", "denim", "knit"))
        if bottom_name == "dress":
            skirt_fabric = _fabric(
                rng, ("plain", "dots", "flowers", "flowers", "stripes across", "plaid", "gingham", "dip dye")
            )
            measures = Measures(
                sleeve_m=float(rng.choice([-0.02, 0.06, 0.16, 0.30, 0.465])), neck_m=float(rng.uniform(-0.02, 0.0)),
                neck_drop_m=float(rng.choice([0.0, 0.05, 0.09])), neck_width_m=0.07, neck_round=bool(rng.random() < 0.6), hem_m=0.98,
                ease_m=0.006, torso_hang=0.6, sleeve_radius_m=0.045, looseness=0.35, label=LABEL["dress"],
            )  # fmt: skip
            top = Garment(name="dress", measures=measures, fabric=skirt_fabric)
            tucked = True
    outer = None if outer_name == "none" else _outer(rng, outer_name)
    shoes, shoe_colours = _shoes(rng, feminine, bottom_name)
    collar = {"shirt": "shirt", "polo": "shirt", "hoodie": "hood", "turtleneck": "roll", "blouse": ""}.get(top_name, "")
    if bottom_name == "dress":
        collar = ""
    grey_or_colour = HAIR_COLOURS[colour_name]
    return Outfit(
        feminine=feminine,
        tone=tone,
        top=top,
        bottom=bottom,
        outer=outer,
        skirt=skirt,
        skirt_fabric=skirt_fabric,
        collar=collar,
        tucked=tucked,
        belt=bool(tucked and bottom is not None and bottom_name in ("jeans", "chinos", "trousers") and rng.random() < 0.7),
        shoes=shoes,
        shoe_colours=shoe_colours,
        socks_m=float(rng.choice([0.11, 0.13, 0.20])) if shoes.name not in ("ballerinas",) else 0.0,
        sock_colour=_pick(rng, [(0.93, 0.93, 0.92), (0.12, 0.12, 0.13), (0.45, 0.45, 0.47)]),
        hair=_hair(rng, hair_name),
        hair_name=hair_name,
        hair_colour_name=colour_name,
        hair_colour=tuple(np.clip(np.array(grey_or_colour) * rng.uniform(0.85, 1.15), 0, 1).tolist()),  # type: ignore[arg-type]
        hat_colour=_cloth_colour(rng),
        stubble=0.0 if feminine else float(rng.choice([0.0, 0.0, 0.15, 0.3, 0.55, 0.9])),
        brow=float(rng.uniform(0.75, 1.0) if feminine else rng.uniform(0.95, 1.35)),
        lipstick=float(rng.choice([0.0, 0.0, 0.25, 0.6])) if feminine else 0.0,
        iris=_choice(
            rng,
            {
                "dark brown": 0.45 + tone,
                "brown": 0.4,
                "hazel": 0.15 * (1 - tone),
                "green": 0.15 * (1 - tone),
                "blue": 0.4 * (1 - tone) ** 2,
                "grey": 0.12 * (1 - tone) ** 2,
            },
        ),  # fmt: skip
        glasses=float(rng.random()) if rng.random() < 0.14 else -1.0,
    )


def _choice(rng: np.random.Generator, weights: dict[str, float]) -> str:
    names = list(weights)
    share = np.maximum(np.array([weights[name] for name in names]), 0)
    return names[int(rng.choice(len(names), p=share / share.sum()))]


def _pick(rng: np.random.Generator, options: list[Colour]) -> Colour:
    return options[int(rng.integers(len(options)))]


def _hair_weights(feminine: bool, tone: float) -> dict[str, float]:
    if feminine:
        return {"bob": 1.0, "fringe bob": 0.7, "long": 1.4, "long waves": 1.1, "bun": 0.7, "high bun": 0.6, "ponytail": 1.1, "crop": 0.3,
                "curly": 0.6 + tone, "afro": 1.2 * tone, "beanie": 0.25, "side part": 0.3}  # fmt: skip
    return {"buzz": 0.9, "crop": 1.3, "side part": 1.3 - 0.6 * tone, "quiff": 1.0 - 0.4 * tone, "curly": 0.8 + 0.4 * tone, "afro": 0.8 * tone,
            "bald": 0.35, "beanie": 0.35, "bob": 0.2, "long": 0.15, "bun": 0.15}  # fmt: skip


def _bottom_weights(feminine: bool) -> dict[str, float]:
    if feminine:
        return {
            "jeans": 1.3,
            "trousers": 0.6,
            "leggings": 0.9,
            "wide trousers": 0.8,
            "chinos": 0.4,
            "joggers": 0.4,
            "shorts": 0.6,
            "skirt": 1.2,
            "dress": 1.4,
        }
    return {"jeans": 1.7, "trousers": 0.8, "chinos": 1.0, "joggers": 0.7, "shorts": 0.9, "wide trousers": 0.3}


def _top_weights(feminine: bool, bottom: str) -> dict[str, float]:
    weights = {
        "t-shirt": 1.6,
        "long sleeves": 0.8,
        "shirt": 1.2,
        "polo": 0.7,
        "sweater": 0.9,
        "hoodie": 0.9,
        "tank top": 0.3,
        "turtleneck": 0.3,
    }
    if feminine:
        weights |= {"polo": 0.2, "blouse": 1.1, "tank top": 0.8, "turtleneck": 0.6}
    if bottom == "leggings":
        weights |= {"shirt": 0.4, "hoodie": 1.3}
    return weights


def _hair_colour(rng: np.random.Generator, tone: float) -> str:
    light = (1 - tone) ** 1.5
    return _choice(rng, {"black": 0.6 + 2.2 * tone, "dark brown": 0.9, "brown": 0.8 * light + 0.1, "chestnut": 0.5 * light, "dark blond": 0.6 * light,
                         "blond": 0.6 * light, "red": 0.2 * light, "grey": 0.22, "white": 0.10})  # fmt: skip


def _cloth_colour(rng: np.random.Generator, *, neutral: float = 0.35, bright: bool = True) -> Colour:
    if rng.random() < neutral:
        value = float(rng.choice([0.06, 0.10, 0.17, 0.30, 0.5, 0.72, 0.88, 0.95]))
        warm = rng.uniform(-0.02, 0.04)
        return (min(value + warm, 1.0), value, max(value - warm, 0.0))
    hue, saturation = rng.random(), rng.uniform(0.25, 0.8)
    value = rng.uniform(0.25, 0.92 if bright else 0.55)
    return colorsys.hsv_to_rgb(hue, saturation * (0.75 if value > 0.7 else 1.0), value)


def _contrast(rng: np.random.Generator, ground: Colour) -> Colour:
    """Another colour that can be told from the ground."""
    for _ in range(8):
        other = _cloth_colour(rng, neutral=0.5)
        if abs(sum(other) - sum(ground)) > 0.7:
            break
    return other


def _fabric(rng: np.random.Generator, patterns: tuple[str, ...], *, bright: bool = True, neutral: float = 0.35) -> Fabric:
    pattern = patterns[int(rng.integers(len(patterns)))]
    if pattern == "denim":
        ground = _pick(
            rng,
            [
                (0.13, 0.19, 0.33),
                (0.22, 0.31, 0.47),
                (0.38, 0.49, 0.63),
                (0.08, 0.10, 0.16),
                (0.12, 0.12, 0.13),
                (0.55, 0.62, 0.70),
            ],
        )
        second: Colour = tuple(min(c * 1.5 + 0.1, 1.0) for c in ground)  # type: ignore[assignment]
        return Fabric(pattern=pattern, colours=(ground, second, (0.72, 0.52, 0.26)), scale_m=0.02)
    ground = _cloth_colour(rng, bright=bright, neutral=neutral)
    return Fabric(
        pattern=pattern,
        colours=(ground, _contrast(rng, ground), _contrast(rng, ground)),
        scale_m=float(rng.uniform(0.025, 0.06)),
    )


def _top(rng: np.random.Generator, name: str, feminine: bool, tucked: bool, waist: float) -> Garment:
    fit = rng.random()
    hem = waist - 0.10 if tucked else float(rng.uniform(0.82, 0.91))
    label = LABEL["top"]
    long = float(rng.uniform(0.455, 0.474))
    if name == "t-shirt":
        m = Measures(sleeve_m=float(rng.uniform(0.12, 0.21)), neck_m=float(rng.uniform(-0.012, 0.004)), neck_drop_m=float(rng.choice([0, 0, 0.05, 0.07])),
                     neck_width_m=0.06, neck_round=bool(rng.random() < 0.5), hem_m=hem, ease_m=0.006 + 0.006 * fit, torso_hang=0.45 - 0.38 * fit,
                     sleeve_radius_m=0.10 + 0.05 * fit, looseness=0.4 + 0.5 * fit, flute_m=0.004 * fit, label=label)  # fmt: skip
        f = _fabric(
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
        m = Measures(sleeve_m=-0.015, neck_m=-0.03, neck_drop_m=0.05, neck_width_m=0.08, neck_round=True, hem_m=hem, ease_m=0.006, torso_hang=0.4 - 0.25 * fit,
                     looseness=0.35 + 0.4 * fit, label=label)  # fmt: skip
        f = _fabric(rng, ("plain", "plain", "stripes across", "melange", "print"))
    elif name == "long sleeves":
        m = Measures(sleeve_m=long, neck_m=0.0, neck_drop_m=float(rng.choice([0, 0.06])), hem_m=hem, ease_m=0.006 + 0.004 * fit, torso_hang=0.5 - 0.4 * fit,
                     sleeve_radius_m=0.042, looseness=0.4 + 0.3 * fit, label=label)  # fmt: skip
        f = _fabric(rng, ("plain", "stripes across", "stripes across", "melange", "raglan", "print"))
    elif name == "shirt":
        m = Measures(sleeve_m=long if rng.random() < 0.75 else 0.20, neck_m=0.008, neck_drop_m=0.035, neck_width_m=0.035, hem_m=hem, ease_m=0.008 + 0.005 * fit,
                     torso_hang=0.4 - 0.3 * fit, sleeve_radius_m=0.055, looseness=0.6 + 0.3 * fit, crisp=1.2, label=label)  # fmt: skip
        f = _fabric(
            rng, ("plain", "plain", "stripes down", "stripes down", "gingham", "plaid", "plaid", "dots", "flowers", "denim")
        )
    elif name == "blouse":
        m = Measures(sleeve_m=float(rng.choice([0.18, 0.33, long])), neck_m=-0.005, neck_drop_m=float(rng.choice([0.04, 0.09])), hem_m=hem, ease_m=0.009,
                     torso_hang=0.2, sleeve_radius_m=float(rng.choice([0.05, 0.085])), looseness=0.9, crisp=0.8, flute_m=0.005, label=label)  # fmt: skip
        f = _fabric(rng, ("plain", "plain", "flowers", "flowers", "dots", "stripes down"))
    elif name == "polo":
        m = Measures(sleeve_m=float(rng.uniform(0.15, 0.2)), neck_m=0.008, neck_drop_m=0.05, neck_width_m=0.03, hem_m=hem, ease_m=0.007 + 0.004 * fit,
                     torso_hang=0.4 - 0.25 * fit, sleeve_radius_m=0.10, looseness=0.45 + 0.3 * fit, label=label)  # fmt: skip
        f = _fabric(rng, ("plain", "plain", "stripes across", "blocks", "melange"))
    elif name == "sweater":
        m = Measures(sleeve_m=long, neck_m=0.004, neck_drop_m=float(rng.choice([0, 0, 0.07])), hem_m=0.86, ease_m=0.014, torso_hang=0.25, sleeve_radius_m=0.055,
                     looseness=0.6, crisp=0.75, label=label)  # fmt: skip
        f = _fabric(rng, ("knit", "knit", "melange", "stripes across", "blocks"))
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
        f = _fabric(rng, ("plain", "melange", "melange", "print", "raglan", "blocks", "camouflage"))
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
        f = _fabric(rng, ("knit", "plain", "melange"))
    return Garment(name=name, measures=m, fabric=f)


def _bottom(rng: np.random.Generator, name: str) -> Garment:
    fit = rng.random()
    waist = float(rng.uniform(0.98, 1.05))
    label = LABEL["shorts" if name == "shorts" else "trousers"]
    hem = float(rng.uniform(0.052, 0.085))
    if name == "jeans":
        m = Measures(hem_m=hem, top_m=waist - 0.02, ease_m=0.005, torso_hang=1.0, leg_radius_m=float(rng.choice([0.0, 0.075, 0.09, 0.105])), looseness=0.45 + 0.2 * fit,
                     crisp=1.2, label=label, tile="lower")  # fmt: skip
        f = _fabric(rng, ("denim",))
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
        f = _fabric(rng, ("plain", "plain", "melange", "camouflage"), bright=False, neutral=0.6)
    elif name == "joggers":
        m = Measures(
            hem_m=0.10, top_m=waist, ease_m=0.010, torso_hang=1.0, leg_radius_m=0.075, looseness=0.8, label=label, tile="lower"
        )
        f = _fabric(rng, ("plain", "melange", "melange"), bright=False, neutral=0.6)
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
        f = _fabric(rng, ("plain", "plain", "stripes down", "plaid", "denim"))
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
        f = _fabric(rng, ("plain", "plain", "denim", "plaid", "flowers", "camouflage", "stripes down"))
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
        f = _fabric(
            rng,
            ("plain", "plain", "herringbone", "stripes down") if name == "trousers" else ("plain",),
            bright=name == "chinos",
            neutral=0.6,
        )
        if name == "chinos":
            ground = _pick(
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


def _outer(rng: np.random.Generator, name: str) -> Garment:
    label = LABEL["jacket"]
    long = float(rng.uniform(0.455, 0.472))
    common = {"sleeve_m": long, "label": label, "tile": "outer", "neck_m": 0.0}
    if name == "blazer":
        m = Measures(
            **common,
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
        f = _fabric(rng, ("plain", "plain", "herringbone", "plaid", "stripes down"), bright=False, neutral=0.5)
    elif name == "coat":
        m = Measures(
            **common,
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
        f = _fabric(rng, ("plain", "herringbone", "plaid"), bright=False, neutral=0.5)
    elif name == "cardigan":
        m = Measures(
            **common,
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
        f = _fabric(rng, ("knit", "knit", "melange"))
    else:
        m = Measures(
            **common,
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
        f = _fabric(rng, ("plain", "plain", "denim", "camouflage", "blocks"), bright=False)
    return Garment(name=name, measures=m, fabric=f)


def _shoes(rng: np.random.Generator, feminine: bool, bottom: str) -> tuple[ShoeStyle, tuple[Colour, Colour]]:
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
    name = _choice(rng, weights)
    white, black, brown, rubber = (0.93, 0.93, 0.92), (0.07, 0.07, 0.08), (0.30, 0.17, 0.09), (0.85, 0.83, 0.78)
    any_colour = _cloth_colour(rng)
    return {
        "sneakers": (ShoeStyle(name=name, sole_m=0.026, collar_m=0.085, toe_m=0.014, flange_m=0.005, pad_m=0.008), (_pick(rng, [white, white, black, any_colour]), white)),
        "canvas shoes": (ShoeStyle(name=name, sole_m=0.020, collar_m=float(rng.choice([0.075, 0.12])), toe_m=0.010, flange_m=0.003, pad_m=0.006), (any_colour, rubber)),
        "running shoes": (ShoeStyle(name=name, sole_m=0.030, collar_m=0.080, toe_m=0.014, flange_m=0.007, pad_m=0.008), (any_colour, _pick(rng, [white, black, any_colour]))),
        "leather shoes": (ShoeStyle(name=name, sole_m=0.018, collar_m=0.075, toe_m=0.020, point=0.7, flange_m=0.003, pad_m=0.005), (_pick(rng, [black, brown, (0.42, 0.25, 0.13)]), (0.10, 0.08, 0.07))),
        "boots": (ShoeStyle(name=name, sole_m=0.030, collar_m=float(rng.choice([0.15, 0.17])), toe_m=0.014, flange_m=0.005, pad_m=0.009), (_pick(rng, [black, brown, (0.55, 0.40, 0.22)]), (0.12, 0.10, 0.09))),
        "ballerinas": (ShoeStyle(name=name, sole_m=0.010, collar_m=0.050, toe_m=0.008, point=0.4, flange_m=0.001, pad_m=0.003), (_pick(rng, [black, any_colour, (0.60, 0.12, 0.14)]), (0.15, 0.12, 0.10))),
    }[name]  # fmt: skip


def _hair(rng: np.random.Generator, name: str) -> HairStyle | None:
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
        "long waves": HairStyle(name=name, top_m=0.024, side_m=0.026, fall_m=0.20 + 0.14 * u, part=part, wave_m=0.007, strands=1.4),
        "bun": HairStyle(name=name, top_m=0.010, side_m=0.008, tied="bun"),
        "high bun": HairStyle(name=name, top_m=0.010, side_m=0.008, tied="high bun"),
        "ponytail": HairStyle(name=name, top_m=0.010, side_m=0.008, tied="ponytail"),
        "beanie": HairStyle(name=name, top_m=0.030, side_m=0.013, smooth=True),
    }  # fmt: skip
    return styles.get(name)
