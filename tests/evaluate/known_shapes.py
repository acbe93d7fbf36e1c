"""Shapes whose measures are known."""

from __future__ import annotations

import numpy as np
import trimesh

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh


def mesh_of(shape: trimesh.Trimesh) -> Mesh:
    return Mesh(vertices=np.ascontiguousarray(shape.vertices, np.float32), faces=np.ascontiguousarray(shape.faces, np.int32))


def sphere(radius: float, center: tuple[float, float, float] = (0, 0, 0), subdivisions: int = 4) -> Mesh:
    shape = trimesh.creation.icosphere(subdivisions, radius)
    shape.apply_translation(center)
    return mesh_of(shape)


def box(size: tuple[float, float, float], center: tuple[float, float, float] = (0, 0, 0)) -> Mesh:
    shape = trimesh.creation.box(size)
    shape.apply_translation(center)
    return mesh_of(shape)


def joined(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0, *(mesh.num_vertices for mesh in meshes)])
    return Mesh(
        vertices=np.concatenate([mesh.vertices for mesh in meshes]),
        faces=np.concatenate([mesh.faces + np.int32(start) for mesh, start in zip(meshes, starts, strict=False)]),
    )


def turned_inside_out(mesh: Mesh) -> Mesh:
    return Mesh(vertices=mesh.vertices, faces=np.ascontiguousarray(mesh.faces[:, ::-1]))


def figure(height: float = 1.7) -> Mesh:
    """A person of balls and boxes whose closed parts overlap, with colours; feet on the floor, looking along +z."""
    parts = [
        sphere(0.13, (0, 0.9 * height, 0.02), 3),
        box((0.36, 0.42 * height, 0.2), (0, 0.65 * height, 0)),
        box((0.14, 0.5 * height, 0.15), (-0.1, 0.25 * height, 0)),
        box((0.14, 0.5 * height, 0.15), (0.1, 0.25 * height, 0)),
        box((0.4, 0.09, 0.09), (-0.3, 0.8 * height, 0)),
        box((0.4, 0.09, 0.09), (0.3, 0.8 * height, 0)),
    ]
    whole = joined(*parts)
    shades = np.concatenate([np.full((part.num_vertices, 3), 70 + 30 * k) for k, part in enumerate(parts)]).astype(np.uint8)
    return Mesh(vertices=whole.vertices, faces=whole.faces, vertex_colors=shades)


def front_camera(size_px: int = 128, height_m: float = 2.0, center_y: float = 0.85) -> Camera:
    focal = size_px / height_m
    return Camera(
        projection="orthographic",
        width_px=size_px,
        height_px=size_px,
        focal_px=(focal, focal),
        center_px=(size_px / 2, size_px / 2),
        translation_m=(0.0, -center_y, 0.0),
    )
