"""Geo-PIFu's semantic code: where on the body model's rest shape a point of the surface belongs, as a colour.

A body vertex has the place of its rest-pose vertex in the bounding box of the rest shape as its code, each axis from 0 to 1.
Vertices of the clothed mesh and voxels take the mean of the codes of the four nearest body vertices, weighted with
``exp(-d^2 / 0.0025)``. The original's second code keeps the ratio of the axes (each is divided by the longest extent); it is
the first one times a constant for each axis, so it is not stored (``shards/geopifu_items.py`` makes it when it is read).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vitruvian.datagen.items.context import SubjectContext, ViewContext, known_body
from vitruvian.datagen.items.solid_voxels import solid
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.geometry.interpolate import interpolated_bytes

NEIGHBOURS = 4
SIGMA_SQUARED = 0.0025
FIELDS = ("face_id", "barycentrics")
CODE_BACKGROUND = 255


def rest_vertices(subject: Subject) -> NDArray[np.float64]:
    """(V, 3) of the subject's body; InputError when only its posed surface is known."""
    body = known_body(subject)
    if body.rest_vertices is None:
        raise InputError(
            f"{subject.subject_id}: the rest shape of body model {body.model!r} is not known; semantic codes are made of it. "
            "Give the model file to the source, or leave semantic items out (--items)."
        )
    return body.rest_vertices.astype(np.float64)


def vertex_codes(rest_v3: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """(V, 3) codes in [0, 1] of a rest shape, and the extents of its axes over the longest one (3,)."""
    low, extent = rest_v3.min(axis=0), np.ptp(rest_v3, axis=0)
    return ((rest_v3 - low) / extent).astype(np.float32), extent / extent.max()


def transferred(
    body_v3: NDArray[Any], codes_v3: NDArray[np.float32], points_n3: NDArray[Any], *, tree: cKDTree | None = None
) -> NDArray[np.float32]:
    """(N, 3) the kernel-weighted mean of the codes of the four nearest body vertices."""
    tree = cKDTree(np.asarray(body_v3, np.float64)) if tree is None else tree
    distance, near = tree.query(points_n3, k=NEIGHBOURS)
    squared = distance * distance
    # Only ratios of weights count. From the smallest distance on, far points do not lose all their weights to underflow.
    weights = np.exp((squared[:, :1] - squared) / SIGMA_SQUARED).astype(np.float32)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("nk,nkc->nc", weights, codes_v3[near])


def body_codes(context: SubjectContext) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    return context.remember_subject("body codes", lambda: vertex_codes(rest_vertices(context.subject)))


def mesh_codes(context: SubjectContext) -> NDArray[np.float32]:
    """(V, 3) codes of the clothed mesh's vertices, found in metres: the same for all draws."""

    def make() -> NDArray[np.float32]:
        body = known_body(context.subject)
        return transferred(body.vertices, body_codes(context)[0], context.subject.mesh.vertices)

    return context.remember_subject("mesh codes", make)


def as_bytes(values: NDArray[np.float32], *, published: bool) -> NDArray[np.uint8]:
    """[0, 1] to 0..255: rounded; the original cuts off."""
    scaled = np.clip(values, 0.0, 1.0) * np.float32(255.0)
    return (scaled if published else scaled + np.float32(0.5)).astype(np.uint8)


def mesh_semantics(context: ViewContext) -> dict[str, Any]:
    """uint8 (H, W, 3) of the clothed mesh; background 255."""
    subject, codes = context.subject, mesh_codes(context.subject)
    faces, cut_off = subject.subject.mesh.faces, subject.plan.published
    picture = interpolated_bytes(codes, faces, context.gbuffer, background=CODE_BACKGROUND, cut_off=cut_off)
    return {"mesh_semantics": picture, "mesh_semantics_ratio": body_codes(subject)[1]}


def smpl_semantics(context: ViewContext) -> dict[str, Any]:
    """uint8 (H, W, 3) of the body alone, whatever covers it; background 255."""
    subject = context.subject
    codes, ratio = body_codes(subject)
    faces, cut_off = known_body(subject.subject).faces, subject.plan.published
    picture = interpolated_bytes(codes, faces, context.body_gbuffer, background=CODE_BACKGROUND, cut_off=cut_off)
    return {"smpl_semantics": picture, "smpl_semantics_ratio": ratio}


def smpl_semantic_voxels(context: SubjectContext) -> dict[str, Any]:
    """uint8 (nx, ny, nz, 3): the code of each solid cell of the body, 0 elsewhere; distances in the protocol's units."""
    body = known_body(context.subject)
    plan, frame = context.plan.voxels, context.plan.similarity
    cells = np.argwhere(solid(context, body.vertices, body.faces))
    centres = np.array(plan.origin) + (cells + 0.5) * plan.cell
    codes = transferred(frame.to_units(body.vertices), body_codes(context)[0], centres)
    voxels = np.zeros((*plan.resolution, 3), np.uint8)
    voxels[tuple(cells.T)] = as_bytes(codes, published=context.plan.published)
    return {"smpl_semantic_voxels": voxels}
