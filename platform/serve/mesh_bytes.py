"""Meshes as the bytes of a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mesh_files import save_mesh

MEDIA_TYPES = {"glb": "model/gltf-binary", "ply": "application/octet-stream", "obj": "text/plain; charset=utf-8"}


def encode_mesh(mesh: Mesh, format: str) -> bytes:
    """A GLB, PLY or OBJ file with colours of vertices."""
    if format not in MEDIA_TYPES:
        raise ValueError(f"encode_mesh: there is no format {format!r}.")
    with tempfile.TemporaryDirectory(prefix="vitruvian-mesh-") as folder:
        path = Path(folder) / f"person.{format}"
        save_mesh(path, mesh)
        return path.read_bytes()
