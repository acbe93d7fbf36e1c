"""Shoes: an upper that is lofted around the foot, and a sole under it; both closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.parts import Part
from vitruvian.datagen.sources.synthetic.sweeps import tube

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShoeStyle:
    """Lengths in metres."""

    name: str
    sole_m: float = 0.022
    heel_m: float = 0.0
    """Extra height of the sole under the heel."""
    collar_m: float = 0.085
    """Height of the shoe's opening above the foot's floor at the heel."""
    toe_m: float = 0.010
    """Room in front of the toes."""
    point: float = 0.0
    """How pointed the toe is, 0 to 1."""
    flange_m: float = 0.004
    pad_m: float = 0.006


def shoe_parts(
    rest: Floats,
    foot_vertices: NDArray[np.int64],
    joints: Floats,
    transforms: Floats,
    side: str,
    style: ShoeStyle,
    label: int,
    scale: float,
) -> list[Part]:
    """Upper and sole of one shoe on one posed foot. ``rest`` (V, 3) and ``joints`` (24, 3) before the pose."""
    ankle, ball, knee = (7, 10, 4) if side == "left" else (8, 11, 5)
    foot = rest[foot_vertices]
    floor = float(foot[:, 1].min())
    # Foot frame: from heel to toes on the floor.
    forward = joints[ball] - joints[ankle]
    forward = np.array([forward[0], 0.0, forward[2]])
    forward /= np.linalg.norm(forward)
    across = np.array([forward[2], 0.0, -forward[0]])
    origin = np.array([joints[ankle][0], floor, joints[ankle][2]])
    along, beside, height = (foot - origin) @ forward, (foot - origin) @ across, foot[:, 1] - floor
    heel, toe = along.min() - style.pad_m, along.max() + style.toe_m
    rows, columns = 26, 30
    u = 0.5 - 0.5 * np.cos(np.linspace(0.06, np.pi - 0.06, rows))
    s = heel + u * (toe - heel)
    low = height < 0.05
    centers_b, half, top = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    for k, at in enumerate(s):
        near = np.abs(along - np.clip(at, along.min() + 0.012, along.max() - 0.012)) < 0.014
        left, right = np.quantile(beside[near & low], (0.0, 1.0))
        centers_b[k], half[k], top[k] = 0.5 * (left + right), 0.5 * (right - left), height[near].max()
    kernel = np.array([1, 2, 3, 2, 1]) / 9
    smooth = lambda a: np.convolve(np.pad(a, 2, mode="edge"), kernel, "valid")  # noqa: E731
    centers_b, half, top = smooth(smooth(centers_b)), smooth(smooth(half)), smooth(top)
    round_end = np.sqrt(np.clip(1 - (np.clip((u - 0.72) / 0.28, 0, 1)) ** 2.6, 0, 1)) * np.sqrt(
        np.clip(1 - np.clip((0.12 - u) / 0.12, 0, 1) ** 2.2, 0.0, 1)
    )
    half = (half + style.pad_m) * np.maximum(round_end, 0.12)
    half *= 1 - style.point * 0.45 * np.clip((u - 0.6) / 0.4, 0, 1) ** 1.5
    # The upper's height: the collar at the ankle, sloping to the toes.
    opening = style.collar_m * scale
    reach = (s - 0.0) / max(toe, 1e-6)
    instep = np.minimum(top + style.pad_m, opening + 0.35 * 0.0)
    tall = np.where(reach < 0.18, opening, np.minimum(instep, opening))
    tall = np.minimum(
        tall, np.interp(u, [0, 0.06, 0.45, 0.62, 0.8, 1.0], [0.8 * opening, opening, opening, 0.070, 0.052, 0.030])
    )
    tall = smooth(smooth(tall))
    phi = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    cx, cy = np.cos(phi), np.sin(phi)
    shape_x = np.sign(cx) * np.abs(cx) ** 0.75
    shape_y = np.sign(cy) * np.abs(cy) ** 0.75
    h01 = 0.5 + 0.5 * shape_y
    narrow = 1 - 0.42 * (np.clip(tall / 0.085, 0, 1.4)[:, None] * np.clip(h01, 0, 1) ** 1.8) * np.clip(1.25 - u, 0, 1)[:, None]
    ring_b = half[:, None] * shape_x * narrow
    base = 0.0
    ring_h = base - 0.004 + (tall[:, None] + 0.004) * h01
    lift = style.heel_m * np.clip((0.42 - u) / 0.2, 0, 1)
    middle = origin + s[:, None] * forward + centers_b[:, None] * across
    offsets = ring_b[..., None] * across + ring_h[..., None] * np.array([0.0, 1.0, 0.0])
    upper = tube(middle, offsets, label, "shoes")
    # The sole: the outline a little wider, from the floor of the foot down.
    outline_b = (half + style.flange_m)[:, None] * np.sign(cx) * np.abs(cx) ** 0.35
    thick = style.sole_m + 0 * lift
    spring = 0.012 * np.clip((u - 0.75) / 0.25, 0, 1) ** 2
    bottom, lid = -thick + spring, np.full(rows, 0.010) + spring * 0.3
    ring_y = np.where(np.sign(cy) > 0, lid[:, None], bottom[:, None]) * np.abs(np.sign(cy) * np.abs(cy) ** 0.25)
    along_sole = s + style.flange_m * np.sign(u - 0.5) * (np.abs(u - 0.5) * 2) ** 6
    offsets = outline_b[..., None] * across + ring_y[..., None] * np.array([0.0, 1.0, 0.0])
    sole = tube(origin + along_sole[:, None] * forward + centers_b[:, None] * across, offsets, label, "sole")
    return [_skinned(part, origin, forward, joints, transforms, ankle, ball, knee, opening) for part in (upper, sole)]


def _skinned(
    part: Part,
    origin: Floats,
    forward: Floats,
    joints: Floats,
    transforms: Floats,
    ankle: int,
    ball: int,
    knee: int,
    opening: float,
) -> Part:
    along = (part.vertices - origin) @ forward
    bend = float((joints[ball] - origin) @ forward)
    toes = np.clip((along - bend + 0.03) / 0.06, 0, 1)
    toes = toes * toes * (3 - 2 * toes)
    shin = np.clip((part.vertices[:, 1] - origin[1] - 0.07) / 0.08, 0, 1) * 0.5
    blended = (
        transforms[ankle][None] * (1 - toes - shin * (1 - toes))[:, None, None]
        + transforms[ball][None] * toes[:, None, None]
        + transforms[knee][None] * (shin * (1 - toes))[:, None, None]
    )
    moved = np.einsum("nij,nj->ni", blended[:, :3, :3], part.vertices) + blended[:, :3, 3]
    return Part(vertices=moved, faces=part.faces, uvs=part.uvs, uv_faces=part.uv_faces, labels=part.labels)


def foot_vertices(weights: Floats, template: Floats, joints: Floats, side: str) -> NDArray[np.int64]:
    """The vertices that a shoe must hold."""
    ankle, ball = (7, 10) if side == "left" else (8, 11)
    return np.flatnonzero((weights[:, ankle] + weights[:, ball] > 0.5) & (template[:, 1] < joints[ankle][1] + 0.03))
