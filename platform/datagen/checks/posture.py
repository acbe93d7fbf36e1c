"""Does a person stand on the feet or on the head, and which way does the front look? Told from how the surface is spread.

Two linear scores over the shares and offsets of ten slabs between floor and crown, odd under turning the person over or around,
so that 0 means "cannot be told". The weights were fitted to the built-in people in all their poses (``tools/fit_posture.py``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh

NUM_SLABS = 10
Floats = NDArray[np.float64]


def slabs(mesh: Mesh) -> tuple[Floats, Floats, Floats]:
    """For ten slabs of equal height, feet first: share of the area, spread around the middle and offset to the front, the last
    two in units of the person's height. World frame; faces must have area."""
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    middle = corners.mean(axis=1)
    low, high = corners[..., 1].min(), corners[..., 1].max()
    height = high - low
    slab = np.clip(((middle[:, 1] - low) / height * NUM_SLABS).astype(np.int64), 0, NUM_SLABS - 1)

    def total(values: Floats) -> Floats:
        return np.bincount(slab, values, NUM_SLABS).astype(np.float64)

    share = total(area)
    safe = np.maximum(share, 1e-12)
    x, z = middle[:, 0], middle[:, 2]
    mean_x, mean_z = total(area * x) / safe, total(area * z) / safe
    spread = np.sqrt((total(area * (x - mean_x[slab]) ** 2) + total(area * (z - mean_z[slab]) ** 2)) / safe) / height
    offset = np.where(share > 0, mean_z - (area @ z) / area.sum(), 0.0) / height
    return share / area.sum(), spread, offset


def upright_features(mesh: Mesh) -> Floats:
    """(10,) features that change their sign when the person is turned upside down."""
    share, spread, _ = slabs(mesh)
    half = NUM_SLABS // 2
    return np.concatenate([(share - share[::-1])[:half], (spread - spread[::-1])[:half]])


def facing_features(mesh: Mesh) -> Floats:
    """(10,) features that change their sign when the person turns around."""
    return slabs(mesh)[2]


def upright_score(mesh: Mesh) -> float:
    """Above 0: on the feet; below -1: on the head (of 660 built-in people, half of them not used for the fit, the lowest scored
    -0.5, and turned over nineteen in twenty score below -1)."""
    return float(upright_features(mesh) @ _UPRIGHT)


def facing_score(mesh: Mesh) -> float:
    """Above 0: the front looks along +z; below -1: away from the viewer (one in 660 built-in people scored below that)."""
    return float(facing_features(mesh) @ _FACING)


_UPRIGHT = np.array([10.99, -12.06, -12.20, -3.30, 1.78, 4.38, 4.70, 2.08, -2.74, -5.44])
_FACING = np.array([13.61, -30.57, -12.59, 36.14, 10.46, -51.70, 11.28, -29.13, -14.35, 21.08])
