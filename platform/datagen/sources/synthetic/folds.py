"""Folds: how far cloth stands off its smooth shape, as a function of where on the suit, how the person bends, and a seed.

Everything is a sum of smooth ridged waves: across bent joints, radiating from armpits and crotch, stacked above cuffs and
hems, hanging down loose cloth, and gentle unevenness everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.suit import Suit

Floats = NDArray[np.float64]
TAU = 2 * np.pi


@dataclass(frozen=True, kw_only=True, slots=True)
class Bends:
    """How far joints are turned away from rest, radians, right and left side."""

    elbow: tuple[float, float]
    knee: tuple[float, float]
    hip: tuple[float, float]
    shoulder: tuple[float, float]
    waist: float


def bends_of(pose: Floats) -> Bends:
    """From (24, 3) axis-angle rotations."""
    angle = np.linalg.norm(pose, axis=1)
    lowered = lambda joint: float(abs(pose[joint, 2]))  # noqa: E731
    return Bends(
        elbow=(angle[19], angle[18]),
        knee=(angle[5], angle[4]),
        hip=(angle[2], angle[1]),
        shoulder=(lowered(17), lowered(16)),
        waist=float(angle[3] + angle[6] + angle[9]),
    )


def waves(
    points: Floats,
    rng: np.random.Generator,
    shortest_m: float,
    longest_m: float,
    stretch: tuple[float, float, float],
    count: int = 7,
) -> Floats:
    """(N,) smooth noise of about unit variance: a sum of cosines with wavelengths in a band. ``stretch`` lengthens the
    waves along x, y, z."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = np.exp(rng.uniform(np.log(shortest_m), np.log(longest_m), count))
    vectors = TAU * direction / length[:, None] / np.asarray(stretch)
    phase = rng.uniform(0, TAU, count)
    argument = points.astype(np.float32) @ vectors.T.astype(np.float32) + phase.astype(np.float32)
    return np.cos(argument).sum(1).astype(np.float64) * np.sqrt(2 / count)


def ridges(phase: Floats) -> Floats:
    """Soft folds with rounded backs and narrower valleys, mean about zero, height one."""
    crest = 0.5 + 0.5 * np.cos(phase)
    return np.sqrt(crest + 0.02) - 0.65


