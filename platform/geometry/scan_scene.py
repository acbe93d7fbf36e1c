"""PLY, GLB, glTF, OFF and STL files as a ``Scan``: trimesh parses them; their parts and materials become one mesh, one look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.obj_file import ABSURD
from vitruvian.geometry.pictures import to_rgb8
from vitruvian.geometry.scan import NO_COLOURS, Scan
from vitruvian.geometry.texture_atlas import Surface, fits_as_it_is, make_atlas


def read_scene_scan(path: Path) -> Scan:
    """All parts of the file as one mesh. InputError as ``scan_file.read_scan``."""
    import trimesh

    try:
        scene = trimesh.load_scene(path, process=False, maintain_order=True)
        parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    except Exception as error:  # trimesh raises whatever its parsers run into
        raise InputError(
            f"{path}: is not a readable mesh ({type(error).__name__}: {error}). It may be cut off: copy or export it again."
        ) from None
    if not parts:
        raise InputError(f"{path}: the file has no faces; a point cloud cannot be drawn. Mesh it first.")
    first_vertex = np.cumsum([0, *[len(part.vertices) for part in parts]])
    first_face = np.cumsum([0, *[len(part.faces) for part in parts]])
    corners = np.concatenate([np.asarray(part.faces, np.int64) + at for part, at in zip(parts, first_vertex, strict=False)])
    positions = np.concatenate([np.asarray(part.vertices, np.float64) for part in parts])
    if corners.min() < 0 or corners.max() >= len(positions):
        raise InputError(
            f"{path}: a face names vertex {corners.max()} of {len(positions)}. The file is damaged; export it again."
        )
    positions = np.where(np.abs(positions) < ABSURD, positions, np.nan)  # refused with the other broken ones
    mesh = Mesh(vertices=np.ascontiguousarray(positions, np.float32), faces=np.ascontiguousarray(corners, np.int32))
    looks = [_look(part) for part in parts]
    rows = [np.arange(first_face[k], first_face[k + 1]) for k in range(len(parts))]
    normals = _trimesh_normals(parts)
    if not any(isinstance(look, _Textured) for look in looks) and len({str(type(look)) for look in looks}) == 1:
        if looks[0] is None:
            return Scan(mesh=mesh, vertex_normals=normals, notes=(NO_COLOURS,))
        colors = np.concatenate(
            [
                np.broadcast_to(look.colors, (len(part.vertices), 3))
                for look, part in zip(looks, parts, strict=True)
                if isinstance(look, _Coloured)
            ]
        )
        return Scan(mesh=replace(mesh, vertex_colors=np.ascontiguousarray(colors, np.uint8)), vertex_normals=normals)
    uvs = np.concatenate(
        [
            look.uvs if isinstance(look, _Textured) else np.zeros((len(p.vertices), 2))
            for look, p in zip(looks, parts, strict=True)
        ]
    )
    if not np.isfinite(uvs).all():
        raise InputError(f"{path}: has texture coordinates that are not numbers. Export the mesh again.")
    only = looks[0]
    if len(looks) == 1 and isinstance(only, _Textured) and fits_as_it_is(uvs, corners):
        mesh = replace(
            mesh, uvs=np.ascontiguousarray(np.clip(uvs, 0, 1), np.float32), uv_faces=mesh.faces, texture=only.picture
        )
        return Scan(mesh=mesh, vertex_normals=normals)
    surfaces = [_surface(look, part, row) for look, part, row in zip(looks, parts, rows, strict=True)]
    atlas = make_atlas(uvs, corners, surfaces, str(path))
    mesh = replace(mesh, uvs=atlas.uvs, uv_faces=atlas.uv_faces, texture=atlas.texture)
    return Scan(mesh=mesh, vertex_normals=normals, notes=(f"{len(parts)} parts with materials of their own: one atlas",))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Textured:
    uvs: NDArray[np.float64]
    picture: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Coloured:
    colors: NDArray[np.uint8]
    """(V, 3) or (1, 3)"""


def _look(part: Any) -> _Textured | _Coloured | None:
    visual = part.visual
    if visual is None or visual.kind is None:
        return None
    if visual.kind == "texture":
        material = visual.material
        picture = getattr(material, "baseColorTexture", None) or getattr(material, "image", None)
        if picture is not None and visual.uv is not None:
            rgb = to_rgb8(picture)
            factor = getattr(material, "baseColorFactor", None)
            if factor is not None:
                tint = np.asarray(factor, np.float64)[:3] / (255 if np.asarray(factor).dtype.kind in "iu" else 1)
                if (np.abs(tint - 1) > 1e-3).any():
                    rgb = (rgb * tint + 0.5).astype(np.uint8)
            return _Textured(uvs=np.asarray(visual.uv, np.float64)[:, :2], picture=rgb)
        return _Coloured(colors=np.asarray(material.main_color, np.uint8)[None, :3])
    return _Coloured(colors=np.asarray(visual.vertex_colors, np.uint8)[:, :3])


def _surface(look: _Textured | _Coloured | None, part: Any, rows: NDArray[np.int64]) -> Surface:
    if isinstance(look, _Textured):
        return Surface(faces=rows, picture=look.picture)
    if look is None or len(look.colors) == 1:
        return Surface(faces=rows, color=np.full(3, 255, np.uint8) if look is None else look.colors[0])
    mean = look.colors[np.asarray(part.faces)].mean(axis=1)
    return Surface(faces=rows, face_colors=(mean + 0.5).astype(np.uint8))


def _trimesh_normals(parts: list[Any]) -> NDArray[np.float32] | None:
    """Normals only where the file holds them: trimesh makes up missing ones when asked."""
    if not all("vertex_normals" in part._cache.cache for part in parts):
        return None
    return np.ascontiguousarray(np.concatenate([part.vertex_normals for part in parts]), np.float32)
