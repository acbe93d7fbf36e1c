"""Scans from files: OBJ, PLY, GLB, glTF, OFF and STL as one ``Mesh`` with its colours, and what was noticed on the way.

OBJ is read by our own reader, the other formats by trimesh. Everything is triangulated, several materials become one atlas,
vertices that a format split along seams are joined, and a file that is not what its name says is refused in words.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from vitruvian.errors import InputError
from vitruvian.geometry.scan import Scan
from vitruvian.geometry.scan_obj import read_obj_scan
from vitruvian.geometry.scan_scene import read_scene_scan

SUFFIXES = (".obj", ".ply", ".glb", ".gltf", ".off", ".stl")
_ARCHIVES = {b"PK\x03\x04": "a zip archive", b"\x1f\x8b": "a gzip archive", b"7z\xbc\xaf": "a 7z archive",
             b"Rar!": "a rar archive", b"BZh": "a bzip2 archive", b"\xfd7zX": "an xz archive"}  # fmt: skip


def read_scan(path: Path, *, weld: bool = True, texture: Path | None = None) -> Scan:
    """Read one file. ``weld`` joins vertices at exactly the same place, in the order of their first use; without it vertices
    stay as and where the file has them. ``texture``: a picture for an OBJ file that names no material library.

    InputError when the file cannot be read, has no faces, or names a material or texture that is missing or damaged.
    """
    _check_kind(path)
    scan = read_obj_scan(path, texture) if path.suffix.lower() == ".obj" else read_scene_scan(path)
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
