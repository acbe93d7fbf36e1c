"""Painting cloth: what it is made of, what is printed on it, and how its edges are finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.atlas import TileMap, mixed_noise

Array = NDArray[np.float32]
Lay = Callable[[NDArray, NDArray], None]
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

    def __post_init__(self) -> None:
        if self.pattern not in PATTERNS or len(self.colours) != 3 or not self.scale_m > 0:
            raise ValueError(f"Fabric: {self} needs a pattern of {PATTERNS}, three colours and a positive repeat.")


def paint_cloth(fabric: Fabric, where: TileMap, rng: np.random.Generator) -> Array:
    """A picture of the tile. ``where`` holds ``across`` and ``along`` (metres in the cloth), ``position``, ``arm``, ``noise
    fine`` and ``noise wide``; nothing finer than its texels is drawn."""
    shape = where.shape
    u, v, p = where["across"], where["along"], where["position"]
    ground, second, accent = (np.array(c, np.float32) for c in fabric.colours)
    grain = rng.standard_normal(shape, dtype=np.float32)
    colour = np.empty((*shape, 3), np.float32)
    colour[:] = ground
    s, texel = fabric.scale_m, where.texel_m
    soft = max(0.0012, 0.5 * texel)
    fine_detail = min(1.0, 0.0016 / texel)

    def lay(mask: NDArray, tone: NDArray) -> None:
        band(colour, mask, tone)

    pattern = fabric.pattern
    if pattern == "melange":
        lay(np.clip(0.30 * fine_detail * np.abs(grain) + 0.05, 0, 0.5), second)
    elif pattern == "stripes across":
        lay(_band(v, s, 0.42, soft), second)
    elif pattern == "stripes down":
        lay(_band(u, max(0.6 * s, 5 * texel), 0.25, soft), second)
    elif pattern == "gingham":
        lay(0.5 * _band(u, s * 0.7, 0.5, soft) + 0.5 * _band(v, s * 0.7, 0.5, soft), second)
    elif pattern == "plaid":
        for axis in (u, v):
            lay(0.55 * _band(axis, 1.6 * s, 0.45, soft), second)
            lay(0.75 * _band(axis + 0.5 * s, 1.6 * s, 0.06, soft), accent)
            lay(0.5 * _band(axis - 0.2 * s, 1.6 * s, 0.05, soft), ground * 0.3)
    elif pattern == "dots":
        row = np.floor(v / s)
        du, dv = (u / s + 0.5 * (row % 2)) % 1 - 0.5, (v / s) % 1 - 0.5
        lay(_edge(np.hypot(du, dv) * s, 0.24 * s, soft), second)
    elif pattern == "flowers":
        _flowers(lay, u, v, s, second, accent, rng)
    elif pattern == "blocks":
        level = p[..., 1] - rng.uniform(0.22, 0.30)
        lay(_edge(-level, 0.0, soft), second)
        lay(_edge(np.abs(level), 0.012, soft), accent)
    elif pattern == "raglan":
        lay(_edge(0.35 - where["arm"], 0.0, 0.02), second)
    elif pattern == "print":
        _chest_print(lay, p, second, accent, rng)
    elif pattern == "camouflage":
        for tone in (second, accent, ground * 0.45):
            lay(_edge(-mixed_noise(where["noise patch"], rng), -0.55, 0.04), tone)
    elif pattern == "dip dye":
        low, high = np.quantile(p[::4, ::4, 1], (0.1, 0.8))
        lay(np.clip((high - p[..., 1]) / (high - low) + 0.06 * mixed_noise(where["noise fine"], rng), 0, 1) ** 1.5, second)
    elif pattern == "denim":
        lay(
            0.22 * np.clip(0.5 * mixed_noise(where["noise wide"], rng) + 0.2, 0, 1) + 0.08 * fine_detail * np.abs(grain), second
        )
        if texel < 0.002:
            colour *= (1 + 0.035 * np.sin(TAU * (u + v) / 0.006))[..., None]
    elif pattern == "knit":
        rib = np.sin(TAU * u / max(0.16 * s + 0.006, 4 * texel))
        stitches = np.sin(TAU * (v / max(0.012, 4 * texel) + 0.25 * np.abs(rib)))
        colour *= (1 + 0.055 * rib + 0.03 * stitches)[..., None]
    elif pattern == "herringbone":
        period = max(0.009, 3.5 * texel)
        zig = np.abs((u / (2.7 * period)) % 2 - 1)
        lay(0.5 * _band(v + 1.3 * period * zig, period, 0.5, soft), second)
    colour *= (1 + 0.020 * fine_detail * grain + 0.012 * mixed_noise(where["noise wide"], rng))[..., None]
    return colour


def stitch(
    picture: Array,
    distance_m: NDArray,
    *,
    at_m: float,
    width_m: float,
    colour: NDArray | None = None,
    factor: float = 0.8,
    amount: float = 0.8,
) -> None:
    """Draws a seam where a distance field has the value ``at_m``: in a colour, or by darkening."""
    at = np.nonzero(np.abs(distance_m - at_m) < 2.2 * width_m)
    mask = (np.exp(-(((distance_m[at] - at_m) / width_m) ** 2)) * amount)[:, None].astype(np.float32)
    old = picture[at]
    picture[at] = old + mask * ((old * factor if colour is None else np.asarray(colour, np.float32)) - old)


def band(picture: Array, inside: NDArray, colour: NDArray, amount: float = 1.0) -> None:
    """Lays a colour where ``inside`` (a mask in [0, 1])."""
    mask = np.asarray(inside, np.float32) * np.float32(amount)
    at = np.nonzero(mask > 0.004)
    if len(at[0]) > 0.5 * mask.size:
        picture += mask[..., None] * (np.asarray(colour, np.float32) - picture)
    else:
        old = picture[at]
        picture[at] = old + mask[at][:, None] * (np.asarray(colour, np.float32) - old)


def _edge(value: NDArray, limit: float, soft: float) -> NDArray:
    """1 where value < limit, soft over the edge."""
    return np.clip((limit - value) / (2 * soft) + 0.5, 0, 1)


def _band(value: NDArray, period: float, share: float, soft: float) -> NDArray:
    return _edge(np.abs((value / period) % 1 - 0.5) * period, 0.5 * share * period, soft)


def _flowers(lay: Lay, u: NDArray, v: NDArray, s: float, second: NDArray, accent: NDArray, rng: np.random.Generator) -> None:
    row = np.floor(v / s)
    cell_u = np.floor(u / s + 0.5 * (row % 2))
    seed = np.abs(np.sin(cell_u * 12.9898 + row * 78.233 + rng.uniform(0, 9)) * 43758.5453) % 1
    du = (u / s + 0.5 * (row % 2)) % 1 - 0.5 + 0.25 * (seed - 0.5)
    dv = (v / s) % 1 - 0.5 + 0.25 * ((seed * 7) % 1 - 0.5)
    r, angle = np.hypot(du, dv) * s, np.arctan2(dv, du) + seed * TAU
    petals = 0.30 * s * (0.72 + 0.28 * np.cos(5 * angle)) * (0.7 + 0.5 * seed)
    lay(_edge(r - petals, 0.0, 0.0018), second)
    lay(_edge(r, 0.075 * s, 0.0015), accent)


def _chest_print(lay: Lay, p: NDArray, second: NDArray, accent: NDArray, rng: np.random.Generator) -> None:
    x, z = p[..., 0], p[..., 2]
    y = p[..., 1] - rng.uniform(0.22, 0.28)
    front = (z > 0) & (np.abs(x) < 0.16)
    kind = rng.integers(5)
    if kind == 0:  # ring with bar
        lay(front * _edge(np.abs(np.hypot(x, y) - 0.07), 0.012, 0.002), second)
        lay(front * _edge(np.abs(y), 0.014, 0.002) * _edge(np.abs(x), 0.10, 0.002), accent)
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
        code[:, 0] = 1
        grid = code[np.clip(cell, 0, 5).astype(int), np.clip(lx * 3.6, 0, 2).astype(int), np.clip(ly * 5, 0, 4).astype(int)]
        lay((front & word & (lx < 0.83) & (grid > 0)).astype(np.float32), second)
    else:  # chest band
        lay(_edge(np.abs(y), 0.045, 0.002), second)
        lay(_edge(np.abs(np.abs(y) - 0.055), 0.005, 0.0015), accent)
