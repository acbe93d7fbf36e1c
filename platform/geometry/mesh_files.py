"""Meshes from and to OBJ, PLY and GLB files, through trimesh, with errors that say what is wrong with a file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image
from trimesh.visual import ColorVisuals, TextureVisuals

from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh

SUFFIXES = (".glb", ".obj", ".ply")


def load_mesh(path: Path) -> Mesh:
    """Read a mesh, in the units and axes of its file.

    Vertices that a format split along texture seams are welded where their positions are equal; the texture coordinates keep
    the seam. Scenes are flattened; of several textured materials only one can be kept, so more than one is refused. Raises
    ``InputError`` for a missing, unreadable or empty file, non-finite positions and faces that point nowhere.
    """
    _check_suffix(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Check the path.")
    try:
        scene = trimesh.load_scene(path, process=False, maintain_order=True)
        parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
    except Exception as error:  # each of trimesh's readers has its own
        raise InputError(f"{path}: not a readable mesh ({type(error).__name__}: {error}). Export it again.") from error
    if not parts:
        raise InputError(f"{path}: has no faces. Export a triangle mesh, not a point cloud or an empty scene.")
    textures = [index for index, part in enumerate(parts) if _texture(part) is not None]
    if len(textures) > 1 and len(parts) > 1:
        raise InputError(f"{path}: has {len(textures)} textured parts. Bake them into one texture (an atlas) first.")
    whole: trimesh.Trimesh = parts[0] if len(parts) == 1 else trimesh.util.concatenate(parts)  # type: ignore[assignment]
    return _convert(whole, path)


def save_mesh(path: Path, mesh: Mesh) -> None:
    """Write a mesh with its texture, or else its vertex colours; the suffix chooses GLB, OBJ or PLY.

    The file appears whole or not at all (an OBJ's material and its picture come first). Raises ``InputError`` for another
    suffix.
    """
    _check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    solid = _to_trimesh(mesh)
    if path.suffix.lower() == ".obj":
        text, extra = trimesh.exchange.obj.export_obj(solid, return_texture=True, mtl_name=f"{path.stem}.mtl")
        for name, data in extra.items():
            (path.parent / name).write_bytes(data)
        temporary.write_text(text)
    else:
        content = solid.export(file_type=path.suffix.lower()[1:])
        assert isinstance(content, bytes)
        temporary.write_bytes(content)
    temporary.replace(path)


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: the suffix is {path.suffix!r}; meshes are {', '.join(SUFFIXES)} files.")


def _texture(part: trimesh.Trimesh) -> Image.Image | None:
    visual = part.visual
    if not isinstance(visual, TextureVisuals) or visual.uv is None:
        return None
    material = visual.material
    image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
    return image if isinstance(image, Image.Image) else None


def _weld(positions: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Distinct positions, in the order of their first use, and where each old vertex went."""
    _, first, inverse = np.unique(positions, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return positions[first[order]], rank[inverse.reshape(-1)].astype(np.int32)


def _convert(part: trimesh.Trimesh, path: Path) -> Mesh:
    positions = np.ascontiguousarray(part.vertices, np.float32)
    corners = np.ascontiguousarray(part.faces, np.int32)
    if corners.min() < 0 or corners.max() >= len(positions):
        raise InputError(
            f"{path}: a face names vertex {corners.max() + 1} of {len(positions)}. The file is damaged; export it again."
        )
    if not np.isfinite(positions).all():
        count = int((~np.isfinite(positions).all(axis=1)).sum())
        raise InputError(f"{path}: {count} of {len(positions)} vertices are not finite numbers. Clean the mesh first.")
    vertices, welded = _weld(positions)
    visual, image = part.visual, _texture(part)
    if isinstance(visual, TextureVisuals) and image is not None:
        return Mesh(vertices=vertices, faces=welded[corners], uvs=np.ascontiguousarray(visual.uv, np.float32),
                    uv_faces=corners, texture=np.asarray(image.convert("RGB")))  # fmt: skip
    colors = None
    if isinstance(visual, ColorVisuals) and visual.kind == "vertex":
        first = np.full(len(vertices), len(positions), np.int64)
        np.minimum.at(first, welded, np.arange(len(positions)))
        colors = np.ascontiguousarray(visual.vertex_colors[first, :3], np.uint8)
    return Mesh(vertices=vertices, faces=welded[corners], vertex_colors=colors)


def _to_trimesh(mesh: Mesh) -> trimesh.Trimesh:
    if mesh.texture is None or mesh.uvs is None or mesh.uv_faces is None:
        colors = None if mesh.vertex_colors is None else ColorVisuals(vertex_colors=mesh.vertex_colors)
        return trimesh.Trimesh(mesh.vertices, mesh.faces, visual=colors, process=False)
    pairs = np.stack([mesh.faces.reshape(-1), mesh.uv_faces.reshape(-1)], axis=1)
    distinct, corner = np.unique(pairs, axis=0, return_inverse=True)
    material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=Image.fromarray(mesh.texture), metallicFactor=0.0, roughnessFactor=1.0
    )
    visual = TextureVisuals(uv=mesh.uvs[distinct[:, 1]], material=material)
    return trimesh.Trimesh(mesh.vertices[distinct[:, 0]], corner.reshape(-1, 3), visual=visual, process=False)
