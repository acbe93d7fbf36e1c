"""``solid_voxels``: which cells of the protocol's grid are inside the person."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitruvian.datagen.items.context import SubjectContext
from vitruvian.geometry.voxelize import voxelize


def solid_voxels(context: SubjectContext) -> dict[str, Any]:
    """bool (nx, ny, nz) by the centre rule, with the grid's origin and cell size in world metres."""
    plan, frame, mesh = context.plan.voxels, context.plan.similarity, context.subject.mesh
    origin = frame.to_world(np.array([plan.origin]))[0]
    cell = plan.cell / frame.units_per_metre
    solid = voxelize(mesh.vertices, mesh.faces, origin=origin, cell_size=cell, resolution=plan.resolution, rule="center")
    return {"solid_voxels": solid, "voxel_origin_m": origin, "voxel_size_m": cell}
