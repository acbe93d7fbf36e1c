"""The default renderer: a mesh and a camera in, a G-buffer out, the same bits on every machine and for every number of threads.

What a pixel sees. Vertices are snapped to 1/256 pixel; a triangle owns the pixel centres inside of it by the top-left rule in
integer arithmetic, so an edge between two triangles has neither cracks nor double hits. The nearest triangle wins, of equally
near ones the first. Both sides of a triangle are drawn unless ``cull_backfaces``. A perspective camera sees nothing nearer than
its ``near_m`` (triangles are clipped there); an orthographic one sees everything, in front of it and behind.

Where things are defined. ``mask``, ``depth_m``, ``face_id``, ``barycentrics``, ``normal``, ``uv`` and ``label`` hold at the
pixel *centre*, whatever ``supersample`` is. ``coverage``, ``albedo`` and ``color`` are means over ``supersample`` x
``supersample`` samples: coverage is the share of them that see the mesh, the colours are means over those only. So a picture
over a background is ``coverage * color + (1 - coverage) * background``; along a silhouette coverage can be positive where the
mask is False.

Colour. Texture, else vertex colours, else white; sRGB values are used as they are, value / 255. The texture is looked up
bilinearly in the full picture, clamped at its edges; there are no mipmaps: where texels are smaller than pixels, supersample.
With a light, ``color = min(1, albedo * max(0, E(n)) ** (1 / light_gamma))`` at the interpolated unit normal n = (x, y, z) in
the *world* frame, where

    E(n) = pi L0 Y0 + 2 pi/3 (L1 Y1 + L2 Y2 + L3 Y3) + pi/4 (L4 Y4 + ... + L8 Y8)
    Y = 0.282095, 0.488603 (y, z, x), 1.092548 (xy, yz), 0.315392 (3 z^2 - 1), 1.092548 zx, 0.546274 (x^2 - y^2)

are the real spherical harmonics times the coefficients of a Lambert surface (Ramamoorthi and Hanrahan 2001), and ``light`` has
the order and size of PIFu's light bank: E is its unoccluded transfer vector times the light. There is no division by pi and, by
default, no gamma; PIFu and JIFF draw with ``light_gamma=2.2``. A constant light of 1 is ``L0 = 1 / 0.886227``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian import _native
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh

FIELDS = ("mask", "coverage", "depth_m", "face_id", "barycentrics", "normal", "uv", "label", "albedo", "color")


@dataclass(frozen=True, kw_only=True, slots=True)
class GBuffer:
    """Pictures of one view, row 0 at the top. A picture that was not asked for (``fields``) is an empty array."""

    mask: NDArray[np.bool_]
    """(H, W), True where the pixel centre sees the mesh."""
    coverage: NDArray[np.float32]
    """(H, W) in [0, 1], the share of the pixel's samples that see the mesh."""
    depth_m: NDArray[np.float32]
    """(H, W), -z in the camera frame; +inf on background."""
    face_id: NDArray[np.int32]
    """(H, W), row of ``faces``; -1 on background."""
    barycentrics: NDArray[np.float32]
    """(H, W, 3), weights of the face's three corners, perspective-correct, at least 0 and summing to 1; 0 on background."""
    normal: NDArray[np.float32]
    """(H, W, 3), interpolated unit normal in the camera frame (z towards the viewer), not turned over on back faces; 0 on
    background and where the vertex normals cancel."""
    uv: NDArray[np.float32]
    """(H, W, 2), texture coordinates, v up; 0 on background or without texture coordinates."""
    label: NDArray[np.uint8]
    """(H, W), part label of the face; 0 on background or without labels."""
    albedo: NDArray[np.float32]
    """(H, W, 3) in [0, 1], unlit colour; 0 where coverage is 0."""
    color: NDArray[np.float32]
    """(H, W, 3) in [0, 1], lit colour (the albedo without a light); 0 where coverage is 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fragments:
    """What each pixel centre sees: ``face_id`` int32 (H, W), ``depth_m`` float32 (H, W), ``barycentrics`` float32 (H, W, 3)."""

    face_id: NDArray[np.int32]
    depth_m: NDArray[np.float32]
    barycentrics: NDArray[np.float32]


_EMPTY = {
    "mask": np.zeros((0, 0), np.bool_),
    "coverage": np.zeros((0, 0), np.float32),
    "depth_m": np.zeros((0, 0), np.float32),
    "face_id": np.zeros((0, 0), np.int32),
    "barycentrics": np.zeros((0, 0, 3), np.float32),
    "normal": np.zeros((0, 0, 3), np.float32),
    "uv": np.zeros((0, 0, 2), np.float32),
    "label": np.zeros((0, 0), np.uint8),
    "albedo": np.zeros((0, 0, 3), np.float32),
    "color": np.zeros((0, 0, 3), np.float32),
}


def _camera_numbers(camera: Camera) -> NDArray[np.float64]:
    """The 17 numbers of a camera that the kernel reads."""
    return np.array([*camera.rotation, *camera.translation_m, *camera.focal_px, *camera.center_px, camera.near_m], np.float64)


def render(
    mesh: Mesh,
    camera: Camera,
    *,
    light: NDArray[np.float32] | None = None,
    irradiance: NDArray[np.float32] | None = None,
    light_gamma: float = 1.0,
    vertex_normals: NDArray[np.float32] | None = None,
    supersample: int = 1,
    cull_backfaces: bool = False,
    fields: Sequence[str] | None = None,
    threads: int = 1,
) -> GBuffer:
    """Draws a mesh (world metres) as the camera sees it.

    ``light``: spherical harmonics (9, 3) RGB, evaluated as the module says; None draws unlit. ``irradiance``: (V, 3) RGB, what
    each vertex receives, instead of a light; interpolated, it takes the place of E(n). ``vertex_normals``: (V, 3) world
    frame, any length; None means area-weighted ones, computed anew in each call. ``supersample``: samples per pixel and axis of
    coverage and colours. ``fields``: the pictures wanted, of ``FIELDS``; None means all. Memory traffic is most of the cost of
    a picture, so ask for what you need. ``threads`` changes the time only.

    Raises ValueError for arrays of another dtype, shape or layout than ``Mesh`` says, a texture without texture coordinates,
    indices out of range, values that are not finite and options out of range.
    """
    if not light_gamma > 0:
        raise ValueError(f"render: light_gamma is {light_gamma}; it must be positive.")
    wanted = FIELDS if fields is None else tuple(fields)
    unknown = [field for field in wanted if field not in FIELDS]
    if unknown:
        raise ValueError(f"render: fields holds {unknown[0]!r}; the pictures are {', '.join(FIELDS)}.")
    if (mesh.uvs is None) != (mesh.uv_faces is None):
        raise ValueError("render: the mesh has only one of uvs and uv_faces; give both or neither.")
    pictures = _native.render(
        mesh.vertices,
        mesh.faces,
        normals=vertex_normals,
        uvs=mesh.uvs,
        uv_faces=mesh.uv_faces,
        texture=mesh.texture,
        vertex_colors=mesh.vertex_colors,
        face_labels=mesh.face_labels,
        light=None if light is None else np.ascontiguousarray(light, np.float32),
        irradiance=None if irradiance is None else np.ascontiguousarray(irradiance, np.float32),
        light_gamma=light_gamma,
        camera=_camera_numbers(camera),
        perspective=camera.projection == "perspective",
        width=camera.width_px,
        height=camera.height_px,
        supersample=supersample,
        cull=cull_backfaces,
        fields=wanted,
        threads=threads,
    )
    return GBuffer(**{**_EMPTY, **pictures})


def rasterize(
    vertices: NDArray[np.float32],
    faces: NDArray[np.int32],
    camera: Camera,
    *,
    cull_backfaces: bool = False,
    threads: int = 1,
) -> Fragments:
    """Which triangle each pixel centre sees, how far away, and where in the triangle. Contract and errors as of ``render``."""
    pictures = _native.render(
        vertices,
        faces,
        normals=None,
        uvs=None,
        uv_faces=None,
        texture=None,
        vertex_colors=None,
        face_labels=None,
        light=None,
        irradiance=None,
        light_gamma=1.0,
        camera=_camera_numbers(camera),
        perspective=camera.projection == "perspective",
        width=camera.width_px,
        height=camera.height_px,
        supersample=1,
        cull=cull_backfaces,
        fields=("face_id", "depth_m", "barycentrics"),
        threads=threads,
    )
    return Fragments(**pictures)
