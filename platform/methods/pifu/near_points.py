"""Labelled points drawn anew from the mesh at every visit, where a step is to have another noise than the stored pool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.occupancy import occupancy
from vitruvian.geometry.sampling import sample_surface


def near_pool(
    mesh: Mesh, box_of: NDArray[np.float32], sigma_m: float, uniform_share: float, num_points: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(num_points, 3) world metres and whether each is inside: surface points with noise, and points uniform in a box.

    ``box_of``: points whose bounding box is that box. ``sigma_m``: deviation of the noise along each axis. PIFu's published
    points are so distributed (Saito et al. 2019, section 4), with 16 near points for each uniform one.
    """
    num_uniform = round(uniform_share * num_points)
    seed = int(rng.integers(2**63))
    near = sample_surface(mesh.vertices, mesh.faces, num_points - num_uniform, seed).points.astype(np.float64)
    near += rng.normal(0.0, sigma_m, near.shape)
    uniform = rng.uniform(box_of.min(axis=0), box_of.max(axis=0), (num_uniform, 3))
    points = np.concatenate([near, uniform]).astype(np.float32)
    return points, occupancy(mesh.vertices, mesh.faces, points)
