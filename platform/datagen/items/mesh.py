"""``mesh``: the true surface with its faces and, where known, its colours, so that evaluation needs nothing but the shards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.items.context import SubjectContext
from vitruvian.geometry.mesh import Mesh


def baked_colors(mesh: Mesh) -> NDArray[np.uint8] | None:
    """(V, 3) sRGB: the texel nearest to each vertex' texture coordinate (its last corner's), else the vertex colours it has."""
    if mesh.texture is None or mesh.uvs is None or mesh.uv_faces is None:
        return mesh.vertex_colors
    height, width = mesh.texture.shape[:2]
    corner = np.zeros(mesh.num_vertices, np.int64)
    corner[mesh.faces.reshape(-1)] = mesh.uv_faces.reshape(-1)
    u, v = mesh.uvs[corner].T.astype(np.float64)
    column = np.clip(np.floor(u * width), 0, width - 1).astype(np.int64)
    row = np.clip(np.floor((1.0 - v) * height), 0, height - 1).astype(np.int64)
    return mesh.texture[row, column]


def mesh(context: SubjectContext) -> dict[str, Any]:
    """The mesh in world metres, without texture coordinates, colours baked to the vertices."""
    whole = context.subject.mesh
    bare = replace(whole, uvs=None, uv_faces=None, texture=None, face_labels=None, vertex_colors=baked_colors(whole))
    return {"mesh": bare}
