"""Scans from files: OBJ, PLY, GLB, glTF, OFF and STL as one ``Mesh`` with its colours, and what was noticed on the way.

OBJ is read by our own reader, the binary formats by trimesh. Everything is triangulated, several materials become one atlas,
vertices that a format split along seams are joined, and a file that is not what its name says is refused in words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.mtl_file import Material, named_file, read_mtl
from vitruvian.geometry.obj_file import ABSURD, ObjFile, read_obj
from vitruvian.geometry.pictures import read_picture, to_rgb8
from vitruvian.geometry.texture_atlas import Surface, fits_as_it_is, make_atlas

SUFFIXES = (".obj", ".ply", ".glb", ".gltf", ".off", ".stl")
_ARCHIVES = {b"PK\x03\x04": "a zip archive", b"\x1f\x8b": "a gzip archive", b"7z\xbc\xaf": "a 7z archive",
             b"Rar!": "a rar archive", b"BZh": "a bzip2 archive", b"\xfd7zX": "an xz archive"}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """A mesh in its file's own unit and axes."""

    mesh: Mesh
    vertex_normals: NDArray[np.float32] | None = None
    """(V, 3) as the file gives them, if it does."""
    notes: tuple[str, ...] = ()
    """What was done or is missing, though it is no fault: for people to read."""


def read_scan(path: Path, *, weld: bool = True, texture: Path | None = None) -> Scan:
    """Read one file. ``weld`` joins vertices at exactly the same place, in the order of their first use; without it vertices
    stay as and where the file has them. ``texture``: a picture for an OBJ file that names no material library.

    InputError when the file cannot be read, has no faces, or names a material or texture that is missing or damaged.
    """
    _check_kind(path)
    scan = _read_obj_scan(path, texture) if path.suffix.lower() == ".obj" else _read_with_trimesh(path)
    return _welded(scan) if weld else scan


def _check_kind(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: the suffix is {path.suffix!r}; meshes are {', '.join(SUFFIXES)} files. Export it as one.")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a mesh file. Rename it, or move its files.")
    if not path.is_file():
        what = "is a link to a file that does not exist" if path.is_symlink() else "there is no such file"
        raise InputError(f"{path}: {what}. Check the path.")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from None
    if not head:
        raise InputError(f"{path}: the file is empty (0 bytes). Copy or export it again.")
    for magic, what in _ARCHIVES.items():
        if head.startswith(magic):
            raise InputError(f"{path}: is {what} under a mesh's name. Unpack it.")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise InputError(f"{path}: is a web page, not a mesh: the download did not work. Download it again.")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{path}: is a Git LFS pointer, not the mesh itself. Fetch it with: git lfs pull")


# OBJ ------------------------------------------------------------------------------------------------------------------------


def _read_obj_scan(path: Path, texture: Path | None) -> Scan:
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
        notes.append("no texture and no vertex colours: it will be drawn white")
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


# Other formats --------------------------------------------------------------------------------------------------------------


def _read_with_trimesh(path: Path) -> Scan:
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
            return Scan(mesh=mesh, vertex_normals=normals, notes=("no texture and no vertex colours: it will be drawn white",))
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


def _welded(scan: Scan) -> Scan:
    mesh = scan.mesh
    _, first, inverse = np.unique(mesh.vertices, axis=0, return_index=True, return_inverse=True)
    if len(first) == mesh.num_vertices:
        return scan
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    keep = first[order]
    joined = rank[inverse.reshape(-1)][mesh.faces]
    return Scan(
        mesh=replace(
            mesh,
            vertices=np.ascontiguousarray(mesh.vertices[keep]),
            faces=np.ascontiguousarray(joined, np.int32),
            vertex_colors=None if mesh.vertex_colors is None else np.ascontiguousarray(mesh.vertex_colors[keep]),
        ),
        vertex_normals=None if scan.vertex_normals is None else np.ascontiguousarray(scan.vertex_normals[keep]),
        notes=scan.notes,
    )
