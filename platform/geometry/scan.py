"""What a mesh file gives: the mesh, the normals that it states, and remarks for people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.mesh import Mesh

NO_COLOURS = "no texture and no vertex colours: it will be drawn white"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scan:
    """A mesh in its file's own unit and axes."""

    mesh: Mesh
    vertex_normals: NDArray[np.float32] | None = None
    """(V, 3) as the file gives them, if it does."""
    notes: tuple[str, ...] = ()
    """What was done or is missing, though it is no fault: for people to read."""
