"""Precomputed radiance transfer: how a surface that shades itself answers to light from everywhere, as nine numbers a point.

For a point with unit normal n the transfer vector is (Sloan, Kautz and Snyder 2002, diffuse, without reflections)

    T_k = integral over directions d with d.n > 0 of  visible(d) * (d.n) * Y_k(d)

with the nine real spherical harmonics Y to order 2 in the order of ``geometry/rasterize.py``; there is no division by pi, as in
PIFu and JIFF: where nothing is in the way T_0 is 0.886. Under a light of coefficients L the irradiance is ``sum_k T_k L_k``.

The published code asks 40 x 40 random directions, the same for all points. Here they are spread evenly (a spherical Fibonacci
lattice): a tenth of the rays then leaves less than half of the error, which ``benchmarks/bench_prt.py`` measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian import _native

NUM_DIRECTIONS = 160
"""A tenth of the published 1600."""
PUBLISHED_OFFSET = 1e-3
"""Rays start this far off the surface, as a part of the mesh's smallest extent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Directions:
    """Where rays go, and how much of the sphere each stands for."""

    directions: NDArray[np.float32]
    """(D, 3), unit length."""
    weights: NDArray[np.float32]
    """(D,), steradians; they sum to 4 pi."""


def spread_directions(number: int = NUM_DIRECTIONS) -> Directions:
    """A spherical Fibonacci lattice (Gonzalez 2010) of ``number`` directions, all of the same weight."""
    if number < 1:
        raise ValueError(f"spread_directions: number is {number}; it must be at least 1.")
    k = np.arange(number)
    height = 1 - (2 * k + 1) / number
    turn = np.pi * (3 - np.sqrt(5)) * k
    radius = np.sqrt(1 - height**2)
    directions = np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)
    return Directions(
        directions=directions.astype(np.float32),
        weights=np.full(number, 4 * np.pi / number, np.float32),
    )


def published_directions(first_draw: NDArray[Any], second_draw: NDArray[Any]) -> Directions:
    """The published directions for two arrays of uniform draws in [0, 1), 40 x 40 there: polar angle, then azimuth."""
    polar = np.arccos(1 - 2 * np.asarray(first_draw, np.float64).ravel())
    azimuth = 2 * np.pi * np.asarray(second_draw, np.float64).ravel()
    directions = np.stack([-np.sin(polar) * np.cos(azimuth), -np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=1)
    weights = np.full(len(directions), 4 * np.pi / len(directions), np.float32)
    return Directions(directions=directions.astype(np.float32), weights=weights)


def transfer(
    points_n3: NDArray[np.float32],
    normals_n3: NDArray[np.float32],
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    *,
    directions: Directions | None = None,
    offset: float | None = None,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Transfer vectors (N, 9) of points with unit normals (N, 3), shaded by a mesh; both sides of its triangles stop light.

    ``directions``: None means ``spread_directions()``. ``offset``: how far off the point along its normal rays start, in the
    unit of the mesh; None means the published thousandth of the mesh's smallest extent. A point with a normal of length zero
    gets zeros. ``threads`` changes the time only.

    Raises ValueError for arrays of another dtype, shape or layout, indices out of range and values that are not finite.
    """
    chosen = spread_directions() if directions is None else directions
    if offset is None:
        offset = PUBLISHED_OFFSET * float(np.ptp(vertices, axis=0).min()) if len(vertices) else 0.0
    return _native.transfer(
        points_n3,
        normals_n3,
        vertices,
        np.ascontiguousarray(faces),
        chosen.directions,
        chosen.weights,
        offset,
        threads,
    )


def irradiance(transfer_n9: NDArray[np.float32], light_93: NDArray[Any]) -> NDArray[np.float32]:
    """(N, 3) RGB: what points receive from a light (9, 3) in the frame of the mesh, as ``render`` takes it; can be negative."""
    return _native.irradiance(transfer_n9, np.ascontiguousarray(light_93, np.float32))


def lit_colors(
    transfer_n9: NDArray[np.float32], light_93: NDArray[Any], albedo_n3: NDArray[np.float32], *, light_gamma: float = 1.0
) -> NDArray[np.uint8]:
    """(N, 3) sRGB: ``255 min(1, albedo * max(0, T.L) ** (1 / light_gamma))``, rounded; ``albedo_n3`` is in [0, 1]."""
    if not light_gamma > 0:
        raise ValueError(f"lit_colors: light_gamma is {light_gamma}; it must be positive.")
    return _native.lit_colors(transfer_n9, np.ascontiguousarray(light_93, np.float32), albedo_n3, light_gamma)
