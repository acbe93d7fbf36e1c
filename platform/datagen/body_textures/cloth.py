"""Cloth for painted bodies: a colour or two and a pattern that runs on across the charts' seams, because it lives in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Triple = tuple[float, float, float]
PATTERNS = ("plain", "stripes across", "stripes down", "checks", "dots", "blotches", "halves")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cloth:
    """Colours sRGB in [0, 1]."""

    pattern: str
    ground: Triple
    second: Triple
    period_m: float


def draw_cloth(rng: np.random.Generator, *, calm: bool = False) -> Cloth:
    """``calm``: rarely anything but one colour, as trousers are."""
    plain = rng.random() < (0.8 if calm else 0.4)
    ground, second = (_colour(rng, calm) for _ in range(2))
    pattern = "plain" if plain else PATTERNS[int(rng.integers(1, len(PATTERNS)))]
    return Cloth(pattern=pattern, ground=ground, second=second, period_m=float(rng.uniform(0.03, 0.14)))


def paint_cloth(
    picture: NDArray[np.float32],
    where_hw: NDArray[np.bool_],
    cloth: Cloth,
    position_hw3: NDArray[np.float32],
    waves_hwk: NDArray[np.float32],
    rng: np.random.Generator,
) -> None:
    """Lays the cloth over the texels of a mask; ``position_hw3`` are rest positions in metres, ``waves_hwk`` any smooth values
    in [-1, 1], of which its folds are mixed."""
    points = position_hw3[where_hw]
    x, y, z = points.T
    phase = rng.uniform(0, 1, 3).astype(np.float32)
    turns = points / np.float32(cloth.period_m) + phase
    if cloth.pattern == "stripes across":
        second = turns[:, 1] % 1 < 0.45
    elif cloth.pattern == "stripes down":
        second = (turns[:, 0] + np.where(z > 0, np.float32(0), np.float32(0.5))) % 1 < 0.3
    elif cloth.pattern == "checks":
        second = (turns[:, 0] % 1 < 0.4) ^ (turns[:, 1] % 1 < 0.4)
    elif cloth.pattern == "dots":
        second = np.hypot(turns[:, 0] % 1 - 0.5, turns[:, 1] % 1 - 0.5) < 0.28
    elif cloth.pattern == "blotches":
        waves = np.sin(points @ rng.normal(0, 2.2 / cloth.period_m, (3, 6)).astype(np.float32) + phase.sum() * 6)
        second = waves.mean(axis=1) > 0.12
    elif cloth.pattern == "halves":
        second = y < np.float32(np.quantile(y, 0.45)) if len(y) else np.zeros(0, bool)
    else:
        second = np.zeros(len(x), bool)
    folds = 1 + waves_hwk[where_hw] @ rng.normal(0, 0.02, (waves_hwk.shape[2],)).astype(np.float32)
    colour = np.where(second[:, None], np.array(cloth.second, np.float32), np.array(cloth.ground, np.float32))
    picture[where_hw] = colour * folds[:, None]


def _colour(rng: np.random.Generator, calm: bool) -> Triple:
    grey = rng.uniform(0.06, 0.95)
    spread = rng.uniform(0.0, 0.12 if calm else 0.45)
    r, g, b = np.clip(grey + rng.uniform(-spread, spread, 3), 0.02, 0.98)
    return float(r), float(g), float(b)
