"""Painting skin, face and eyes on maps of template positions.

Where lips, brows, lashes, beard and blushes lie is the same for everyone, so these masks are made once for each size of the
atlas; painting a person mixes colours through them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.atlas import TileMap, mixed_noise

Floats = NDArray[np.float64]
Picture = NDArray[np.float32]

# Skin from very light to very dark, sRGB.
_TONES = (
    (246, 214, 196),
    (238, 196, 170),
    (225, 176, 143),
    (203, 149, 114),
    (172, 117, 83),
    (134, 86, 59),
    (97, 60, 42),
    (66, 42, 32),
)
SKIN_TONES = np.array(_TONES) / 255.0
IRIS_COLOURS = {"brown": (84, 52, 30), "dark brown": (48, 30, 20), "hazel": (118, 90, 48), "green": (92, 112, 72),
                "blue": (96, 132, 164), "grey": (120, 130, 136)}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceMarks:
    """The template's 68 face landmarks (iBUG order), (68, 3) metres, and its (24, 3) joints."""

    landmarks: Floats
    joints: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Complexion:
    """How one person's skin is painted. Numbers without unit are shares in [0, 1]."""

    tone: float
    """Light to dark."""
    hair_colour: Floats
    stubble: float
    buzz: float
    """How dark the shaven or covered scalp is."""
    brow: float
    """Thickness of the eyebrows, around 1."""
    lipstick: float


def skin_colour(tone: float) -> Floats:
    """(3,) for a tone in [0, 1], light to dark."""
    at = np.clip(tone, 0, 1) * (len(SKIN_TONES) - 1)
    return np.array([np.interp(at, np.arange(len(SKIN_TONES)), SKIN_TONES[:, c]) for c in range(3)])


def skin_masks(position: NDArray[np.floating], marks: FaceMarks) -> dict[str, NDArray[np.float32]]:
    """(rows, columns) masks in [0, 1] for ``paint_skin``; ``brow_mm`` is a distance."""
    flat = position.reshape(-1, 3).astype(np.float64)
    x, y, z = flat.T
    lm, joints = marks.landmarks, marks.joints
    masks: dict[str, Floats] = {}

    def near(center: Floats, radius: float) -> Floats:
        return np.exp(-((flat - center) ** 2).sum(1) / radius**2)

    red = np.zeros(len(flat))
    for side in (1, -1):
        cheek = lm[[2, 41, 31] if side < 0 else [14, 46, 35]].mean(0)
        red += 0.65 * near(cheek, 0.024)
        for joint, radius, amount in ((18, 0.045, 0.5), (4, 0.06, 0.35), (22, 0.05, 0.45), (10, 0.06, 0.4)):
            red += amount * near(joints[joint] * (side, 1, 1), radius)
    red += 0.7 * near(lm[30], 0.014)
    for ear in (lm[0], lm[16]):
        red += 0.5 * near(ear + np.array([0, 0.01, -0.03]), 0.03)
    masks["red"] = red
    eyes = (lm[36:42].mean(0), lm[42:48].mean(0))
    masks["shade"] = (
        0.4 * near(eyes[0], 0.019) + 0.4 * near(eyes[1], 0.019) + 0.5 * near(lm[31], 0.006) + 0.5 * near(lm[35], 0.006)
    )
    inwards = np.array([0, -0.002, -0.004])
    masks["nostril"] = near(lm[32] + inwards, 0.0038) + near(lm[34] + inwards, 0.0038)

    flat_xy = flat[:, :2]
    front = z > lm[[36, 45], 2].mean() - 0.03
    mouth = front & (z > lm[48, 2] - 0.012)
    outer = lm[48:60, :2]
    masks["lips"] = _inside(flat_xy, outer, 0.0014) * mouth
    seam = _line_distance(flat_xy, lm[[48, 60, 61, 62, 63, 64, 54], :2], 0.004)
    masks["mouth line"] = np.exp(-((seam / 0.0012) ** 2)) * mouth
    brows = np.minimum(
        *(_line_distance(flat_xy, lm[rows, :2] + np.array([0, 0.001]), 0.02) for rows in ([*range(17, 22)], [*range(22, 27)]))
    )
    masks["brow_mm"] = np.where(front & (z > 0), brows * 1000, 99.0)
    upper = np.minimum(*(_line_distance(flat_xy, lm[rows, :2], 0.008) for rows in ([36, 37, 38, 39], [42, 43, 44, 45])))
    lower = np.minimum(*(_line_distance(flat_xy, lm[rows, :2], 0.008) for rows in ([36, 41, 40, 39], [42, 47, 46, 45])))
    masks["lashes"] = (0.75 * np.exp(-((upper / 0.0022) ** 2)) + 0.30 * np.exp(-((lower / 0.0015) ** 2))) * front

    low = _smooth(0.004, -0.018, y - (lm[33, 1] - 0.004 + 0.35 * np.clip(np.abs(x) - 0.03, 0, None)))
    beard = low * (y > joints[12, 1]) * (1 - _inside(flat_xy, outer, 0.002)) * _smooth(lm[8, 1] - 0.030, lm[8, 1] - 0.010, y)
    beard *= _smooth(joints[15, 2] - 0.005, joints[15, 2] + 0.025, z) * _smooth(
        np.abs(lm[4, 0]) + 0.05, np.abs(lm[4, 0]) + 0.01, np.abs(x)
    )
    masks["beard"] = beard
    masks["palm"] = (np.abs(x) > joints[20, 0] + 0.01) * _smooth(0.0, -0.012, y - joints[22, 1])
    return {name: mask.reshape(position.shape[:2]).astype(np.float32) for name, mask in masks.items()}


