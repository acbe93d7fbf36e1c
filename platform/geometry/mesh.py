"""A triangle mesh with what the pipeline needs of it: positions, faces, texture coordinates of its corners, colours, labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Mesh:
    """Arrays are C-contiguous; optional ones are None when absent. Faces wind counter-clockwise seen from outside."""

    vertices: NDArray[np.float32]
    """(V, 3), metres unless the owner says otherwise."""
    faces: NDArray[np.int32]
    """(F, 3) indices into ``vertices``."""
    uvs: NDArray[np.float32] | None = None
    """(T, 2) texture coordinates, origin at the lower left of the picture (v up), as in OBJ files."""
    uv_faces: NDArray[np.int32] | None = None
    """(F, 3) indices into ``uvs``; seams are corners with the same vertex and another coordinate."""
    texture: NDArray[np.uint8] | None = None
    """(H, W, 3) sRGB picture; row 0 is the top (v = 1)."""
    vertex_colors: NDArray[np.uint8] | None = None
    """(V, 3) sRGB; used where there is no texture."""
    face_labels: NDArray[np.uint8] | None = None
    """(F,) part label of each face; 0 is reserved for the background of pictures."""

    def __post_init__(self) -> None:
        for name, dtype, columns in (("vertices", np.float32, 3), ("faces", np.int32, 3), ("uvs", np.float32, 2),
                                     ("uv_faces", np.int32, 3), ("vertex_colors", np.uint8, 3)):  # fmt: skip
            array = getattr(self, name)
            if array is not None and (array.ndim != 2 or array.shape[1] != columns or array.dtype != dtype):
                raise ValueError(f"Mesh: {name} is {array.dtype}{array.shape}; it must be {dtype.__name__}(N, {columns}).")

    @property
    def num_vertices(self) -> int:
        return len(self.vertices)

    @property
    def num_faces(self) -> int:
        return len(self.faces)

    def face_normals(self) -> NDArray[np.float32]:
        """(F, 3) cross products of the edges, not normalised: their length is twice the area."""
        a, b, c = (self.vertices[self.faces[:, k]] for k in range(3))
        return np.cross(b - a, c - a)

    def vertex_normals(self) -> NDArray[np.float32]:
        """(V, 3) unit normals, area-weighted over the adjacent faces; (0, 0, 0) for a vertex without area."""
        normals = np.zeros((self.num_vertices, 3), np.float64)
        weighted = self.face_normals().astype(np.float64)
        for axis in range(3):
            for corner in range(3):
                normals[:, axis] += np.bincount(self.faces[:, corner], weighted[:, axis], self.num_vertices)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0).astype(np.float32)

    def transformed(self, matrix_44: NDArray[np.float64]) -> Mesh:
        """Positions p become ``M[:3, :3] @ p + M[:3, 3]``; faces are turned over where M mirrors."""
        from dataclasses import replace

        vertices = (self.vertices.astype(np.float64) @ matrix_44[:3, :3].T + matrix_44[:3, 3]).astype(np.float32)
        if np.linalg.det(matrix_44[:3, :3]) >= 0:
            return replace(self, vertices=vertices)
        flipped = np.ascontiguousarray(self.faces[:, [0, 2, 1]])
        uv_faces = None if self.uv_faces is None else np.ascontiguousarray(self.uv_faces[:, [0, 2, 1]])
        return replace(self, vertices=vertices, faces=flipped, uv_faces=uv_faces)
