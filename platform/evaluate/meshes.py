"""Meshes as GLB files with vertex colours, which every viewer opens, and back with the same vertices in the same order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import ColorVisuals

from vitruvian.errors import InputError
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


def write_glb(path: Path, mesh: Mesh) -> None:
    """Write positions, faces and vertex colours as binary glTF, in the mesh's own frame (metres, y up: glTF's too)."""
    colored = with_vertex_colors(mesh)
    solid = trimesh.Trimesh(colored.vertices, colored.faces, vertex_colors=colored.vertex_colors, process=False)
    data = solid.export(file_type="glb")
    assert isinstance(data, bytes)
    path.write_bytes(data)


def read_glb(path: Path) -> Mesh:
    """The mesh of a GLB file of one geometry. Raises ``InputError`` when there is none."""
    try:
        loaded = trimesh.load(path, file_type="glb", process=False, force="mesh")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: cannot be read as a GLB mesh ({error}); evaluate again.") from None
    if not isinstance(loaded, trimesh.Trimesh) or len(loaded.faces) == 0:
        raise InputError(f"{path}: holds no triangles; evaluate again.")
    colors: NDArray[np.uint8] | None = None
    if isinstance(loaded.visual, ColorVisuals) and loaded.visual.kind == "vertex":
        colors = np.ascontiguousarray(loaded.visual.vertex_colors[:, :3], np.uint8)
    return Mesh(
        vertices=np.ascontiguousarray(loaded.vertices, np.float32),
        faces=np.ascontiguousarray(loaded.faces, np.int32),
        vertex_colors=colors,
    )