def fold_heights(
    suit: Suit,
    bends: Bends,
    rng: np.random.Generator,
    *,
    looseness: float,
    hem_sleeve_m: float,
    hem_drop_m: float,
    crisp: float = 1.0,
) -> Floats:
    """(N,) metres outward, mean about zero. ``looseness`` 0 (skin-tight) to 1 (wide); the hems say where cloth stacks up;
    ``crisp`` scales small folds against large ones (stiff cloth has fewer)."""
    fields, joints = suit.fields, suit.bones
    p, left = fields.points, fields.side > 0
    pick = lambda pair: np.where(left, pair[1], pair[0])  # noqa: E731
    arm, leg, torso = fields.arm, fields.leg, (1 - fields.arm - fields.leg).clip(0)
    sleeve, y = fields.sleeve_m, p[:, 1]
    warp = waves(p, rng, 0.10, 0.25, (1, 1, 1))
    warp_fine = waves(p, rng, 0.04, 0.09, (1, 1, 1), 6)
    gate = _step(-0.3, 1.2, waves(p, rng, 0.10, 0.3, (1, 1, 1)))
    total = np.zeros(len(p))

    # Unevenness of hanging cloth: tall waves on the torso and the legs, lengthwise on sleeves.
    total += looseness * 0.0035 * waves(p, rng, 0.07, 0.16, (1, 2.2, 1)) * (torso + leg)
    total += looseness * 0.0030 * waves(p, rng, 0.06, 0.14, (2.0, 1, 1)) * arm

    # Long diagonal folds, here and there.
    for _ in range(3):
        direction = rng.normal(size=3) * (1.0, 0.8, 0.6)
        direction /= np.linalg.norm(direction)
        phase = TAU * (p @ direction) / rng.uniform(0.05, 0.09) + 2.2 * warp + 0.5 * warp_fine
        where = _step(0.2, 1.4, waves(p, rng, 0.15, 0.4, (1, 1, 1)))
        total += (0.3 + 0.7 * looseness) * crisp * 0.0040 * where * ridges(phase)

    # Elbows: rings on the inside of the bend; even a straight sleeve keeps some.
    elbow = joints[18, 0] - joints[16, 0]
    rings = ridges(TAU * sleeve / 0.034 + 1.6 * warp + 0.8 * warp_fine + 1.5 * np.cos(fields.limb_angle + 0.7))
    strength = 0.0022 + 0.0050 * np.clip(pick(bends.elbow), 0, 1.6)
    total += (
        crisp
        * strength
        * arm
        * np.exp(-(((sleeve - elbow) / 0.075) ** 2))
        * (0.55 + 0.45 * np.cos(fields.limb_angle - np.pi / 2))
        * rings
    )
    # Sleeves are longer than arms: they stack towards the cuff.
    stack = np.exp(-(((sleeve - hem_sleeve_m) / 0.10) ** 2)) * np.clip(hem_sleeve_m / 0.4, 0, 1) ** 2
    total += (
        crisp
        * (0.25 + looseness)
        * 0.0032
        * arm
        * stack
        * (0.4 + 0.6 * gate)
        * ridges(TAU * sleeve / 0.042 + 2.4 * warp + warp_fine)
    )

    # Knees: behind when bent, a little in front always.
    knee_y = joints[4, 1]
    rings = ridges(TAU * (y - knee_y) / 0.045 + 1.9 * warp + 0.8 * warp_fine + 1.2 * np.cos(fields.limb_angle))
    behind = 0.5 - 0.5 * np.cos(fields.limb_angle)
    strength = 0.0020 + 0.0048 * np.clip(pick(bends.knee), 0, 1.6) * (0.35 + 0.65 * behind)
    total += crisp * strength * leg * np.exp(-(((y - knee_y) / 0.10) ** 2)) * rings
    # Trousers stack on the shoe.
    floor = float(y.min() - fields.drop_m[fields.arm < 0.01].min())
    above = y - floor - hem_drop_m
    low = hem_drop_m < 0.2
    if low:
        stack = np.exp(-((above / 0.11) ** 2))
        total += (
            crisp
            * (0.25 + looseness)
            * 0.0046
            * leg
            * stack
            * (0.35 + 0.65 * gate)
            * ridges(TAU * above / 0.052 + 2.6 * warp + warp_fine)
        )

    # Radiating from the crotch (front) and from the armpits.
    crotch = np.array([0.0, joints[1, 1] - 0.06, joints[1, 2] + 0.04])
    away = np.linalg.norm((p - crotch) * (1, 1, 0.6), axis=1)
    angle = np.arctan2(y - crotch[1], np.abs(p[:, 0]))
    whiskers = ridges(9.0 * angle + 1.8 * warp + 0.7 * warp_fine)
    near = np.exp(-(((away - 0.09) / 0.07) ** 2)) * (1 - arm)
    total += crisp * near * (0.0022 + 0.0035 * np.clip(pick(bends.hip), 0, 1.5)) * whiskers
    armpit = np.stack(
        [fields.side * (joints[16, 0] - 0.01), np.full(len(p), joints[16, 1] - 0.09), np.full(len(p), joints[16, 2])], 1
    )
    offset = p - armpit
    away = np.linalg.norm(offset, axis=1)
    angle = np.arctan2(offset[:, 1], np.abs(offset[:, 0]) + 0.02)
    pulls = ridges(8.0 * angle + 14.0 * offset[:, 2] + 1.5 * warp + 0.6 * warp_fine)
    near = np.exp(-(((away - 0.08) / 0.075) ** 2))
    total += crisp * near * (0.0020 + 0.0030 * np.clip(pick(bends.shoulder), 0, 1.5)) * pulls

    # The waist: cloth that sits on the hips is too long for the back and the belly.
    waist_y = joints[3, 1]
    belt = np.exp(-(((y - waist_y) / 0.07) ** 2)) * torso
    total += crisp * belt * (0.25 + 0.75 * gate) * (0.0018 + 0.0030 * looseness + 0.003 * min(bends.waist, 1.0)) * ridges(
        TAU * (y - waist_y) / 0.055 + 2.5 * warp + 0.8 * warp_fine)  # fmt: skip
    return 2.3 * total


def flutes(suit: Suit, rng: np.random.Generator, *, hem_drop_m: float, amount_m: float, reach_m: float = 0.35) -> Floats:
    """(N,) metres: the waves of a loose hem around the torso, growing downwards."""
    p = suit.fields.points
    angle = np.arctan2(p[:, 0], p[:, 2])
    low = _step(0.0, 1.0, 1 - (suit.fields.drop_m - hem_drop_m) / reach_m)
    wave = sum(np.cos(n * angle + rng.uniform(0, TAU)) * rng.uniform(0.4, 1.0) for n in (3, 5, 7, 8))
    return amount_m * low**1.5 * wave * 0.5 * (1 - suit.fields.arm)


def _step(low: float, high: float, value: Floats) -> Floats:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)
