"""What a person wears and looks like, drawn from a seed: plain values, no geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitruvian.datagen.sources.synthetic.chance import Colour, choice, cloth_colour, fabric, pick
from vitruvian.datagen.sources.synthetic.fabric import Fabric
from vitruvian.datagen.sources.synthetic.hair import HairStyle
from vitruvian.datagen.sources.synthetic.labels import LABEL
from vitruvian.datagen.sources.synthetic.sewing import Measures
from vitruvian.datagen.sources.synthetic.shoes import ShoeStyle
from vitruvian.datagen.sources.synthetic.skirts import SkirtStyle
from vitruvian.datagen.sources.synthetic.styles import draw_hair, draw_shoes
from vitruvian.datagen.sources.synthetic.tailor import Garment, draw_bottom, draw_outer, draw_top

TOPS = ("t-shirt", "long sleeves", "shirt", "polo", "sweater", "hoodie", "tank top", "blouse", "turtleneck")
BOTTOMS = ("jeans", "trousers", "chinos", "leggings", "joggers", "wide trousers", "shorts", "skirt", "dress")
OUTER = ("none", "blazer", "jacket", "cardigan", "coat")
SHOES = ("sneakers", "leather shoes", "boots", "canvas shoes", "running shoes", "ballerinas")
HAIR = (
    "buzz",
    "crop",
    "side part",
    "quiff",
    "curly",
    "afro",
    "bob",
    "fringe bob",
    "long",
    "long waves",
    "bun",
    "high bun",
    "ponytail",
    "bald",
    "beanie",
)

HAIR_COLOURS: dict[str, Colour] = {
    "black": (0.055, 0.047, 0.045),
    "dark brown": (0.13, 0.085, 0.06),
    "brown": (0.25, 0.16, 0.10),
    "chestnut": (0.34, 0.19, 0.11),
    "dark blond": (0.47, 0.36, 0.23),
    "blond": (0.72, 0.58, 0.38),
    "red": (0.50, 0.22, 0.10),
    "grey": (0.52, 0.51, 0.50),
    "white": (0.82, 0.81, 0.79),
}


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
    hair_name = choice(rng, _hair_weights(feminine, tone))
    bottom_name = choice(rng, _bottom_weights(feminine))
    if bottom_name in ("skirt", "dress") and not may_wear_skirt:
        bottom_name = "leggings"
    top_name = choice(rng, _top_weights(feminine, bottom_name))
    outer_name = choice(rng, {"none": 0.70, "blazer": 0.09, "jacket": 0.11, "cardigan": 0.06, "coat": 0.04})
    if top_name in ("hoodie", "sweater", "polo") and outer_name in ("blazer", "cardigan"):
        outer_name = "none"
    if bottom_name == "dress" and outer_name == "coat":
        outer_name = "cardigan"
    bottom = None if bottom_name in ("skirt", "dress") else draw_bottom(rng, bottom_name)
    tucked = bool(
        rng.random()
        < {
            "shirt": 0.6,
            "blouse": 0.6,
            "turtleneck": 0.5,
            "polo": 0.3,
            "t-shirt": 0.2,
            "long sleeves": 0.2,
            "tank top": 0.3,
        }.get(top_name, 0.0)
    ) or (bottom_name == "skirt" and top_name not in ("hoodie", "sweater"))
    waist = bottom.measures.top_m if bottom is not None else 1.03
    top = draw_top(rng, top_name, feminine, tucked, waist)
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
        skirt_fabric = fabric(rng, ("plain", "plain", "plaid", "dots", "flowers", "stripes across", "denim", "knit"))
        if bottom_name == "dress":
            skirt_fabric = fabric(rng, ("plain", "dots", "flowers", "flowers", "stripes across", "plaid", "gingham", "dip dye"))
            measures = Measures(
                sleeve_m=float(rng.choice([-0.02, 0.06, 0.16, 0.30, 0.465])),
                neck_m=float(rng.uniform(-0.02, 0.0)),
                neck_drop_m=float(rng.choice([0.0, 0.05, 0.09])),
                neck_width_m=0.07,
                neck_round=bool(rng.random() < 0.6),
                hem_m=0.98,
                ease_m=0.006,
                torso_hang=0.6,
                sleeve_radius_m=0.045,
                looseness=0.35,
                label=LABEL["dress"],
            )
            top = Garment(name="dress", measures=measures, fabric=skirt_fabric)
            tucked = True
    outer = None if outer_name == "none" else draw_outer(rng, outer_name)
    shoes, shoe_colours = draw_shoes(rng, feminine, bottom_name)
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
        sock_colour=pick(rng, [(0.93, 0.93, 0.92), (0.12, 0.12, 0.13), (0.45, 0.45, 0.47)]),
        hair=draw_hair(rng, hair_name),
        hair_name=hair_name,
        hair_colour_name=colour_name,
        hair_colour=tuple(np.clip(np.array(grey_or_colour) * rng.uniform(0.85, 1.15), 0, 1).tolist()),
        hat_colour=cloth_colour(rng),
        stubble=0.0 if feminine else float(rng.choice([0.0, 0.0, 0.15, 0.3, 0.55, 0.9])),
        brow=float(rng.uniform(0.75, 1.0) if feminine else rng.uniform(0.95, 1.35)),
        lipstick=float(rng.choice([0.0, 0.0, 0.25, 0.6])) if feminine else 0.0,
        iris=choice(
            rng,
            {
                "dark brown": 0.45 + tone,
                "brown": 0.4,
                "hazel": 0.15 * (1 - tone),
                "green": 0.15 * (1 - tone),
                "blue": 0.4 * (1 - tone) ** 2,
                "grey": 0.12 * (1 - tone) ** 2,
            },
        ),
        glasses=float(rng.random()) if rng.random() < 0.14 else -1.0,
    )


def _hair_weights(feminine: bool, tone: float) -> dict[str, float]:
    if feminine:
        return {
            "bob": 1.0,
            "fringe bob": 0.7,
            "long": 1.4,
            "long waves": 1.1,
            "bun": 0.7,
            "high bun": 0.6,
            "ponytail": 1.1,
            "crop": 0.3,
            "curly": 0.6 + tone,
            "afro": 1.2 * tone,
            "beanie": 0.25,
            "side part": 0.3,
        }
    return {
        "buzz": 0.9,
        "crop": 1.3,
        "side part": 1.3 - 0.6 * tone,
        "quiff": 1.0 - 0.4 * tone,
        "curly": 0.8 + 0.4 * tone,
        "afro": 0.8 * tone,
        "bald": 0.35,
        "beanie": 0.35,
        "bob": 0.2,
        "long": 0.15,
        "bun": 0.15,
    }


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
    return choice(
        rng,
        {
            "black": 0.6 + 2.2 * tone,
            "dark brown": 0.9,
            "brown": 0.8 * light + 0.1,
            "chestnut": 0.5 * light,
            "dark blond": 0.6 * light,
            "blond": 0.6 * light,
            "red": 0.2 * light,
            "grey": 0.22,
            "white": 0.10,
        },
    )
