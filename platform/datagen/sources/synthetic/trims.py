"""Collars, hoods, rolled necks and belts: bands swept along a ring on a draped garment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.labels import LABEL
from vitruvian.datagen.sources.synthetic.parts import Part
from vitruvian.datagen.sources.synthetic.sewing import Draped, Measures, Wearer, ring_at
from vitruvian.datagen.sources.synthetic.suit import Suit
from vitruvian.datagen.sources.synthetic.sweeps import ring_tube, tube

Floats = NDArray[np.float64]
# Cross-sections in millimetres: outward, upward from the neckline.
_SHIRT = (
    np.array([(-3, -8), (-3, 12), (-2, 26), (2, 31), (7, 29), (12, 14), (16, -2), (14, -6), (9, 6), (5, 16), (3, 4), (2, -8)])
    / 1000
)
_ROLL = np.array([(-2, -10), (-1, 12), (0, 30), (4, 38), (9, 37), (13, 28), (14, 14), (12, 2), (8, -4), (4, -10)]) / 1000


def collar_part(suit: Suit, draped: Draped, measures: Measures, wearer: Wearer, kind: str) -> list[Part]:
    """The closed band of a ``shirt`` collar, a ``roll`` neck or a ``hood`` lying on the back."""
    count = 72
    neck_m = measures.neck_m - (0.012 if kind == "shirt" else 0.004)
    field = suit.fields.neck_m - neck_m
    ring = ring_at(suit, draped, np.where(suit.fields.arm > 0.5, -0.1, field), count)
    up = wearer.joints[15] - wearer.joints[12]
    up /= np.linalg.norm(up)
    middle = ring.mean(0)
    outward = ring - middle
    outward -= (outward @ up)[:, None] * up
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    size = wearer.height_scale
    if kind == "shirt":
        gap = 5
        keep = np.arange(gap, count - gap + 1)
        nearness = np.exp(-(((np.minimum(angle, 2 * np.pi - angle)[keep] - angle[gap]) / 0.45) ** 2))
        section = np.tile(_SHIRT, (len(keep), 1, 1))
        tip = np.clip(section[..., 0] / 0.016, 0, 1) ** 2
        section[..., 1] -= tip * nearness[:, None] * 0.030
        section[..., 0] += tip * nearness[:, None] * 0.006
        centers = ring[keep]
    elif kind == "roll":
        keep = np.arange(count)
        centers, section = ring, np.tile(_ROLL, (count, 1, 1))
    else:
        gap = 3
        keep = np.arange(gap, count - gap + 1)
        back = (0.5 - 0.5 * np.cos(angle[keep])) ** 1.3
        phi = np.linspace(0, 2 * np.pi, 16, endpoint=False)
        thick = 0.009 + 0.026 * back
        lobes = 1 + 0.10 * np.cos(3 * phi[None] + 4 * angle[keep][:, None])
        section = np.stack(
            [
                thick[:, None] * (0.45 + np.cos(phi)) * lobes,
                thick[:, None] * (0.15 + 1.15 * np.sin(phi)) * lobes - 0.012 * back[:, None],
            ],
            -1,
        )
        centers = ring[keep]
    offsets = size * (section[..., :1] * outward[keep][:, None] + section[..., 1:] * up)
    label = LABEL["hood"] if kind == "hood" else LABEL["collar"]
    if kind == "roll":
        centers, offsets = np.concatenate([centers, centers[:1]]), np.concatenate([offsets, offsets[:1]])
        return [ring_tube(centers[:-1], offsets[:-1], label, "trim")]
    return [tube(centers, offsets, label, "trim")]


def belt_part(suit: Suit, draped: Draped, measures: Measures, wearer: Wearer) -> Part:
    """A closed belt around the trousers' waist."""
    field = suit.fields.drop_m - (measures.top_m - 0.018) + 0.02 * np.clip(suit.fields.points[:, 2] / 0.1, -1, 1) * 0
    ring = ring_at(suit, draped, field, 96)
    up = wearer.joints[3] - 0.5 * (wearer.joints[1] + wearer.joints[2])
    up /= np.linalg.norm(up)
    outward = ring - ring.mean(0)
    outward -= (outward @ up)[:, None] * up
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    section = np.array([(-4, -16), (5, -16), (6.5, -12), (6.5, 12), (5, 16), (-4, 16)]) / 1000
    section = np.tile(section, (96, 1, 1))
    buckle = np.exp(-((np.minimum(np.arange(96), 96 - np.arange(96)) / 3.0) ** 4))
    section[..., 0] += 0.004 * buckle[:, None]
    return ring_tube(ring, section[..., :1] * outward[:, None] + section[..., 1:] * up, LABEL["belt"], "belt")
