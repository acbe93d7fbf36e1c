"""Painting the atlas of one person: skin and eyes, cloth with its seams, buttons and pockets, hair and shoes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.atlas import TILES, Canvas, TileMap, noises
from vitruvian.datagen.sources.synthetic.fabric import band, paint_cloth, stitch
from vitruvian.datagen.sources.synthetic.mannequin import tile_maps
from vitruvian.datagen.sources.synthetic.skin import IRIS_COLOURS, Complexion, paint_eye, paint_skin
from vitruvian.datagen.sources.synthetic.wardrobe import Garment, Outfit

Floats = NDArray[np.float64]
Picture = NDArray[np.float32]


def paint(outfit: Outfit, atlas_px: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The atlas of the person, (atlas_px, atlas_px, 3) sRGB."""
    maps = tile_maps(atlas_px)
    canvas = Canvas(atlas_px)
    buzz = 0.75 if outfit.hair_name == "buzz" else 0.0 if outfit.hair is None else 0.9
    look = Complexion(
        tone=outfit.tone,
        hair_colour=np.array(outfit.hair_colour),
        stubble=outfit.stubble,
        buzz=buzz,
        brow=outfit.brow,
        lipstick=outfit.lipstick,
    )
    canvas.put("skin", paint_skin(maps["skin"], look, rng))
    canvas.put("eyes", paint_eye(TILES["eyes"].size_px(atlas_px), IRIS_COLOURS[outfit.iris], rng))
    canvas.put("mouth", np.array([0.40, 0.18, 0.17]))
    if outfit.top is not None:
        canvas.put("upper", _paint_top(outfit.top, maps["upper"], outfit, rng))
        ground = np.array(outfit.top.fabric.colours[0])
        canvas.put("trim", ground * (0.94 if outfit.top.fabric.pattern != "plain" else 0.98))
        if outfit.top.fabric.pattern in ("stripes down", "gingham", "plaid", "stripes across", "dots", "flowers"):
            canvas.put("trim", 0.7 * ground + 0.3 * np.array(outfit.top.fabric.colours[1]))
    if outfit.bottom is not None:
        canvas.put("lower", _paint_bottom(outfit.bottom, maps["lower"], rng))
    elif outfit.skirt is not None and outfit.skirt_fabric is not None:
        where = skirt_map(atlas_px, outfit.skirt.length_m, outfit.skirt_fabric.scale_m)
        length = -where["along"]
        picture = paint_cloth(outfit.skirt_fabric, where, rng)
        stitch(picture, outfit.skirt.length_m - length, at_m=0.02, width_m=0.0025, factor=0.75)
        if outfit.skirt.name == "skirt":
            stitch(picture, length, at_m=0.035, width_m=0.0025, factor=0.7)
        canvas.put("lower", picture)
    if outfit.outer is not None:
        canvas.put("outer", _paint_outer(outfit.outer, maps["outer"], outfit, rng))
    canvas.put("hair", _paint_hair(outfit, TILES["hair"].size_px(atlas_px), rng))
    first, second = (np.array(c) for c in outfit.shoe_colours)
    canvas.put("shoes", _paint_shoes(outfit, TILES["shoes"].size_px(atlas_px), first, second, rng))
    canvas.put("sole", second * 0.97)
    canvas.put("socks", np.array(outfit.sock_colour))
    canvas.put("belt", np.array([0.16, 0.10, 0.06]) if first.sum() > 0.6 else np.array([0.06, 0.06, 0.06]))
    return canvas.picture()


def skirt_map(atlas_px: int, length_m: float, repeat_m: float) -> TileMap:
    """The lower tile as a skirt uses it: around it to the right, down it downwards."""
    rows, columns = TILES["lower"].size_px(atlas_px)
    v, u = np.mgrid[0:rows, 0:columns]
    around, length = (u + 0.5) / columns, (v + 0.5) / rows * length_m
    angle = around * 2 * np.pi
    girth_m = 1.05
    across = around * np.round(girth_m / repeat_m) * repeat_m  # whole repeats, so that the seam does not show
    place = np.stack([0.17 * np.sin(angle), 0.1 - length, 0.17 * np.cos(angle)], -1).astype(np.float32)
    values = {"position": place, "across": across.astype(np.float32), "along": -length.astype(np.float32),
              "arm": np.zeros((rows, columns), np.float32), **noises(place)}  # fmt: skip
    return TileMap(values=values, shape=(rows, columns), texel_m=girth_m / columns)


