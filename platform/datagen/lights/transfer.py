"""How a subject shades itself: its transfer vectors (``geometry/prt.py``), made once and used for all of its views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.protocols.pifu_published import angle_weighted_normals, split_at_seams
from vitruvian.datagen.seeds import Stream, generator
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.prt import published_directions, transfer

PUBLISHED_SIDE = 40
"""The published rays are this number squared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """A mesh in world metres with a transfer vector for each vertex."""

    mesh: Mesh
    """The subject's, or that with its vertices split at texture seams (``published``); the faces are in the same order."""
    coefficients: NDArray[np.float32]
    """(V, 9), to be multiplied with a light in the world frame."""


def baked(mesh: Mesh, published_rng: np.random.Generator | None = None) -> Transfer:
    """The transfer of a mesh. With a generator it is made as published: 1600 random rays, seams split, one-sided normals."""
    if published_rng is None:
        return Transfer(mesh=mesh, coefficients=transfer(mesh.vertices, mesh.vertex_normals(), mesh.vertices, mesh.faces))
    split, _ = split_at_seams(mesh)
    side = (PUBLISHED_SIDE, PUBLISHED_SIDE)
    rays = published_directions(published_rng.random(side), published_rng.random(side))
    normals = angle_weighted_normals(split)
    return Transfer(mesh=split, coefficients=transfer(split.vertices, normals, split.vertices, split.faces, directions=rays))


def transfer_of(context: SubjectContext) -> Transfer:
    """The subject's transfer, made when it is first asked for."""
    published = context.plan.published
    rng = generator(context.seed, context.index, Stream.TRANSFER) if published else None
    return context.remember_subject("transfer", lambda: baked(context.subject.mesh, rng))
