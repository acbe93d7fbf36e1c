"""The shape space of the built-in body: principal components of many bodies, and a joint regressor that follows them.

Source: SMPL's section 3 (shape blend shapes by PCA, a sparse non-negative joint regressor).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from vitruvian.bodies.skeleton import MIRROR_JOINTS, NUM_JOINTS

Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShapeSpace:
    mean: Doubles
    """(V, 3)"""
    directions: Doubles
    """(V, 3, S) metres per standard deviation"""
    variance_kept: Doubles
    """(S,) cumulative share of the variance"""


def principal_shapes(vertices: Doubles, count: int) -> ShapeSpace:
    """The first ``count`` principal components of (N, V, 3) bodies, each scaled to one standard deviation.

    The sign of each is such that a positive coefficient makes the body larger (its vertices further from the pelvis).
    """
    mean = vertices.mean(axis=0)
    centred = (vertices - mean).reshape(len(vertices), -1)
    values, vectors = np.linalg.eigh(centred @ centred.T / (len(vertices) - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    basis = centred.T @ vectors[:, :count] / np.sqrt(len(vertices) - 1)  # its columns have length sqrt(value): one deviation
    directions = basis.reshape(*mean.shape, count)
    directions = directions * np.where(np.einsum("vks,vk->s", directions, mean) < 0, -1.0, 1.0)
    return ShapeSpace(mean=mean, directions=directions, variance_kept=np.cumsum(values)[:count] / values.sum())


def mirror_vertices(vertices: Doubles) -> NDArray[np.int64]:
    """(V,) the vertex at the mirror image of each; raises ValueError where the body is not symmetric to 0.1 mm."""
    distance, mirror = cKDTree(vertices).query(vertices * np.array([-1.0, 1.0, 1.0]))
    if distance.max() > 1e-4 or not (mirror[mirror] == np.arange(len(mirror))).all():
        raise ValueError(f"The body is not symmetric: a vertex is {distance.max() * 1000:.2f} mm from its mirror image.")
    return mirror


def joint_regressor(vertices: Doubles, joints: Doubles, skin: NDArray[np.int64], mirror: NDArray[np.int64]) -> Doubles:
    """(24, V) non-negative rows that sum to one, fitted to (N, V, 3) bodies and their (N, 24, 3) joints.

    ``skin`` lists the vertices that may take part (eyes and tongue should not); ``mirror`` is ``mirror_vertices``'s.
    A joint is a mean of a few vertices of the skin around it (SMPL, section 3.3: sparse, non-negative, hence never outside
    the body and calm under noise). Right is the mirror image of left.
    """
    regressor = np.zeros((NUM_JOINTS, num_vertices := vertices.shape[1]))
    mean_vertices, mean_joints = vertices.mean(axis=0), joints.mean(axis=0)
    for joint in range(NUM_JOINTS):
        if MIRROR_JOINTS[joint] < joint:
            regressor[joint, mirror] = regressor[MIRROR_JOINTS[joint]]
            continue
        near = np.argsort(np.linalg.norm(mean_vertices[skin] - mean_joints[joint], axis=1))[:4000]
        ring = _spread(mean_vertices, skin[near], 500)
        if MIRROR_JOINTS[joint] == joint:
            ring = np.unique(np.concatenate([ring, mirror[ring]]))
        heavy = 100.0 * np.ones((1, len(ring)))
        system = np.concatenate([vertices[:, ring].transpose(0, 2, 1).reshape(-1, len(ring)), heavy])
        solution, _ = nnls(system, np.concatenate([joints[:, joint].reshape(-1), [100.0]]), maxiter=100 * len(ring))
        row = np.zeros(num_vertices)
        row[ring] = solution
        if MIRROR_JOINTS[joint] == joint:
            row = (row + row[mirror]) / 2
        row[row < 1e-4] = 0
        regressor[joint] = row / row.sum()
    return regressor


def _spread(points: Doubles, candidates: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most ``count`` of the candidates, far from each other."""
    if len(candidates) <= count:
        return candidates
    chosen = [0]
    distance = np.linalg.norm(points[candidates] - points[candidates[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points[candidates] - points[candidates[chosen[-1]]], axis=1))
    return candidates[np.sort(chosen)]