def _paint_top(garment: Garment, where: TileMap, outfit: Outfit, rng: np.random.Generator) -> Picture:
    picture = paint_cloth(garment.fabric, where, rng)
    m = garment.measures
    p, sleeve, drop, neck = where["position"], where["sleeve"], where["drop"], where["neck"]
    arm = where["arm"]
    ground, second, accent = (np.array(c) for c in garment.fabric.colours)
    from_hem = np.where(arm < 0.3, drop - m.hem_m, 1.0)
    from_cuff = np.where(arm > 0.5, m.sleeve_m - sleeve, 1.0)
    if garment.name in ("t-shirt", "polo", "long sleeves", "tank top", "blouse", "dress"):
        for distance in (from_hem, from_cuff):
            stitch(picture, distance, at_m=0.020, width_m=0.0018, factor=0.72)
    if garment.name in ("sweater", "hoodie", "turtleneck"):
        height = 0.055
        for distance in (from_hem, from_cuff):
            ribs = 1 - 0.16 * (0.5 + 0.5 * np.cos(2 * np.pi * where["across"] / 0.009))
            picture *= np.where(distance < height, ribs * 0.93, 1.0)[..., None]
            stitch(picture, distance, at_m=height, width_m=0.0025, factor=0.6)
    # The seam around the armhole.
    stitch(picture, where["arm"] - 0.5, at_m=0.0, width_m=0.03, factor=0.82)
    front = (p[..., 2] > 0) & (arm < 0.3)
    if garment.name in ("shirt", "polo", "blouse"):
        length = 0.16 if garment.name == "polo" else 2.0
        on = front & (neck > -length * 0.9)
        x = p[..., 0]
        stitch(picture, np.where(on, x, 1.0), at_m=-0.015, width_m=0.0018, factor=0.7)
        stitch(picture, np.where(on, x, 1.0), at_m=0.015, width_m=0.0018, factor=0.7)
        spacing = 0.045 if garment.name == "polo" else 0.085
        along = (p[..., 1] / spacing) % 1 - 0.5
        button = np.hypot(x, along * spacing)
        light = np.array([0.92, 0.91, 0.88]) if ground.sum() < 1.9 else ground * 0.45
        band(picture, np.clip((0.0062 - button) / 0.002, 0, 1) * on, light)
    if garment.name == "shirt":
        if m.sleeve_m > 0.4:
            stitch(picture, from_cuff, at_m=0.055, width_m=0.0022, factor=0.62)
        pocket = np.maximum(np.abs(p[..., 0] - 0.075) - 0.045, np.abs(p[..., 1] - 0.255) - 0.05)
        stitch(picture, np.where(front, pocket, 1.0), at_m=0.0, width_m=0.002, factor=0.72)
    if garment.name == "hoodie":
        x, y = p[..., 0], p[..., 1]
        pocket = np.maximum(np.abs(y - 0.055) - 0.075, np.abs(x) - 0.13 + 0.6 * np.clip(y - 0.03, 0, 1))
        stitch(picture, np.where(front, pocket, 1.0), at_m=0.0, width_m=0.0025, factor=0.62)
        for side in (-1, 1):
            cord = np.maximum(np.abs(x - side * 0.028), np.abs(y - 0.355) - 0.065)
            band(
                picture,
                np.clip((0.004 - cord) / 0.002, 0, 1) * front,
                np.array([0.92, 0.92, 0.9]) if ground.sum() < 2.0 else ground * 0.4,
            )
    del second, accent
    return picture


