"""Small meshes made by formula, for tests of the kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Surface = tuple[NDArray[np.float32], NDArray[np.int32]]


def sphere(*, radius: float = 1.0, center: tuple[float, float, float] = (0.0, 0.0, 0.0), subdivisions: int = 3) -> Surface:
    """An octahedron, every face split in four ``subdivisions`` times, its vertices pushed onto the sphere."""
    vertices = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float64)
    faces = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    for _ in range(subdivisions):
        edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        unique, index = np.unique(edges, axis=0, return_inverse=True)
        middle = len(vertices) + index.reshape(-1, 3)
        vertices = np.concatenate([vertices, vertices[unique].mean(axis=1)])
        vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
        a, b, c = faces.T
        ab, bc, ca = middle.T
        faces = np.concatenate([np.stack(corners, 1) for corners in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    return (vertices * radius + center).astype(np.float32), faces.astype(np.int32)


def joined(*parts: Surface) -> Surface:
    """Several meshes as one, however they overlap."""
    offsets = np.cumsum([0, *[len(vertices) for vertices, _ in parts]])
    faces = [faces + offset for (_, faces), offset in zip(parts, offsets, strict=False)]
    return np.concatenate([vertices for vertices, _ in parts]), np.concatenate(faces).astype(np.int32)


def bumpy_body(*, subdivisions: int = 4) -> Surface:
    """A lumpy closed shape, longer than wide, with a second closed part that overlaps it."""
    vertices, faces = sphere(subdivisions=subdivisions)
    x, y, z = vertices.T.astype(np.float64)
    size = 1 + 0.15 * np.sin(7 * x + 2) * np.cos(5 * y) + 0.1 * np.sin(9 * z)
    body = (vertices * size[:, None] * [0.3, 0.9, 0.2]).astype(np.float32), faces
    return joined(body, sphere(radius=0.12, center=(0.02, 0.85, 0.03), subdivisions=2))


def without_patches(mesh: Surface, *, num_patches: int, faces_per_patch: int, seed: int) -> Surface:
    """The mesh with round patches of faces taken out."""
    vertices, faces = mesh
    centers = vertices[faces].mean(axis=1)
    keep = np.ones(len(faces), bool)
    for face in np.random.default_rng(seed).choice(len(faces), num_patches, replace=False):
        keep[np.argsort(np.linalg.norm(centers - centers[face], axis=1))[:faces_per_patch]] = False
    return vertices, np.ascontiguousarray(faces[keep])


def edge_counts(faces: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For every undirected edge: how many faces run along it, and how many more one way than the other."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    direction = np.where(edges[:, 0] < edges[:, 1], 1, -1)
    _, index = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
    return np.bincount(index), np.rint(np.bincount(index, direction)).astype(np.int64)
