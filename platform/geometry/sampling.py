"""Points on the surface of a mesh: for query points near the body, for chamfer distances, for point clouds.

The surface is cut into ``num_points`` parts of equal area, in the order of the faces, and each part gives one point, uniform
within it: every point has the same distribution as with independent draws (uniform by area), but the set covers the surface
more evenly, so sums over it vary less. The points come in random order, so the first k of them are a sample of the surface too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitruvian import _native
from vitruvian.geometry._arrays import as_faces, as_positions


class SurfaceSample(NamedTuple):
    """Points on a surface and where on it they are."""

    points: NDArray[np.float32]
    """(N, 3), in the unit of the vertices."""
    face_id: NDArray[np.int32]
    """(N,) face of each point."""
    barycentrics: NDArray[np.float32]
    """(N, 3) weights of the face's corners."""


def sample_surface(
    vertices: NDArray[Any], faces: NDArray[Any], num_points: int, seed: int | Sequence[int] | np.random.SeedSequence
) -> SurfaceSample:
    """``num_points`` points uniform over the area of the mesh, stratified, in random order.

    ``vertices`` (V, 3) float32 or float64; ``faces`` (F, 3). A pure function of its arguments, with the same bits on every
    machine. ``seed`` is whatever ``np.random.SeedSequence`` takes (an integer or several), or one. Raises ValueError for a
    wrong shape, an index out of range, a value that is not finite, or a mesh without area.
    """
    sequence = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    seed_64 = int(sequence.generate_state(1, np.uint64)[0])
    return SurfaceSample(*_native.sample_surface(*as_positions(vertices), as_faces(faces), num_points, seed_64))
