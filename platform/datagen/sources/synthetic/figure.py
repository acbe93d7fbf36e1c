"""Whether a body looks rather like a woman's or a man's, so that hair, clothes and beards fit it.

The shape coefficients do not say it; two proportions do: hips against shoulders, and how far the chest stands out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies import load_builtin
from vitruvian.bodies.poses import sample_betas

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Features:
    """Linear measures of the shape: value at zero betas and change with each beta; metres."""

    zero: Floats
    """(4,) hip half-width, shoulder half-width, chest depth, height."""
    change: Floats
    """(4, 10)"""
    mean: Floats
    """(2,) of the two proportions over the population."""
    spread: Floats


def _proportions(zero: Floats, change: Floats, betas: Floats) -> Floats:
    hip, shoulder, chest, height = zero[:, None] + change @ betas.T
    return np.stack([hip / shoulder, chest / height])


@cache
def _features() -> _Features:
    model = load_builtin()
    template, shapes = model.v_template.astype(np.float64), model.shapedirs[..., :10].astype(np.float64)
    x, y, z = template.T
    y = y - y.min()

    def most(candidates: NDArray[np.bool_], key: Floats, count: int) -> NDArray[np.int64]:
        ids = np.flatnonzero(candidates)
        return ids[np.argsort(-key[ids], kind="stable")[:count]]

    hips = most((y > 0.84) & (y < 0.95) & (np.abs(x) < 0.25), np.abs(x), 60)
    chest = most((y > 1.2) & (y < 1.32) & (np.abs(x) > 0.06) & (np.abs(x) < 0.12) & (z > 0), z, 40)
    belly = np.flatnonzero((y > 1.05) & (y < 1.15) & (np.abs(x) < 0.05) & (z > 0))
    side = np.sign(x[hips])
    top, bottom = int(np.argmax(y)), int(np.argmin(y))
    regressor = model.joint_regressor[16].astype(np.float64)

    def measure(field: Floats) -> Floats:
        """(V, 3, n) -> (4, n)"""
        return np.stack([(field[hips, 0] * side[:, None]).mean(0), regressor @ field[:, 0],
                         field[chest, 2].mean(0) - field[belly, 2].mean(0), field[top, 1] - field[bottom, 1]])  # fmt: skip

    zero, change = measure(template[..., None])[:, 0], measure(shapes)
    rng = np.random.default_rng(11)
    population = np.stack([sample_betas(rng) for _ in range(400)]).astype(np.float64)
    values = _proportions(zero, change, population)
    return _Features(zero=zero, change=change, mean=np.median(values, axis=1), spread=values.std(1))


def femininity(betas: NDArray[np.floating]) -> float:
    """Above 0 for the more womanly half of the population, below for the other."""
    known = _features()
    values = _proportions(known.zero, known.change, np.asarray(betas, np.float64)[None, :10])[:, 0]
    return float(((values - known.mean) / known.spread).sum())
