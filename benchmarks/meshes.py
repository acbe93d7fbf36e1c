"""The bodies that the kernels are timed on: a person of 27,420 triangles, and the same person split into 438,720."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh

_GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "geometry"


def body(*, texture_size_px: int = 1024) -> Mesh:
    """A closed person in metres, y up, floor y = 0, with texture coordinates around its axis, a texture and part labels."""
    case = np.load(_GOLDEN / "voxelizer_case.npz")
    vertices = case["identity_vertices"].astype(np.float64) * [1, -1, -1] / float(case["identity_scale"])
    vertices -= [0, vertices[:, 1].min(), 0]
    return _dressed(vertices, case["faces"], texture_size_px)


def fine_body(*, texture_size_px: int = 1024) -> Mesh:
    """The same person with every triangle split into sixteen, and a ripple of 1.5 mm, so that the pieces are not coplanar."""
    coarse = body(texture_size_px=4)
    vertices, faces = coarse.vertices.astype(np.float64), coarse.faces
    for _ in range(2):
        vertices, faces = _split(vertices, faces)
    vertices += 0.0015 * np.sin(vertices[:, [1, 2, 0]] * 400)
    return _dressed(vertices, faces, texture_size_px)


def holed_body() -> Mesh:
    """The coarse person with five patches of 61 triangles missing, as a scan might have them."""
    mesh = body(texture_size_px=4)
    centers = mesh.vertices[mesh.faces].mean(axis=1)
    keep = np.ones(mesh.num_faces, bool)
    for face in np.random.default_rng(1).choice(mesh.num_faces, 5, replace=False):
        keep[np.argsort(np.linalg.norm(centers - centers[face], axis=1))[:61]] = False
    return Mesh(vertices=mesh.vertices, faces=np.ascontiguousarray(mesh.faces[keep]))


def torn_body() -> Mesh:
    """The coarse person with every tenth triangle missing, here and there: more than seven thousand open edges."""
    mesh = body(texture_size_px=4)
    keep = np.random.default_rng(2).random(mesh.num_faces) > 0.1
    return Mesh(vertices=mesh.vertices, faces=np.ascontiguousarray(mesh.faces[keep]))


def _split(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Every triangle becomes four, at the middles of its edges."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    middle = (len(vertices) + which.reshape(-1, 3)).astype(np.int32)
    a, b, c = faces.T
    ab, bc, ca = middle.T
    split = np.stack([a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca], axis=1).reshape(-1, 3)
    return np.concatenate([vertices, vertices[unique].mean(axis=1)]), np.ascontiguousarray(split, np.int32)


def _dressed(vertices: NDArray[np.float64], faces: NDArray[np.int32], texture_size_px: int) -> Mesh:
    x, y, z = vertices.T
    uvs = np.stack([np.arctan2(x, z) / (2 * np.pi) + 0.5, y / y.max()], axis=1)
    generator = np.random.default_rng(0)
    texture = generator.integers(0, 256, (texture_size_px, texture_size_px, 3), np.uint8)
    labels = (1 + 23 * vertices[faces[:, 0], 1] / y.max()).astype(np.uint8)
    return Mesh(
        vertices=np.ascontiguousarray(vertices, np.float32),
        faces=np.ascontiguousarray(faces),
        uvs=np.ascontiguousarray(uvs, np.float32),
        uv_faces=np.ascontiguousarray(faces),
        texture=texture,
        face_labels=labels,
    )
