"""An OBJ file with its materials as a ``Scan``: textures, plain colours and vertex colours end up as one look of the mesh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mtl_file import Material, named_file, read_mtl
from vitruvian.geometry.obj_file import ObjFile, read_obj
from vitruvian.geometry.pictures import read_picture
from vitruvian.geometry.scan import NO_COLOURS, Scan
from vitruvian.geometry.texture_atlas import Surface, fits_as_it_is, make_atlas


def read_obj_scan(path: Path, texture: Path | None = None) -> Scan:
    """``texture``: a picture for a file that names no material library. InputError as ``scan_file.read_scan``."""
    obj = read_obj(path)
    if not len(obj.faces):
        raise InputError(f"{path}: the file has no faces; a point cloud cannot be drawn. Mesh it first.")
    notes = [f"{obj.num_polygons} polygons with more than three corners were split into triangles"] if obj.num_polygons else []
    mesh = Mesh(
        vertices=np.ascontiguousarray(obj.positions, np.float32),
        faces=np.ascontiguousarray(obj.faces, np.int32),
        vertex_colors=_obj_colors(obj),
    )
    materials = _obj_materials(path, obj, texture, notes)
    if materials:
        mesh = _with_materials(path, obj, mesh, materials)
    elif mesh.vertex_colors is None:
        notes.append(NO_COLOURS)
    return Scan(mesh=mesh, vertex_normals=_obj_normals(obj), notes=tuple(notes))


def _obj_colors(obj: ObjFile) -> NDArray[np.uint8] | None:
    if obj.colors is None or not np.isfinite(obj.colors).all():
        return None
    scale = 255.0 if obj.colors.max(initial=0) <= 1 else 1.0
    return np.ascontiguousarray(np.clip(obj.colors * scale, 0, 255) + 0.5, np.uint8)


def _obj_normals(obj: ObjFile) -> NDArray[np.float32] | None:
    """One normal a vertex: of its last corner. None unless every vertex that is used has one."""
    if not len(obj.normals):
        return None
    normals = np.zeros((len(obj.positions), 3))
    if (obj.normal_faces >= 0).all():
        normals[obj.faces.reshape(-1)] = obj.normals[obj.normal_faces.reshape(-1)]
    elif len(obj.normals) == len(obj.positions):
        normals[:] = obj.normals
    else:
        return None
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0).astype(np.float32)


def _obj_materials(path: Path, obj: ObjFile, texture: Path | None, notes: list[str]) -> dict[int, tuple[Material, Path]]:
    """The material of each number in ``face_materials`` that is used, with the folder its texture is named from."""
    if not obj.libraries:
        if texture is None:
            return {}
        known = {index: Material(name=name, texture=texture.name) for index, name in enumerate(obj.material_names)}
        return {
            index: (material, texture.parent)
            for index, material in {-1: Material(name="", texture=texture.name), **known}.items()
        }
    if (obj.uv_faces < 0).all() and (obj.colors is not None or not obj.material_names):
        notes.append(f"its material file {obj.libraries[0]} does not matter: the mesh has no texture coordinates")
        return {}
    library: dict[str, tuple[Material, Path]] = {}
    for name in obj.libraries:
        file = named_file(path.parent, name)
        if not file.is_file() and " " in name:  # several libraries on one line
            for part in name.split():
                file = named_file(path.parent, part)
                library |= {key: (material, file.parent) for key, material in _library(path, file).items()}
            continue
        library |= {key: (material, file.parent) for key, material in _library(path, file).items()}
    found = {}
    for number in np.unique(obj.face_materials):
        name = obj.material_names[number] if number >= 0 else next(iter(library), "")
        if number < 0 and len(library) != 1:
            found[int(number)] = (Material(name="none"), path.parent)
        elif name not in library:
            raise InputError(
                f"{path}: uses the material {name!r}, which {', '.join(obj.libraries)} does not hold "
                f"(it holds {', '.join(sorted(library)) or 'none'}). Export mesh and material again."
            )
        else:
            found[int(number)] = library[name]
    return found


def _library(mesh: Path, file: Path) -> dict[str, Material]:
    try:
        return read_mtl(file)
    except InputError as error:
        raise InputError(f"{mesh}: its material file cannot be used: {error}") from None


def _with_materials(path: Path, obj: ObjFile, mesh: Mesh, materials: dict[int, tuple[Material, Path]]) -> Mesh:
    """The mesh with one picture for all its materials."""
    with_uvs: NDArray[np.bool_] = np.asarray((obj.uv_faces >= 0).all(axis=1))
    pictures: dict[Path, NDArray[np.uint8]] = {}
    surfaces: dict[Path | tuple[float, float, float], list[NDArray[np.bool_]]] = {}
    for number, (material, folder) in materials.items():
        mine: NDArray[np.bool_] = np.equal(obj.face_materials, number)
        if not mine.any():
            continue
        if material.texture is None or not (mine & with_uvs).any():
            surfaces.setdefault(material.color, []).append(mine)
            continue
        file = named_file(folder, material.texture)
        if file not in pictures:
            try:
                pictures[file] = read_picture(file)
            except InputError as error:
                raise InputError(f"{path}: its texture cannot be used: {error}") from None
        surfaces.setdefault(file, []).append(mine & with_uvs)
        if (mine & ~with_uvs).any():
            surfaces.setdefault(material.color, []).append(mine & ~with_uvs)
    if not pictures and mesh.vertex_colors is not None:
        return mesh
    if not np.isfinite(obj.uvs).all():
        raise InputError(f"{path}: has texture coordinates that are not numbers. Export the mesh again.")
    if len(pictures) == 1 and with_uvs.all() and len(surfaces) == 1 and fits_as_it_is(obj.uvs, obj.uv_faces):
        return replace(
            mesh,
            uvs=np.ascontiguousarray(np.clip(obj.uvs, 0, 1), np.float32),
            uv_faces=np.ascontiguousarray(obj.uv_faces, np.int32),
            texture=next(iter(pictures.values())),
            vertex_colors=None,
        )
    made = []
    for look, masks in surfaces.items():
        rows = np.flatnonzero(np.logical_or.reduce(masks))
        if isinstance(look, Path):
            made.append(Surface(faces=rows, picture=pictures[look]))
        else:
            made.append(Surface(faces=rows, color=(np.array(look) * 255 + 0.5).astype(np.uint8)))
    uvs = obj.uvs if len(obj.uvs) else np.zeros((1, 2))
    atlas = make_atlas(uvs, np.where(with_uvs[:, None], obj.uv_faces, 0), made, str(path))
    return replace(mesh, uvs=atlas.uvs, uv_faces=atlas.uv_faces, texture=atlas.texture, vertex_colors=None)
