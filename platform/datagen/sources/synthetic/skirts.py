"""Skirts: a tube lofted around hips and legs in the posed scene, hanging from the widest place above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.atlas import TILES
from vitruvian.datagen.sources.synthetic.parts import Part
from vitruvian.datagen.sources.synthetic.sweeps import closed_by_fans

Floats = NDArray[np.float64]
ROWS, COLUMNS = 44, 120


@dataclass(frozen=True, kw_only=True, slots=True)
class SkirtStyle:
    """Lengths in the template's metres."""

    name: str
    top_m: float
    """Height of the waist above the floor."""
    length_m: float
    flare_m: float
    """How much wider the hem is than the hips."""
    pleats: int
    wave_m: float
    label: int


def skirt_part(
    rest: Floats, posed: Floats, joints: Floats, weights: Floats, style: SkirtStyle, rng: np.random.Generator, scale: float
) -> Part:
    """The closed skirt. ``rest`` and ``posed`` (V, 3), ``joints`` (24, 3) posed, ``weights`` (V, 24)."""
    floor = float(rest[:, 1].min())
    height = rest[:, 1] - floor
    torso_leg = (weights[:, [0, 1, 2, 3, 4, 5, 6, 7, 8]].sum(1) > 0.6) & (height < style.top_m * scale + 0.05)
    body = posed[torso_leg]
    level = height[torso_leg]
    # The middle line: from the waist down between the legs; below the hips it leans half-way to where the knees are.
    near_waist = np.abs(level - style.top_m * scale) < 0.02
    waist, hips = body[near_waist].mean(0), 0.5 * (joints[1] + joints[2])
    knees = 0.5 * (joints[4] + joints[5])
    lean = knees - hips
    lean = np.array([0.55 * lean[0], min(lean[1], -0.2), 0.55 * lean[2]])
    lean /= np.linalg.norm(lean)
    first = (hips - waist) / np.linalg.norm(hips - waist)
    to_hip = float(np.linalg.norm(hips - waist))
    t = np.linspace(0, style.length_m * scale, ROWS)
    bend = np.clip((t - 0.5 * to_hip) / (1.2 * to_hip), 0, 1)[:, None]
    direction = first * (1 - bend) + lean * bend
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    step = np.diff(t, prepend=0)[:, None]
    middle = waist + np.cumsum(direction * step, 0)
    side = joints[1] - joints[2]
    across = side - (direction @ side)[:, None] * direction
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    front = np.cross(across, -direction)
    front *= np.sign((front * np.cross(side, np.array([0.0, 1.0, 0.0]))).sum(1, keepdims=True))

    theta = np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False)
    radius = np.zeros((ROWS, COLUMNS))
    for k in range(ROWS):
        offset = body - middle[k]
        depth = offset @ direction[k]
        near = np.abs(depth) < 0.02
        if near.sum() < 8:
            continue
        x, z = offset[near] @ across[k], offset[near] @ front[k]
        # The taut outline: how far the slice reaches in every direction, then the hull's radius from that.
        reach = (x[:, None] * np.sin(theta) + z[:, None] * np.cos(theta)).max(0)
        turn = np.cos(theta[:, None] - theta[None])
        with np.errstate(divide="ignore"):
            radius[k] = np.where(turn > 0.15, reach[None] / np.maximum(turn, 0.15), np.inf).min(1)
    radius = np.maximum(radius, 0.04)
    share = (t / t[-1])[:, None]
    drop = np.diff(t)[0]
    ease = 0.007 + 0.010 * np.clip(share * 4, 0, 1)
    wide = radius + ease
    for k in range(1, ROWS):
        wide[k] = np.maximum(wide[k], wide[k - 1] - drop * (0.10 if style.flare_m > 0.05 else 0.28))
    wide += style.flare_m * share**1.1 * (0.8 + 0.2 * np.cos(2 * theta))
    for _ in range(6):
        wide[1:-1] = 0.5 * wide[1:-1] + 0.25 * (wide[2:] + wide[:-2])
        wide = 0.5 * wide + 0.25 * (np.roll(wide, 1, 1) + np.roll(wide, -1, 1))
    if style.pleats:
        phase = style.pleats * theta + 0.5 * np.sin(3 * theta)
        wave = np.abs(((phase / (2 * np.pi)) % 1) * 2 - 1)
        wide += (wave - 0.5) * (0.004 + 0.55 * np.pi * 2 * wide.mean() / style.pleats * 0.45 * share)
    folds = np.zeros_like(wide)
    for n in (3, 5, 7, 9, 12):
        drift = rng.uniform(-0.6, 0.6)
        folds += rng.uniform(0.4, 1.0) * np.cos(n * theta + rng.uniform(0, 2 * np.pi) + drift * share * 2) * (5.0 / n) ** 0.4
    wide += style.wave_m * (1 + 6 * style.flare_m) * share**1.2 * folds * 0.7
    wide = np.maximum(wide, radius + 0.004)
    hem = 0.012 * np.cos(2 * theta + rng.uniform(0, 6)) * share[-1]
    outer = middle[:, None] + wide[..., None] * (
        np.sin(theta)[None, :, None] * across[:, None] + np.cos(theta)[None, :, None] * front[:, None]
    )
    outer += (share**3 * hem)[..., None] * direction[:, None]
    return _closed(outer, middle, direction, style)


def _closed(outer: Floats, middle: Floats, direction: Floats, style: SkirtStyle) -> Part:
    """Outer sheet, a turned hem, and a cap a few centimetres above it."""
    rows, columns = outer.shape[:2]
    last, center = outer[-1], middle[-1]
    inward = center - last
    rim = last + inward * 0.03
    rim_up = last + inward * 0.22 - direction[-1] * 0.025
    sheets = np.concatenate([outer, rim[None], rim_up[None]])
    count = rows + 2
    grid = np.arange(count * columns).reshape(count, columns)
    faces = closed_by_fans(grid, np.roll(grid, -1, 1), apex=grid.size)
    vertices = np.concatenate([sheets.reshape(-1, 3), middle[:1], rim_up.mean(0, keepdims=True)])
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    inside_out = ((a - middle[0]) * np.cross(b - middle[0], c - middle[0])).sum() < 0
    u = np.linspace(0, 1, columns + 1)
    v = np.concatenate([np.linspace(1, 0, rows), [0, 0]])
    uvs = np.stack([np.tile(u, count), np.repeat(v, columns + 1)], 1)
    index = np.arange(count * (columns + 1)).reshape(count, columns + 1)
    uv_faces = closed_by_fans(index[:, :-1], index[:, 1:], apex=len(uvs))
    if inside_out:
        faces, uv_faces = faces[:, [0, 2, 1]], uv_faces[:, [0, 2, 1]]
    uvs = np.concatenate([uvs, [[0.5, 1.0], [0.5, 0.0]]])
    tile = TILES["lower"]
    square = np.stack(
        [
            tile.chart[0] + uvs[:, 0] * (tile.chart[2] - tile.chart[0]) * 0.98 + 0.01 * (tile.chart[2] - tile.chart[0]),
            tile.chart[1] + (0.01 + 0.98 * uvs[:, 1]) * (tile.chart[3] - tile.chart[1]),
        ],
        1,
    )
    return Part(
        vertices=vertices,
        faces=faces,
        uvs=tile.to_atlas(square),
        uv_faces=uv_faces,
        labels=np.full(len(faces), style.label, np.uint8),
    )
