"""Part and chart coordinates for each face of a body's own mesh, from charts that have a mesh of their own.

DensePose's file lists the faces of SMPL anew, with vertices doubled along the seams. Geo-PIFu draws SMPL's own faces and looks
up (part, u, v) of their corners: for each face it takes entries of its three vertices that share a part; where several triples
do, the last one counted counts, the first corner being the outermost loop and entries ordered by part and chart vertex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.charts import SurfaceCharts


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceTable:
    """A row for each face of the body."""

    parts: NDArray[np.uint8]
    """(F,) from 1; 0 for a face whose vertices share no part."""
    uvs: NDArray[np.float32]
    """(F, 3, 2) coordinates of the corners in [0, 1]."""

    def rows(self) -> NDArray[np.float32]:
        """(F, 7) as the original has it: part, uA, vA, uB, vB, uC, vC."""
        return np.concatenate([self.parts[:, None].astype(np.float32), self.uvs.reshape(-1, 6)], axis=1)


def face_table(charts: SurfaceCharts, faces_f3: NDArray[np.int32]) -> FaceTable:
    """The table of a body with these faces; ValueError when the charts belong to a larger body."""
    charts.check_fits(int(faces_f3.max()) + 1)
    chart_parts = charts.vertex_parts()
    # The triple that is counted last is of the largest shared part, and takes each corner's last entry of that part.
    num_vertices = int(faces_f3.max()) + 1
    entry = np.full((charts.num_parts + 1, num_vertices), -1, np.int64)
    entry[chart_parts, charts.body_vertices] = np.arange(len(charts.body_vertices))  # ascending: later ones overwrite
    parts = np.zeros(len(faces_f3), np.uint8)
    uvs = np.zeros((len(faces_f3), 3, 2), np.float32)
    for part in range(1, charts.num_parts + 1):
        corners = entry[part][faces_f3]
        shared = (corners >= 0).all(axis=1)
        parts[shared] = part
        uvs[shared] = charts.uvs[corners[shared]]
    return FaceTable(parts=parts, uvs=uvs)
