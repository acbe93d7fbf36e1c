"""A texture as one colour a vertex: small files that every viewer opens, and all that a page of many people needs."""

from __future__ import annotations

import dataclasses

import numpy as np

from vitruvian.geometry.mesh import Mesh


def with_vertex_colors(mesh: Mesh) -> Mesh:
    """The mesh with one sRGB colour a vertex instead of a texture; unchanged when it has neither.

    A vertex takes the texture at the coordinate of one of its corners, so seams get one side's colour.
    """
    if mesh.texture is None or mesh.uvs is None or mesh.uv_faces is None:
        return mesh
    height, width = mesh.texture.shape[:2]
    uv_of_vertex = np.zeros((mesh.num_vertices, 2), np.float32)
    uv_of_vertex[mesh.faces.ravel()] = mesh.uvs[mesh.uv_faces.ravel()]
    column = np.clip(np.floor(uv_of_vertex[:, 0] * width), 0, width - 1).astype(int)
    row = np.clip(np.floor((1 - uv_of_vertex[:, 1]) * height), 0, height - 1).astype(int)
    colors = np.ascontiguousarray(mesh.texture[row, column, :3])
    return dataclasses.replace(mesh, vertex_colors=colors, uvs=None, uv_faces=None, texture=None)
