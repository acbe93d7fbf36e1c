"""Painting a person onto the atlas of a body: skin, hair, a face, a top, trousers or shorts, shoes, each drawn at random.

What is painted where follows from the chart's part and the place in the rest pose, so it fits every body with charts: sleeves
end at a share of the arm, trousers at a share of the leg, whatever the body's proportions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.charts import SurfaceCharts
from vitruvian.bodies.joint_sets import locate_joints
from vitruvian.datagen.body_textures.atlas import AtlasMap, atlas_map
from vitruvian.datagen.body_textures.cloth import Cloth, draw_cloth, paint_cloth
from vitruvian.datagen.subject import BodySurface

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

TILE_PX = 64
"""Of one chart; a texel is about a centimetre, as is a pixel of HuManiFlow's pictures."""
GREY_PROBABILITY = 0.05
"""How often HuManiFlow takes a texture without colour."""

_TORSO, _HANDS, _FEET, _THIGHS, _CALVES, _UPPER_ARMS, _FOREARMS, _HEAD = (
    (1, 2), (3, 4), (5, 6), (7, 8, 9, 10), (11, 12, 13, 14), (15, 16, 17, 18), (19, 20, 21, 22), (23, 24),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a person wears; colours sRGB in [0, 1]."""

    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    hair_length: float
    """0 bald, 1 down to the nape."""
    eyes: tuple[float, float, float]
    top: Cloth
    sleeve: float
    """0 none, 1 to the elbow, 2 to the wrist."""
    trousers: Cloth
    leg: float
    """0 none, 1 to the knee, 2 to the ankle."""
    waist: float
    """Share of the torso's height that the trousers cover."""
    shoes: tuple[float, float, float]
    barefoot: bool
    grey: bool


def draw_look(rng: np.random.Generator) -> Look:
    """A random one."""
    tone = rng.uniform(0.0, 1.0)
    skin = np.array([0.95, 0.80, 0.70]) * (1 - tone) + np.array([0.36, 0.22, 0.15]) * tone + rng.normal(0, 0.015, 3)
    dark = rng.uniform(0.05, 0.5) * np.array([1.0, 0.8, 0.55])
    hair = dark if rng.random() < 0.85 else np.array([0.75, 0.68, 0.5]) * rng.uniform(0.6, 1.1)
    sleeve = float(rng.choice([0.0, rng.uniform(0.35, 0.95), rng.uniform(1.4, 2.0)], p=[0.1, 0.5, 0.4]))
    leg = float(rng.choice([rng.uniform(0.35, 1.0), rng.uniform(1.6, 2.0)], p=[0.3, 0.7]))
    return Look(
        skin=_triple(skin),
        hair=_triple(hair),
        hair_length=float(rng.choice([0.0, rng.uniform(0.3, 0.6), rng.uniform(0.6, 1.0)], p=[0.06, 0.6, 0.34])),
        eyes=_triple(np.array([0.25, 0.2, 0.15]) if rng.random() < 0.7 else rng.uniform(0.2, 0.55, 3)),
        top=draw_cloth(rng),
        sleeve=sleeve,
        trousers=draw_cloth(rng, calm=True),
        leg=leg,
        waist=float(rng.uniform(0.05, 0.22)),
        shoes=_triple(rng.uniform(0.05, 0.9, 3) if rng.random() < 0.5 else np.full(3, rng.uniform(0.05, 0.9))),
        barefoot=bool(rng.random() < 0.1),
        grey=bool(rng.random() < GREY_PROBABILITY),
    )


def paint_body(
    body: BodySurface, charts: SurfaceCharts, rng: np.random.Generator, *, tile_px: int = TILE_PX
) -> NDArray[np.uint8]:
    """(6 tile, 4 tile, 3) uint8: a random look on the atlas of a body with a rest pose."""
    look = draw_look(rng)
    where = _places(_Key(body, charts, tile_px))
    picture = np.empty((*where.map.part.shape, 3), np.float32)
    picture[:] = look.skin
    picture *= 1 + 0.05 * where.soft_noise[..., None] * rng.uniform(0.3, 1)
    _paint_face(picture, where, look)
    dressed_leg = where.leg < look.leg
    on_torso = where.torso >= look.waist
    trousers = dressed_leg | ((where.torso < look.waist) & (where.torso >= 0))
    paint_cloth(picture, trousers, look.trousers, where.map.position, where.waves, rng)
    paint_cloth(picture, on_torso & ~where.throat | (where.arm < look.sleeve), look.top, where.map.position, where.waves, rng)
    if not look.barefoot:
        picture[where.foot] = look.shoes
        picture[where.foot & where.sole] = np.array(look.shoes) * 0.4
    picture *= 1 + 0.03 * rng.standard_normal(where.map.part.shape, dtype=np.float32)[..., None]
    if look.grey:
        picture[:] = (picture @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Places:
    """Where things are on the atlas of one body."""

    map: AtlasMap
    torso: Picture
    """Height in the torso, 0 at the crotch, 1 at the neck; -1 elsewhere."""
    arm: Picture
    """0 at the shoulder, 1 at the elbow, 2 at the wrist; 9 elsewhere."""
    leg: Picture
    """0 at the hip, 1 at the knee, 2 at the ankle; 9 elsewhere."""
    head: NDArray[np.int64]
    """Flat indices of the head's texels; ``head_position``, ``eyeball`` and ``iris`` are of these."""
    head_position: Picture
    foot: Mask
    sole: Mask
    throat: Mask
    face: dict[str, NDArray[np.float64]]
    """Rest positions of nose, eyes and ears."""
    crown_m: float
    eyeball: Mask
    iris: Mask
    waves: Picture
    """(H, W, 8) smooth noise over the body."""
    soft_noise: Picture


class _Key:
    """Body model, charts and tile size: one map for all bodies that share them."""

    def __init__(self, body: BodySurface, charts: SurfaceCharts, tile_px: int) -> None:
        self.body, self.charts, self.tile_px = body, charts, tile_px

    def __hash__(self) -> int:
        return hash((self.body.model, id(self.charts), self.tile_px))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Key)
            and other.charts is self.charts
            and other.tile_px == self.tile_px
            and other.body.rest_vertices is self.body.rest_vertices
        )


