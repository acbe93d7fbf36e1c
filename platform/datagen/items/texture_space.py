"""What is known of each texel: ``uv_mask``, ``uv_normal``, ``uv_position`` of a subject, and ``uv_render`` of a view.

The triangles are drawn where their texture coordinates are, in a square as wide as the pictures of the subject: row 0 is v = 1.
Everything is of the texel's centre. Where charts overlap, the first triangle in file order is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.items.context import SubjectContext, ViewContext
from vitruvian.datagen.lights.harmonic import HarmonicLight, open_transfer
from vitruvian.datagen.lights.transfer import transfer_of
from vitruvian.datagen.protocols.pifu_published import three_face_normals, unit_vectors
from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.prt import lit_colors
from vitruvian.geometry.rasterize import render


@dataclass(frozen=True, kw_only=True, slots=True)
class TextureSpace:
    """The N texels that the surface uses, in reading order."""

    mask: NDArray[np.bool_]
    """(H, W), True for these."""
    positions_m: NDArray[np.float64]
    """(N, 3) world."""
    normals: NDArray[np.float64]
    """(N, 3) unit, world axes."""
    albedo: NDArray[np.float32]
    """(N, 3) in [0, 1]."""
    transfer: NDArray[np.float32]
    """(N, 9), see ``geometry/prt.py``; of an unshaded surface if the subject does not shade itself."""


def unwrapped(mesh: Mesh, size_px: int) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float32]]:
    """Face ids (H, W), -1 where there is none, and for those texels barycentrics (N, 3) and albedo (N, 3).

    ValueError without texture coordinates.
    """
    if mesh.uvs is None or mesh.uv_faces is None:
        raise ValueError("unwrapped: the mesh has no texture coordinates.")
    flat = Mesh(
        vertices=np.column_stack([mesh.uvs, np.zeros(len(mesh.uvs))]).astype(np.float32),
        faces=mesh.uv_faces,
        uvs=mesh.uvs,
        uv_faces=mesh.uv_faces,
        texture=mesh.texture,
    )
    camera = Camera(
        projection="orthographic",
        width_px=size_px,
        height_px=size_px,
        focal_px=(size_px, size_px),
        center_px=(0.0, size_px),
    )
    drawn = render(flat, camera, fields=("face_id", "barycentrics", "albedo"))
    used = drawn.face_id >= 0
    weights = drawn.barycentrics[used].astype(np.float64)
    albedo = drawn.albedo[used]
    if mesh.texture is None and mesh.vertex_colors is not None:
        corners = mesh.vertex_colors[mesh.faces[drawn.face_id[used]]] / 255.0
        albedo = np.einsum("nk,nkc->nc", weights, corners).astype(np.float32)
    return drawn.face_id, weights, np.ascontiguousarray(albedo)


def texture_space(context: SubjectContext) -> TextureSpace:
    """The subject's texels, made when they are first asked for; InputError without texture coordinates."""
    return context.remember_subject("texture_space", lambda: _texture_space(context))


def _texture_space(context: SubjectContext) -> TextureSpace:
    mesh, plan = context.subject.mesh, context.plan
    if mesh.uvs is None or mesh.uv_faces is None:
        raise InputError(
            f"{context.subject.subject_id}: has no texture coordinates, so there is no texture space (items uv_...). "
            "Leave these out of --items, or unwrap the mesh."
        )
    face_id, weights, albedo = unwrapped(mesh, plan.views[0].camera.width_px)
    used = face_id >= 0
    faces = face_id[used]

    def interpolated(values: NDArray[Any], corners: NDArray[np.int32]) -> NDArray[np.float64]:
        a, b, c = (weights[:, k, None] * values[corners[faces, k]] for k in range(3))
        return a + b + c

    normals = three_face_normals(mesh) if plan.published else mesh.vertex_normals()
    unit = unit_vectors(interpolated(normals, mesh.faces))
    if shadows_of(context):
        shaded = transfer_of(context)
        transfer = interpolated(shaded.coefficients, shaded.mesh.faces)
    else:
        transfer = open_transfer(unit)
    return TextureSpace(
        mask=used,
        positions_m=interpolated(mesh.vertices, mesh.faces),
        normals=unit,
        albedo=albedo,
        transfer=np.ascontiguousarray(transfer, np.float32),
    )


def shadows_of(context: SubjectContext) -> bool:
    """Whether the subject shades itself in its views."""
    light = context.plan.views[0].light
    return isinstance(light, HarmonicLight) and light.shadows


def uv_mask(context: SubjectContext) -> dict[str, Any]:
    """bool (H, W)."""
    return {"uv_mask": texture_space(context).mask}


def uv_normal(context: SubjectContext) -> dict[str, Any]:
    """uint8 (H, W, 3): ``255 * 0.5 (n + 1)``, rounded; 0 outside of the mask."""
    space = texture_space(context)
    picture = np.zeros((*space.mask.shape, 3), np.uint8)
    picture[space.mask] = np.floor(127.5 * (space.normals + 1) + 0.5)
    return {"uv_normal": picture}


def uv_position(context: SubjectContext) -> dict[str, Any]:
    """float32 (H, W, 3) world metres, with the mask."""
    space = texture_space(context)
    picture = np.zeros((*space.mask.shape, 3), np.float32)
    picture[space.mask] = space.positions_m
    return {"uv_position": picture, "uv_mask": space.mask}


def uv_render(context: ViewContext) -> dict[str, Any]:
    """uint8 (H, W, 3): the texture as the view's light falls on it; black outside of the mask."""
    space, light = texture_space(context.subject), context.view.light
    if not isinstance(light, HarmonicLight):
        raise InputError("item uv_render: is drawn under spherical harmonics light; this protocol's lamps are points.")
    picture = np.zeros((*space.mask.shape, 3), np.uint8)
    light_93 = light.in_world(context.view.camera)
    picture[space.mask] = lit_colors(space.transfer, light_93, space.albedo, light_gamma=light.gamma)
    return {"uv_render": picture}
