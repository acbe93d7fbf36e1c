"""``solid_voxels``: which cells of the protocol's grid are inside the person."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.plan import IDENTITY
from vitruvian.geometry.voxelize import voxelize


def solid(context: SubjectContext, vertices_m: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """bool (nx, ny, nz): the cells of the draw's grid that are solid by its rule, for any surface in world metres."""
    plan, frame = context.plan.voxels, context.plan.similarity
    if frame.rotation == IDENTITY:
        origin, cell = frame.to_world(np.array([plan.origin]))[0], plan.cell / frame.units_per_metre
        return voxelize(vertices_m, faces, origin=origin, cell_size=cell, resolution=plan.resolution, rule=plan.rule)
    exact = frame.to_units(vertices_m)
    units = (np.round(exact, 6) if context.plan.published else exact).astype(np.float32)  # the original reads six decimals
    return voxelize(units, faces, origin=plan.origin, cell_size=plan.cell, resolution=plan.resolution, rule=plan.rule)


def solid_voxels(context: SubjectContext) -> dict[str, Any]:
    """The grid with its place: origin, cell size and axes (rows) in world metres."""
    plan, frame, mesh = context.plan.voxels, context.plan.similarity, context.subject.mesh
    return {
        "solid_voxels": context.remember("solid_voxels", lambda: solid(context, mesh.vertices, mesh.faces)),
        "voxel_origin_m": frame.to_world(np.array([plan.origin]))[0],
        "voxel_axes": frame.rotation_33,
        "voxel_size_m": plan.cell / frame.units_per_metre,
    }