def paint_skin(where: TileMap, look: Complexion, rng: np.random.Generator) -> Picture:
    """The skin tile: ``where`` holds the masks of ``skin_masks``, ``hairline`` (where scalp hair grows) and the noises."""
    base = skin_colour(look.tone) + rng.normal(0, 0.012, 3) + rng.normal(0, 0.012) * np.array([0.2, 0.5, -1.0])
    shape = where.shape
    fine = mixed_noise(where["noise fine"], rng)
    grain = rng.standard_normal(shape, dtype=np.float32)
    colour = base.astype(np.float32) * (1 + 0.018 * fine + 0.012 * grain)[..., None]

    def toward(mask: NDArray[np.floating], tone: Floats) -> None:
        _blend(colour, mask, tone)

    red = np.array([1.0 + 0.06 * (1 - look.tone), 0.86, 0.86], np.float32)
    brown = np.array([0.80, 0.74, 0.72], np.float32)
    colour *= 1 + where["red"][..., None] * (red - 1)
    colour *= 1 + where["shade"][..., None] * (brown - 1)
    toward(0.8 * where["nostril"], base * np.array([0.45, 0.35, 0.33]))
    lips = base * np.array([0.92, 0.70, 0.68]) * (1 - 0.12 * look.tone)
    lips = lips * (1 - look.lipstick) + look.lipstick * np.array([0.66, 0.10, 0.16])
    toward(0.85 * where["lips"], lips)
    toward(0.55 * where["mouth line"], lips * 0.25)
    dark = np.minimum(look.hair_colour * 0.75, base * 0.55)
    hairs = np.clip(0.8 + 0.2 * grain, 0, 1)
    toward(0.88 * hairs * np.exp(-((where["brow_mm"] / (3.6 * look.brow)) ** 2)), dark)
    toward(where["lashes"], dark * 0.5)
    if look.stubble > 0:
        toward(
            np.clip(where["beard"] * (0.85 + 0.25 * grain), 0, 1) * look.stubble * 0.85,
            np.minimum(look.hair_colour, base * 0.6),
        )
    if look.buzz > 0:
        toward(np.clip(where["hairline"] * (0.9 + 0.2 * grain), 0, 1) * look.buzz, np.minimum(look.hair_colour, base * 0.7))
    toward(0.35 * look.tone * where["palm"], np.array([0.80, 0.62, 0.52]))
    return colour


def _blend(picture: Picture, mask: NDArray[np.floating], tone: Floats) -> None:
    """Moves ``picture`` towards ``tone`` by ``mask``, in place, only where there is any."""
    at = np.nonzero(mask > 0.004)
    old = picture[at]
    picture[at] = old + mask[at].astype(np.float32)[:, None] * (tone.astype(np.float32) - old)


def paint_eye(size: tuple[int, int], iris: tuple[int, int, int], rng: np.random.Generator) -> Picture:
    """The eyeball seen from the front; the tile spans its diameter."""
    rows, columns = size
    v, u = np.mgrid[0:rows, 0:columns]
    du, dv = (u + 0.5) / columns * 2 - 1, (v + 0.5) / rows * 2 - 1
    r, angle = np.hypot(du, dv), np.arctan2(dv, du)
    white = np.array([0.93, 0.91, 0.89]) - np.array([0.0, 0.10, 0.10]) * np.clip(r - 0.55, 0, 1)[..., None]
    rays = 1 + 0.18 * np.cos(17 * angle + rng.uniform(0, 6)) * np.cos(7 * angle + 1.0)
    tone = np.array(iris) / 255.0
    coloured = tone * (rays * (0.75 + 0.7 * np.clip((r - 0.17) / 0.25, 0, 1)))[..., None]
    radius = 0.47
    out = white + _smooth(radius + 0.02, radius - 0.03, r)[..., None] * (coloured - white)
    rim = np.exp(-(((r - radius) / 0.045) ** 2))[..., None]
    out = out * (1 - 0.6 * rim)
    out = out + _smooth(0.22, 0.17, r)[..., None] * (0.03 - out)
    glint = np.exp(-(((du + 0.14) ** 2 + (dv + 0.16) ** 2) / 0.006))[..., None]
    return (out + glint * (1 - out)).astype(np.float32)


def _smooth(low: float, high: float, value: NDArray[np.floating]) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _line_distance(points: Floats, line: Floats, reach: float) -> Floats:
    """(N,) distance of 2D points from a polyline; 99 further away than ``reach``."""
    best = np.full(len(points), 99.0)
    ids = np.flatnonzero((points > line.min(0) - reach).all(1) & (points < line.max(0) + reach).all(1))
    q = points[ids]
    for a, b in pairwise(line):
        t = np.clip(((q - a) @ (b - a)) / max(float((b - a) @ (b - a)), 1e-12), 0, 1)
        best[ids] = np.minimum(best[ids], np.linalg.norm(q - (a + t[:, None] * (b - a)), axis=1))
    return best


def _inside(points: Floats, polygon: Floats, soft: float) -> Floats:
    """(N,) 1 inside a polygon, soft over its edge."""
    distance = _line_distance(points, np.concatenate([polygon, polygon[:1]]), 3 * soft)
    inside = np.zeros(len(points), bool)
    for a, b in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        crosses = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        at = a[0] + (points[:, 1] - a[1]) * (b[0] - a[0]) / (b[1] - a[1] + 1e-15)
        inside ^= crosses & (points[:, 0] < at)
    return _smooth(-soft, soft, np.where(inside, distance, -distance))