@lru_cache(maxsize=2)
def _places(key: _Key) -> _Places:
    body, seen = key.body, atlas_map(key.body, key.charts, key.tile_px)
    part, position = seen.part, seen.position
    x, y, z = np.abs(position[..., 0]), position[..., 1], position[..., 2]

    def share(parts: tuple[int, ...], value: Picture, *, up: bool) -> Picture:
        inside = np.isin(part, parts)
        low, high = np.quantile(value[inside], (0.02, 0.98))
        along = (value - low) / (high - low)
        return np.where(inside, np.clip(along if up else 1 - along, 0, 1), np.float32(-1)).astype(np.float32)

    def limb(upper: tuple[int, ...], lower: tuple[int, ...], value: Picture, *, up: bool) -> Picture:
        first, second = share(upper, value, up=up), share(lower, value, up=up)
        return np.where(first >= 0, first, np.where(second >= 0, 1 + second, np.float32(9))).astype(np.float32)

    torso = share(_TORSO, y, up=True)
    foot = np.isin(part, _FEET)
    names = dict(zip(body.part_names, range(len(body.part_names)), strict=True))
    joints = np.zeros((24, 3)) if body.joints_m is None else body.joints_m[:24]
    assert body.rest_vertices is not None
    points = locate_joints("coco17", body.model, joints, body.rest_vertices)[:5].astype(np.float64)
    rng = np.random.default_rng(0)
    turns, phases = rng.normal(0, 22.0, (3, 8)).astype(np.float32), rng.uniform(0, 6.28, 8).astype(np.float32)
    waves = np.sin(position @ turns + phases).astype(np.float32)
    head = np.isin(part, _HEAD)
    on_head = np.flatnonzero(head)
    own = seen.label.reshape(-1)[on_head]
    return _Places(
        map=seen,
        torso=torso,
        arm=limb(_UPPER_ARMS, _FOREARMS, x, up=True),
        leg=limb(_THIGHS, _CALVES, y, up=False),
        head=on_head,
        head_position=position.reshape(-1, 3)[on_head],
        foot=foot,
        sole=y < np.quantile(y[foot], 0.12),
        throat=(torso > 0.93) & (z > np.median(z[torso > 0.9])),
        face=dict(zip(("nose", "left_eye", "right_eye", "left_ear", "right_ear"), points, strict=True)),
        crown_m=float(y[head].max()),
        eyeball=np.isin(own, [names[name] for name in ("left_eye", "right_eye") if name in names]),
        iris=np.isin(own, [names[name] for name in ("left_iris", "right_iris") if name in names]),
        waves=waves,
        soft_noise=waves.mean(axis=-1).astype(np.float32),
    )


def _paint_face(picture: Picture, where: _Places, look: Look) -> None:
    """On the texels of the head only, which are one in twelve."""
    flat = picture.reshape(-1, 3)
    colors, noise = flat[where.head], where.soft_noise.reshape(-1)[where.head]
    x, y, z = where.head_position.T
    eyes = 0.5 * (where.face["left_eye"] + where.face["right_eye"])
    ears = 0.5 * (where.face["left_ear"] + where.face["right_ear"])
    apart = abs(where.face["left_eye"][0] - where.face["right_eye"][0])
    frontal = z > ears[2]
    for side in ("left_eye", "right_eye"):
        centre = where.face[side]
        across, up = (x - centre[0]) / (0.24 * apart), (y - centre[1]) / (0.10 * apart)
        if not where.eyeball.any():
            colors[frontal & (across**2 + up**2 < 1)] = 0.92
            colors[frontal & (across**2 + (up / 2.2) ** 2 < 0.12)] = look.eyes
        brow = frontal & (np.abs(y - centre[1] - 0.32 * apart) < 0.045 * apart) & (np.abs(x - centre[0]) < 0.36 * apart)
        colors[brow] = np.array(look.hair) * 0.8
    mouth = where.face["nose"][1] - 0.55 * apart
    lips = frontal & (np.abs(x - eyes[0]) < 0.38 * apart) & (np.abs(y - mouth) < 0.09 * apart)
    colors[lips] = np.array(look.skin) * [0.85, 0.6, 0.6]
    if look.hair_length > 0:
        hairline = eyes[1] + 0.55 * (where.crown_m - eyes[1]) + 0.02 * noise
        behind = np.clip((ears[2] + 0.02 - z) / 0.05, 0, 1)
        nape = ears[1] - 0.02 - 0.10 * look.hair_length
        colors[y > hairline * (1 - behind) + nape * behind] = look.hair
    colors[where.eyeball] = 0.92
    colors[where.iris] = look.eyes
    flat[where.head] = colors


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    r, g, b = np.clip(values, 0.02, 0.98)
    return float(r), float(g), float(b)
