"""Any folder of meshes as a source: OBJ, PLY, GLB, glTF, STL and OFF files, with their texture or vertex colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh

SUFFIXES = (".obj", ".ply", ".glb", ".gltf", ".off", ".stl")
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
Z_UP_TO_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def read_mesh(path: Path) -> Mesh:
    """A mesh file as it is, in the file's own unit and axes; InputError when it cannot be read or has no faces.

    Corners with the same position become one vertex (files split them along texture seams), so that a closed surface is closed.
    """
    import trimesh

    try:
        loaded = trimesh.load_scene(path, process=False)
        whole = loaded.to_mesh()
    except Exception as error:  # trimesh raises whatever its parsers run into
        raise InputError(f"{path}: is not a readable mesh ({type(error).__name__}: {error}).") from None
    if not len(getattr(whole, "faces", ())):
        raise InputError(f"{path}: the file has no faces; a point cloud cannot be drawn. Mesh it first.")
    corners = np.asarray(whole.faces, np.int32)
    positions, first, vertex = np.unique(np.asarray(whole.vertices, np.float32), axis=0, return_index=True, return_inverse=True)
    uvs, texture = _texture(whole.visual)
    return Mesh(
        vertices=np.ascontiguousarray(positions),
        faces=np.ascontiguousarray(vertex.reshape(-1)[corners], np.int32),
        uvs=uvs,
        uv_faces=None if uvs is None else np.ascontiguousarray(corners),
        texture=texture,
        vertex_colors=None if texture is not None else _vertex_colors(whole.visual, first),
    )


def _texture(visual: Any) -> tuple[NDArray[np.float32] | None, NDArray[np.uint8] | None]:
    """Texture coordinates and picture, when the file has both."""
    if visual is None or visual.kind != "texture" or visual.uv is None:
        return None, None
    material = visual.material
    picture = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
    if picture is None:
        return None, None
    return np.ascontiguousarray(visual.uv, np.float32), np.ascontiguousarray(picture.convert("RGB"), np.uint8)


def _vertex_colors(visual: Any, first: NDArray[np.int64]) -> NDArray[np.uint8] | None:
    """Colours stored with the vertices (V, 3), if there are any."""
    if visual is None or visual.kind != "vertex":
        return None
    return np.ascontiguousarray(np.asarray(visual.vertex_colors, np.uint8)[first, :3])


@dataclass(frozen=True, kw_only=True)
class MeshFolderSource:
    """Each file is one subject, named by its path in the folder. People stand upright and face the viewer.

    Meshes are brought to metres and y up, then moved so that the feet are at y = 0 and the median vertex at x = z = 0.
    """

    folder: Path
    unit: Literal["m", "cm", "mm", "in"] = "m"
    up: Literal["y", "z"] = "y"
    licence: str = "as the files in the folder"
    name: str = "meshes"

    def subject_ids(self) -> Sequence[str]:
        """Relative paths, sorted; InputError when there is no such folder or no mesh in it."""
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: there is no such folder of meshes.")
        ids = sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.suffix.lower() in SUFFIXES and path.is_file()
        )
        if not ids:
            raise InputError(f"{self.folder}: holds no meshes ({', '.join(SUFFIXES)}).")
        return ids

    def load(self, subject_id: str) -> Subject:
        """One file; InputError when it cannot be read. Its size is checked where it is used (``datagen/validate.py``)."""
        mesh = read_mesh(self.folder / subject_id)
        turn = Z_UP_TO_Y_UP if self.up == "z" else np.eye(3)
        matrix = np.eye(4)
        matrix[:3, :3] = turn * METRES[self.unit]
        placed = mesh.vertices.astype(np.float64) @ matrix[:3, :3].T
        if np.isfinite(placed).all():
            matrix[:3, 3] = -np.median(placed, axis=0)
            matrix[1, 3] = -placed[:, 1].min()
        return Subject(
            subject_id=subject_id,
            mesh=mesh.transformed(matrix),
            source=self.name,
            licence=self.licence,
            attributes={"file": subject_id, "file_unit": self.unit, "file_up": self.up, "world_from_file": matrix.tolist()},
        )
