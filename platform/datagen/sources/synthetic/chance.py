"""Chance: choosing names by weight, colours of cloth, and whole fabrics."""

from __future__ import annotations

import colorsys

import numpy as np

from vitruvian.datagen.sources.synthetic.fabric import Fabric

Colour = tuple[float, float, float]


def choice(rng: np.random.Generator, weights: dict[str, float]) -> str:
    names = list(weights)
    share = np.maximum(np.array([weights[name] for name in names]), 0)
    return names[int(rng.choice(len(names), p=share / share.sum()))]


def pick(rng: np.random.Generator, options: list[Colour]) -> Colour:
    return options[int(rng.integers(len(options)))]


def cloth_colour(rng: np.random.Generator, *, neutral: float = 0.35, bright: bool = True) -> Colour:
    if rng.random() < neutral:
        value = float(rng.choice([0.06, 0.10, 0.17, 0.30, 0.5, 0.72, 0.88, 0.95]))
        warm = rng.uniform(-0.02, 0.04)
        return (min(value + warm, 1.0), value, max(value - warm, 0.0))
    hue, saturation = rng.random(), rng.uniform(0.25, 0.8)
    value = rng.uniform(0.25, 0.92 if bright else 0.55)
    return colorsys.hsv_to_rgb(hue, saturation * (0.75 if value > 0.7 else 1.0), value)


def contrast(rng: np.random.Generator, ground: Colour) -> Colour:
    """Another colour that can be told from the ground."""
    for _ in range(8):
        other = cloth_colour(rng, neutral=0.5)
        if abs(sum(other) - sum(ground)) > 0.7:
            break
    return other


def fabric(rng: np.random.Generator, patterns: tuple[str, ...], *, bright: bool = True, neutral: float = 0.35) -> Fabric:
    pattern = patterns[int(rng.integers(len(patterns)))]
    if pattern == "denim":
        ground = pick(
            rng,
            [
                (0.13, 0.19, 0.33),
                (0.22, 0.31, 0.47),
                (0.38, 0.49, 0.63),
                (0.08, 0.10, 0.16),
                (0.12, 0.12, 0.13),
                (0.55, 0.62, 0.70),
            ],
        )
        second: Colour = tuple(min(c * 1.5 + 0.1, 1.0) for c in ground)  # type: ignore[assignment]
        return Fabric(pattern=pattern, colours=(ground, second, (0.72, 0.52, 0.26)), scale_m=0.02)
    ground = cloth_colour(rng, bright=bright, neutral=neutral)
    return Fabric(
        pattern=pattern,
        colours=(ground, contrast(rng, ground), contrast(rng, ground)),
        scale_m=float(rng.uniform(0.025, 0.06)),
    )