def _paint_bottom(garment: Garment, where: TileMap, rng: np.random.Generator) -> Picture:
    picture = paint_cloth(garment.fabric, where, rng)
    m = garment.measures
    p, drop, angle = where["position"], where["drop"], where["angle"]
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    waist = m.top_m - drop
    denim = garment.fabric.pattern == "denim"
    thread = np.array(garment.fabric.colours[2]) if denim else None
    leg = where["leg"] > 0.3
    if garment.name in ("joggers", "leggings"):
        ribs = 1 - 0.10 * (0.5 + 0.5 * np.cos(2 * np.pi * where["across"] / 0.010))
        picture *= np.where(waist < 0.04, ribs, 1.0)[..., None]
        stitch(picture, waist, at_m=0.045, width_m=0.002, factor=0.65)
        if garment.name == "joggers":
            picture *= np.where(drop - m.hem_m < 0.05, ribs, 1.0)[..., None]
            stitch(picture, drop - m.hem_m, at_m=0.052, width_m=0.003, factor=0.55)
        if rng.random() < 0.5:
            stripe = np.abs(np.abs(x) - np.interp(y, [-0.9, -0.45, -0.05, 0.1], [0.20, 0.20, 0.19, 0.18])) * 0 + np.abs(
                np.abs(angle) - np.pi / 2
            )
            outside = leg & (angle > 0)
            colour = np.array([0.93, 0.93, 0.93]) if picture.mean() < 0.6 else np.array([0.1, 0.1, 0.1])
            band(picture, (np.clip((0.16 - stripe) / 0.04, 0, 1)) * outside, colour, 0.9)
        return picture
    # Waistband, fly, pockets, seams.
    stitch(picture, waist, at_m=0.038, width_m=0.0022, colour=thread, factor=0.62, amount=0.7)
    stitch(picture, drop - m.hem_m, at_m=0.022, width_m=0.0022, colour=thread, factor=0.7, amount=0.7)
    front, back = z > 0.03, z < 0.0
    fly = np.where(front & (waist > 0.038) & (waist < 0.17), x - 0.022, 1.0)
    stitch(picture, fly, at_m=0.0, width_m=0.0022, colour=thread, factor=0.65, amount=0.7)
    center = np.where((waist > 0.0) & ~leg, x, 1.0)
    stitch(picture, center, at_m=0.0, width_m=0.0022, factor=0.6, amount=0.8)
    edge = np.hypot((np.abs(x) - 0.165) / 0.075, (waist - 0.03) / 0.10)
    stitch(picture, np.where(front, (edge - 1) * 0.08, 1.0), at_m=0.0, width_m=0.0024, colour=thread, factor=0.55, amount=0.8)
    pocket = np.maximum(np.abs(np.abs(x) - 0.085) - 0.06, np.abs(waist - 0.15) - 0.07)
    stitch(picture, np.where(back, pocket, 1.0), at_m=0.0, width_m=0.0024, colour=thread, factor=0.6, amount=0.8)
    for target in (np.pi / 2, -np.pi / 2):
        stitch(picture, np.where(leg, np.abs(angle - target), 1.0), at_m=0.0, width_m=0.035, factor=0.80, amount=0.7)
    if garment.name == "trousers":
        stitch(picture, np.where(leg, np.abs(angle), 1.0), at_m=0.0, width_m=0.035, factor=1.10, amount=0.8)
    return picture


def _paint_outer(garment: Garment, where: TileMap, outfit: Outfit, rng: np.random.Generator) -> Picture:
    picture = paint_cloth(garment.fabric, where, rng)
    m = garment.measures
    p, sleeve, drop, arm, neck = where["position"], where["sleeve"], where["drop"], where["arm"], where["neck"]
    x, y = p[..., 0], p[..., 1]
    front = (p[..., 2] > 0.02) & (arm < 0.3)
    from_hem = np.where(arm < 0.3, drop - m.hem_m, 1.0)
    from_cuff = np.where(arm > 0.5, m.sleeve_m - sleeve, 1.0)
    stitch(picture, arm - 0.5, at_m=0.0, width_m=0.03, factor=0.78)
    edge = np.abs(x) - m.open_m
    if garment.name in ("blazer", "coat"):
        # Lapels: a notched panel beside the opening.
        rise = np.clip((neck + m.neck_drop_m) / m.neck_drop_m, 0, 1)
        lapel = np.abs(x) - (m.open_m + m.neck_width_m * rise * 1.0 + 0.045 * np.clip(rise * 1.6, 0, 1))
        picture *= np.where(front & (lapel < 0) & (neck > -m.neck_drop_m - 0.02), 0.90, 1.0)[..., None]
        stitch(picture, np.where(front & (neck > -m.neck_drop_m - 0.02), lapel, 1.0), at_m=0.0, width_m=0.003, factor=0.5)
        pocket = np.maximum(np.abs(np.abs(x) - 0.10) - 0.055, np.abs(y - 0.02) - 0.018)
        stitch(picture, np.where(front, pocket, 1.0), at_m=0.0, width_m=0.0028, factor=0.5)
        button = np.hypot(np.abs(x) - m.open_m - 0.02, ((y - 0.10) / 0.10 % 1 - 0.5) * 0.10)
        on = front & (x > 0) & (neck < -m.neck_drop_m)
        band(picture, np.clip((0.009 - button) / 0.002, 0, 1) * on, np.array(garment.fabric.colours[0]) * 0.35)
    elif garment.name == "jacket":
        band(
            picture,
            front & (edge < 0.008),
            np.array([0.55, 0.55, 0.56]) if rng.random() < 0.5 else np.array([0.12, 0.12, 0.12]),
        )
        for distance in (from_hem, from_cuff):
            ribs = 1 - 0.2 * (0.5 + 0.5 * np.cos(2 * np.pi * where["across"] / 0.010))
            picture *= np.where(distance < 0.05, ribs * 0.85, 1.0)[..., None]
            stitch(picture, distance, at_m=0.05, width_m=0.003, factor=0.5)
        slant = np.maximum(np.abs((np.abs(x) - 0.11) + 0.5 * (y - 0.08)) - 0.004, np.abs(y - 0.08) - 0.06)
        stitch(picture, np.where(front, slant, 1.0), at_m=0.0, width_m=0.003, factor=0.45)
    else:
        picture *= np.where(front & (edge < 0.03), 0.88, 1.0)[..., None]
        for distance in (from_hem, from_cuff):
            stitch(picture, distance, at_m=0.05, width_m=0.003, factor=0.6)
    return picture


