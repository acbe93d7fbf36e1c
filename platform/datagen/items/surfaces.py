"""``surfaces``: the geometry from which normals, codes and IUV maps are drawn when they are read, instead of being stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vitruvian.datagen.items import semantics, smpl_iuv
from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.lights.points import PointLights
from vitruvian.errors import InputError
from vitruvian.shards.drawn import SURFACES, sixteen_bits


def surfaces(context: SubjectContext) -> dict[str, Any]:
    """The clothed mesh and the body with what is known of them. ``check_drawn`` has found what the wanted items need."""
    subject, body = context.subject, context.subject.body
    lamps = isinstance(context.plan.views[0].light, PointLights)
    coded = body is not None and body.rest_vertices is not None
    table = None if body is None else _table(context)
    codes, ratio = semantics.body_codes(context) if coded else (None, None)
    return {
        SURFACES: {
            "mesh_vertices": subject.mesh.vertices,
            "mesh_faces": subject.mesh.faces,
            "mesh_normals": subject.vertex_normals if lamps else None,
            "unit_normals": lamps,
            "mesh_codes": sixteen_bits(semantics.mesh_codes(context)) if coded else None,
            "body_vertices": None if body is None else body.vertices,
            "body_faces": None if body is None else body.faces,
            "body_codes": None if codes is None else sixteen_bits(codes),
            "body_parts": None if table is None else table.parts,
            "body_uvs": None if table is None else sixteen_bits(table.uvs),
            "ratio": ratio,
        }
    }


def _table(context: SubjectContext) -> smpl_iuv.FaceTable | None:
    """None where there are no charts; it matters only to those who want IUV maps, see ``check_drawn``."""
    try:
        return smpl_iuv.table(context)
    except InputError:
        return None


def check_drawn(context: SubjectContext, names: Iterable[str]) -> None:
    """InputError when something is not known that these pictures are made of: as when they are made here."""
    if context.plan.published and names:
        raise InputError(
            "--published draws over silhouettes, which pictures drawn from item surfaces do not have. Leave surfaces out."
        )
    for name in names:
        if name in ("mesh_semantics", "smpl_semantics"):
            semantics.body_codes(context)
        elif name == "smpl_iuv":
            smpl_iuv.table(context)
