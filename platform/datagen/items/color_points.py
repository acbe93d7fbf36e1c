"""``color_points``: points near the surface for a colour network, to be lit by the light of whichever view is trained.

Each point keeps its albedo and its transfer vector instead of a colour, so its target is that of the very view in the batch.
The published code reads targets from a picture of the texture under one view's light and the input from another view's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.items.texture_space import shadows_of, texture_space
from vitruvian.datagen.lights.harmonic import HarmonicLight, open_transfer
from vitruvian.datagen.lights.transfer import transfer_of
from vitruvian.datagen.protocols.pifu_published import unit_vectors
from vitruvian.datagen.seeds import Stream, entropy, generator
from vitruvian.datagen.view import View
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.prt import lit_colors, spread_directions
from vitruvian.geometry.prt import transfer as shaded_transfer
from vitruvian.geometry.sampling import sample_surface

NUM_LOOKS = 64
"""Directions in which points look for the sky where the subject's light has no shadows."""
DARK = 0.01
"""Surface whose first transfer coefficient is below this sees a hundredth of the sky: it is inside, and no picture shows it."""


def color_points(context: SubjectContext) -> dict[str, Any]:
    """Positions (N, 3) world metres off the surface by the protocol's noise, albedo uint8 (N, 3), transfer (N, 9); shuffled.

    Points are spread evenly over the surface that can be seen. ``published``: distinct texels, so denser where the atlas is.
    """
    plan, frame = context.plan.colors, context.plan.similarity
    if plan is None:
        raise InputError("item color_points: this protocol has no colour network. Leave it out of --items.")
    rng = generator(context.seed, context.index, Stream.COLOR_POINTS)
    make = _from_texels if context.plan.published else _from_surface
    positions, normals, albedo, transfer = make(context, plan.num_points, rng)
    off = rng.normal(0.0, plan.sigma / frame.units_per_metre, (len(positions), 1))
    colors = np.rint(albedo * 255).astype(np.uint8)
    return {"color_points": positions + off * normals, "color_albedo": colors, "color_transfer": transfer}


def color_targets(points: Mapping[str, Any], view: View) -> NDArray[np.uint8]:
    """(N, 3) sRGB: the colours of ``color_points`` under the light of a view of the same subject."""
    if not isinstance(view.light, HarmonicLight):
        raise ValueError("color_targets: the view's light is not a spherical harmonics light.")
    albedo = points["color_albedo"].astype(np.float32) / np.float32(255)
    light_93 = view.light.in_world(view.camera)
    return lit_colors(points["color_transfer"], light_93, albedo, light_gamma=view.light.gamma)


Points = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]


def _from_texels(context: SubjectContext, number: int, rng: np.random.Generator) -> Points:
    space = texture_space(context)
    chosen = rng.permutation(len(space.positions_m))[:number]
    return space.positions_m[chosen], space.normals[chosen], space.albedo[chosen], space.transfer[chosen]


def _from_surface(context: SubjectContext, number: int, rng: np.random.Generator) -> Points:
    del rng  # the kernel takes the seed itself
    mesh = context.subject.mesh
    seed = entropy(context.seed, context.index, Stream.COLOR_POINTS, 1)
    drawn = sample_surface(mesh.vertices, mesh.faces, 2 * number, seed)
    corners, weights = mesh.faces[drawn.face_id], drawn.barycentrics.astype(np.float64)
    normals = unit_vectors(np.einsum("nk,nkc->nc", weights, mesh.vertex_normals()[corners]))
    if shadows_of(context):
        transfer = np.einsum("nk,nkc->nc", weights, transfer_of(context).coefficients[corners]).astype(np.float32)
        sky = transfer[:, 0]
    else:  # light goes through everything, but skin under clothes is in no picture all the same
        transfer = open_transfer(normals).astype(np.float32)
        looks = spread_directions(NUM_LOOKS)
        sky = shaded_transfer(drawn.points, normals.astype(np.float32), mesh.vertices, mesh.faces, directions=looks)[:, 0]
    seen = np.flatnonzero(sky > DARK)[:number]
    albedo = surface_albedo(mesh, drawn.face_id[seen], weights[seen])
    return drawn.points[seen].astype(np.float64), normals[seen], albedo, np.ascontiguousarray(transfer[seen])


def surface_albedo(mesh: Mesh, face_id: NDArray[np.int32], weights_n3: NDArray[np.float64]) -> NDArray[np.float32]:
    """(N, 3) in [0, 1] at points of the surface: the texture bilinearly as ``geometry/rasterize.py`` reads it, else vertex
    colours, else white."""
    if mesh.texture is None or mesh.uvs is None or mesh.uv_faces is None:
        if mesh.vertex_colors is None:
            return np.ones((len(face_id), 3), np.float32)
        return np.einsum("nk,nkc->nc", weights_n3, mesh.vertex_colors[mesh.faces[face_id]] / 255.0).astype(np.float32)
    height, width = mesh.texture.shape[:2]
    u, v = np.einsum("nk,nkc->nc", weights_n3, mesh.uvs[mesh.uv_faces[face_id]].astype(np.float64)).T
    x, y = np.clip(u * width - 0.5, 0, width - 1), np.clip((1 - v) * height - 0.5, 0, height - 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    upper = mesh.texture[top, left] * (1 - fx) + mesh.texture[top, right] * fx
    lower = mesh.texture[bottom, left] * (1 - fx) + mesh.texture[bottom, right] * fx
    return ((upper * (1 - fy) + lower * fy) / 255).astype(np.float32)