def _paint_hair(outfit: Outfit, size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """Strands run along the columns of the hair (down the tile); across it every texel column is its own strand."""
    rows, columns = size
    if outfit.hair is not None and outfit.hair.smooth:
        v, u = np.mgrid[0:rows, 0:columns]
        ribs = 1 - 0.14 * (0.5 + 0.5 * np.cos(2 * np.pi * u / columns * 30))
        fold = np.where(v / rows > 0.74, 0.86, 1.0) * (1 - 0.3 * np.exp(-(((v / rows - 0.74) / 0.01) ** 2)))
        return (np.array(outfit.hat_colour) * (ribs * fold)[..., None]).astype(np.float32)
    base = np.array(outfit.hair_colour)
    strand = rng.standard_normal(columns)
    strand = 0.6 * strand + 0.4 * np.convolve(np.pad(strand, 2, mode="wrap"), np.ones(5) / 5, "valid") * 2
    slow = np.cumsum(rng.standard_normal((rows, columns)) * 0.08, axis=0)
    tone = 1 + 0.20 * strand[None] + 0.10 * slow
    v = np.linspace(0, 1, rows)[:, None]
    sheen = 1 + 0.20 * np.exp(-(((v - 0.35) / 0.12) ** 2)) + 0.10 * v
    out = base * (tone * sheen)[..., None] + 0.012
    return np.clip(out, 0.01, 1).astype(np.float32)


def _paint_shoes(outfit: Outfit, size: tuple[int, int], first: Floats, second: Floats, rng: np.random.Generator) -> Picture:
    """The shoe's tile: from the heel (top row) to the toe, around it mirrored, the middle columns being the top of the foot."""
    rows, columns = size
    v, u = np.mgrid[0:rows, 0:columns]
    along, off_top = (v + 0.5) / rows, np.abs((u + 0.5) / columns - 0.5)
    picture = np.empty((rows, columns, 3), np.float32)
    picture[:] = first
    picture *= (1 + 0.02 * rng.standard_normal((rows, columns)))[..., None].astype(np.float32)
    name = outfit.shoes.name
    light = np.array([0.93, 0.93, 0.92]) if first.sum() < 2.2 else np.array([0.25, 0.25, 0.27])
    if name in ("sneakers", "canvas shoes", "running shoes", "boots"):
        laces = (along > 0.40) & (along < 0.66) & (off_top < 0.085)
        band(picture, laces, first * 0.72)
        bars = laces & (((along - 0.40) / 0.052) % 1 < 0.48)
        band(picture, bars, light if name != "boots" else np.array([0.30, 0.24, 0.15]))
    if name in ("sneakers", "canvas shoes"):
        band(picture, along > (0.87 if name == "canvas shoes" else 0.93), second * (1.0 if name == "canvas shoes" else 0.9))
        band(picture, (along < 0.10) & (off_top > 0.1), second * 0.9)
    if name in ("sneakers", "running shoes"):
        slant = (off_top - 0.22) * 1.2 + (along - 0.42)
        for k in range(3 if name == "running shoes" else 1):
            band(
                picture,
                np.clip((0.026 - np.abs(slant - 0.09 * k)) / 0.01, 0, 1) * (off_top > 0.13),
                second * 0.95 if second.sum() < 2.2 or first.sum() < 2.2 else light,
            )
    if name == "leather shoes":
        for level in (0.70, 0.62):
            stitch(picture, along, at_m=level, width_m=0.008, factor=0.6)
        band(picture, (off_top < 0.05) & (along > 0.42) & (along < 0.60) & ((along / 0.045) % 1 < 0.5), first * 0.4)
    return picture
