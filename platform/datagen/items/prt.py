"""``prt``: the subject's transfer vectors, from which it can be lit anew without asking any rays."""

from __future__ import annotations

from typing import Any

from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.lights.transfer import transfer_of


def prt(context: SubjectContext) -> dict[str, Any]:
    """(V, 9) float32 for the mesh's vertices; where seams are split (``published``) for the copies, with their own faces."""
    shaded = transfer_of(context)
    own = shaded.mesh is context.subject.mesh
    return {"prt_coefficients": shaded.coefficients, "prt_faces": None if own else shaded.mesh.faces}
