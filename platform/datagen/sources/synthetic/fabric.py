"""Painting cloth: what it is made of, what is printed on it, and how its edges are finished."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.atlas import TileMap
from vitruvian.datagen.sources.synthetic.folds import waves

Floats = NDArray[np.float64]
Picture = NDArray[np.float32]
TAU = 2 * np.pi

PATTERNS = ("plain", "melange", "stripes across", "stripes down", "gingham", "plaid", "dots", "flowers", "blocks", "raglan",
            "print", "camouflage", "dip dye", "denim", "knit", "herringbone")  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Fabric:
    """What a garment is made of. Colours sRGB in [0, 1]."""

    pattern: str
    colours: tuple[tuple[float, float, float], ...]
    """Three: ground, second, accent."""
    scale_m: float
    """Repeat of the pattern."""


def paint_cloth(fabric: Fabric, where: TileMap, rng: np.random.Generator) -> Picture:
    """A picture of the tile. ``where`` holds ``across`` and ``along`` (metres in the cloth), ``position``, ``arm``."""
    shape = where.shape
    flat = where["position"].reshape(-1, 3).astype(np.float64)
    u, v = where["across"].reshape(-1).astype(np.float64), where["along"].reshape(-1).astype(np.float64)
    ground, second, accent = (np.array(c) for c in fabric.colours)
    n = len(flat)
    grain = rng.standard_normal(n)
    colour = np.tile(ground, (n, 1))
    s = fabric.scale_m

    def lay(mask: Floats, tone: Floats) -> None:
        colour[:] += np.clip(mask, 0, 1)[:, None] * (tone - colour)

    soft = 0.0016
    if fabric.pattern == "melange":
        lay(np.clip(0.35 * np.abs(grain), 0, 0.6), second)
    elif fabric.pattern == "stripes across":
        lay(_band(v, s, 0.42, soft), second)
    elif fabric.pattern == "stripes down":
        lay(_band(u, s * 0.6, 0.25, soft), second)
    elif fabric.pattern == "gingham":
        lay(0.5 * _band(u, s * 0.7, 0.5, soft) + 0.5 * _band(v, s * 0.7, 0.5, soft), second)
    elif fabric.pattern == "plaid":
        for axis in (u, v):
            lay(0.55 * _band(axis, 1.6 * s, 0.45, soft), second)
            lay(0.75 * _band(axis + 0.5 * s, 1.6 * s, 0.06, soft), accent)
            lay(0.5 * _band(axis - 0.2 * s, 1.6 * s, 0.05, soft), ground * 0.3)
    elif fabric.pattern == "dots":
        row = np.floor(v / s)
        du, dv = (u / s + 0.5 * (row % 2)) % 1 - 0.5, (v / s) % 1 - 0.5
        lay(_edge(np.hypot(du, dv) * s, 0.24 * s, soft), second)
    elif fabric.pattern == "flowers":
        _flowers(lay, u, v, s, second, accent, rng)
    elif fabric.pattern == "blocks":
        level = v - rng.uniform(0.22, 0.30) if v.max() > 0.2 else v
        lay(_edge(-level, 0.0, soft), second)
        lay(_edge(np.abs(level), 0.012, soft), accent)
    elif fabric.pattern == "raglan":
        lay(where["arm"].reshape(-1).astype(np.float64) > 0.35, second)
    elif fabric.pattern == "print":
        _chest_print(lay, flat, second, accent, rng)
    elif fabric.pattern == "camouflage":
        for tone in (second, accent, ground * 0.45):
            lay(_edge(-waves(flat, rng, 0.05 * s / 0.05, 0.14 * s / 0.05, (1.4, 0.8, 1.4), 9), -0.55, 0.04), tone)
    elif fabric.pattern == "dip dye":
        low, high = np.quantile(flat[:, 1], (0.1, 0.8))
        lay(np.clip((high - flat[:, 1]) / (high - low) + 0.06 * waves(flat, rng, 0.04, 0.12, (1, 1, 1)), 0, 1) ** 1.5, second)
    elif fabric.pattern == "denim":
        worn = np.clip(waves(flat, rng, 0.12, 0.4, (1, 2, 1)) * 0.5 + 0.2, 0, 1)
        lay(0.22 * worn + 0.06 * np.abs(grain), second)
        colour *= (1 + 0.035 * np.sin(TAU * (u + v) / 0.006))[:, None]
    elif fabric.pattern == "knit":
        rib = np.sin(TAU * u / (0.16 * s + 0.006))
        stitch = np.sin(TAU * (v / 0.012 + 0.25 * np.abs(rib)))
        colour *= (1 + 0.055 * rib + 0.03 * stitch)[:, None]
    elif fabric.pattern == "herringbone":
        zig = np.abs((u / 0.024) % 2 - 1)
        lay(0.5 * _band(v + 0.012 * zig, 0.009, 0.5, 0.002), second)
    weave = 1 + 0.018 * grain + 0.012 * waves(flat, rng, 0.05, 0.3, (1, 1, 1), 5)
    return (colour * weave[:, None]).reshape(*shape, 3).astype(np.float32)


def stitch(
    picture: Picture,
    distance_m: NDArray[np.floating],
    *,
    at_m: float,
    width_m: float,
    colour: Floats | None = None,
    factor: float = 0.8,
    amount: float = 0.8,
) -> None:
    """Draws a seam where a distance field has the value ``at_m``: in a colour, or by darkening."""
    mask = (np.exp(-(((distance_m - at_m) / width_m) ** 2)) * amount)[..., None].astype(np.float32)
    picture += mask * ((picture * factor if colour is None else colour.astype(np.float32)) - picture)


def band(picture: Picture, inside: NDArray[np.bool_] | NDArray[np.floating], colour: Floats, amount: float = 1.0) -> None:
    """Lays a colour where ``inside``."""
    picture += (np.asarray(inside, np.float32) * amount)[..., None] * (colour.astype(np.float32) - picture)


def _edge(value: Floats, limit: float, soft: float) -> Floats:
    """1 where value < limit, soft over the edge."""
    return np.clip((limit - value) / (2 * soft) + 0.5, 0, 1)


def _band(value: Floats, period: float, share: float, soft: float) -> Floats:
    return _edge(np.abs((value / period) % 1 - 0.5) * period, 0.5 * share * period, soft)


def _flowers(lay, u: Floats, v: Floats, s: float, second: Floats, accent: Floats, rng: np.random.Generator) -> None:
    row = np.floor(v / s)
    cell_u = np.floor(u / s + 0.5 * (row % 2))
    seed = np.abs(np.sin(cell_u * 12.9898 + row * 78.233 + rng.uniform(0, 9)) * 43758.5453) % 1
    du = (u / s + 0.5 * (row % 2)) % 1 - 0.5 + 0.25 * (seed - 0.5)
    dv = (v / s) % 1 - 0.5 + 0.25 * ((seed * 7) % 1 - 0.5)
    r, angle = np.hypot(du, dv) * s, np.arctan2(dv, du) + seed * TAU
    petals = 0.30 * s * (0.72 + 0.28 * np.cos(5 * angle)) * (0.7 + 0.5 * seed)
    lay(_edge(r - petals, 0.0, 0.0018), second)
    lay(_edge(r, 0.075 * s, 0.0015), accent)


def _chest_print(lay, p: Floats, second: Floats, accent: Floats, rng: np.random.Generator) -> None:
    x, y, z = p.T
    y = y - rng.uniform(0.20, 0.26)
    front = z > 0
    kind = rng.integers(5)
    if kind == 0:  # ring with bar
        r = np.hypot(x, y)
        lay(front * _edge(np.abs(r - 0.07), 0.012, 0.002), second)
        lay(front * _edge(np.maximum(np.abs(y), 0.0) + 0 * x, 0.014, 0.002) * _edge(np.abs(x), 0.10, 0.002), accent)
    elif kind == 1:  # panel with waves
        box = _edge(np.maximum(np.abs(x) - 0.09, np.abs(y) - 0.08), 0.0, 0.002)
        lay(front * box, second)
        lay(front * box * _band(y + 0.012 * np.sin(x * 70), 0.035, 0.4, 0.002), accent)
    elif kind == 2:  # mountain and sun
        lay(front * _edge(np.hypot(x - 0.03, y - 0.035), 0.028, 0.002), accent)
        lay(front * _edge(np.maximum(y + 0.9 * np.abs(x) - 0.045, -y - 0.05), 0.0, 0.002), second)
    elif kind == 3:  # letters
        cell = np.floor((x + 0.12) / 0.04)
        lx, ly = ((x + 0.12) / 0.04) % 1, (y + 0.03) / 0.06
        word = (np.abs(x) < 0.12) & (ly > 0) & (ly < 1)
        code = rng.integers(0, 2, (6, 3, 5))
        grid = code[np.clip(cell, 0, 5).astype(int), np.clip(lx * 3.6, 0, 2).astype(int), np.clip(ly * 5, 0, 4).astype(int)]
        lay((front & word & (lx < 0.83) & (grid > 0)).astype(float), second)
    else:  # chest band
        lay(_edge(np.abs(y), 0.045, 0.002), second)
        lay(_edge(np.abs(np.abs(y) - 0.055), 0.005, 0.0015), accent)
