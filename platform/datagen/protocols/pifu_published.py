"""What the published PIFu and JIFF preparation does differently from us, reproduced exactly, for data that must match theirs.

Ours is right where the original is not; ``published=True`` of a protocol (``--published``) uses these instead:

- the camera looks at the median of the vertices, not of the surface;
- vertices on texture seams are split, and each copy has the normal of its own side only;
- the light is turned about +y by a routine that reads a coefficient which it has already overwritten, and the bank's row keeps
  the result, so that lights drift from picture to picture;
- texture-space normals come from at most three faces a vertex.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh

PERSON_UNITS = 180.0


def rescaled(vertices: NDArray[Any]) -> NDArray[np.float64]:
    """The published rescaling of a scan: (V, 3) in file units to 180 units a person.

    x and z have mean 0, y begins at 0. The factor comes from the extent along y if that is the largest, else along z. (The
    published program also prepares a shift by the median, but applies it where it has no effect.)
    """
    moved = np.asarray(vertices, np.float64) - np.mean(vertices, axis=0, dtype=np.float64)
    moved[:, 1] -= moved[:, 1].min()
    return moved * (PERSON_UNITS / np.ptp(moved, axis=0)[up_axis(moved)])


def up_axis(vertices: NDArray[Any]) -> int:
    """1 (y) if the mesh is longest along y, else 2 (z), also when it is longest along x."""
    return 1 if int(np.argmax(np.ptp(vertices, axis=0))) == 1 else 2


def split_at_seams(mesh: Mesh) -> tuple[Mesh, NDArray[np.int64]]:
    """A mesh with one vertex for each pair of position and texture coordinate, and which vertex each was.

    A mesh without texture coordinates has no seams and stays as it is.
    """
    if mesh.uvs is None or mesh.uv_faces is None:
        return mesh, np.arange(mesh.num_vertices)
    pairs = mesh.faces.astype(np.int64).reshape(-1) * len(mesh.uvs) + mesh.uv_faces.reshape(-1)
    unique, corner = np.unique(pairs, return_inverse=True)
    source = unique // len(mesh.uvs)
    faces = np.ascontiguousarray(corner.reshape(-1, 3), np.int32)
    colors = None if mesh.vertex_colors is None else np.ascontiguousarray(mesh.vertex_colors[source])
    vertices, uvs = mesh.vertices[source], mesh.uvs[unique % len(mesh.uvs)]
    split = replace(mesh, vertices=vertices, faces=faces, uvs=uvs, uv_faces=faces, vertex_colors=colors)
    return split, source


def angle_weighted_normals(mesh: Mesh) -> NDArray[np.float32]:
    """(V, 3) unit normals: the mean of the faces', weighted with the angle of the corner; 0 for a vertex without faces."""
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    edges = np.roll(corners, -1, axis=1) - corners
    length = np.linalg.norm(edges, axis=2, keepdims=True)
    edges = np.divide(edges, length, out=np.zeros_like(edges), where=length > 0)
    angles = np.arccos(np.clip(-np.einsum("fkc,fkc->fk", edges, np.roll(edges, 1, axis=1)), -1, 1))
    unit = unit_vectors(mesh.face_normals().astype(np.float64))
    normals = np.zeros((mesh.num_vertices, 3))
    for axis in range(3):
        for corner in range(3):
            weighted = angles[:, corner] * unit[:, axis]
            normals[:, axis] += np.bincount(mesh.faces[:, corner], weighted, mesh.num_vertices)
    return unit_vectors(normals).astype(np.float32)


def three_face_normals(mesh: Mesh) -> NDArray[np.float32]:
    """(V, 3) unit normals of the last face, in order, in which the vertex is the first, the second and the third corner."""
    unit = unit_vectors(mesh.face_normals().astype(np.float64))
    normals = np.zeros((mesh.num_vertices, 3))
    for corner in range(3):
        last = np.full(mesh.num_vertices, -1, np.int64)
        last[mesh.faces[:, corner]] = np.arange(mesh.num_faces)
        normals[last >= 0] += unit[last[last >= 0]]
    return unit_vectors(normals).astype(np.float32)


def unit_vectors(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length one; rows of length zero stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def turned_light(light_93: NDArray[Any], angle_rad: float) -> NDArray[np.float64]:
    """The light (9, 3) turned about +y as the published routine does it: its new x row is made from the new z row."""
    from vitruvian.datagen.lights.harmonic import rotated, rotation_y

    light = np.asarray(light_93, np.float64)
    turned = rotated(light, rotation_y(angle_rad))
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    turned[2] = c * light[2] - s * light[3]
    turned[3] = s * turned[2] + c * light[3]
    return turned


def drifting_light(bank: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A random row, turned about +y by up to 18 degrees either way. The row of ``bank`` is overwritten with the result.

    The original keeps its bank for a whole run; here each subject begins with a fresh one, so that its data do not depend on
    what was made before. The lights that were drawn are stored with the views in any case.
    """
    row = int(rng.integers(len(bank)))
    bank[row] = turned_light(bank[row], 0.2 * np.pi * (rng.random() - 0.5))
    return bank[row].copy()
