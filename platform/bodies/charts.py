"""A body's surface cut into flat parts: every point of the skin has a part and two coordinates (u, v) in it.

This is how DensePose names points of the body (Guler et al., "DensePose", CVPR 2018): 24 parts, each unfolded into the unit
square. A picture of (part, u, v) is an IUV map. SMPL's charts come from DensePose's own file ``UV_Processed.mat``; the built-in
body has charts of its own (``bodies/builtin_charts.py``) with the same 24 parts. A chart can tear a part into pieces, but two
points of a part never share their coordinates, so (part, u, v) leads back to one point of the surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError

Floats = NDArray[np.float32]

PART_NAMES: tuple[str, ...] = (
    "background", "torso back", "torso front", "right hand", "left hand", "left foot", "right foot", "right thigh back",
    "left thigh back", "right thigh front", "left thigh front", "right calf back", "left calf back", "right shin", "left shin",
    "left upper arm 1", "right upper arm 1", "left upper arm 2", "right upper arm 2", "left forearm 1", "right forearm 1",
    "left forearm 2", "right forearm 2", "head right", "head left",
)  # fmt: skip
"""DensePose's 24 parts; 0 is the background."""

MERGED_15: tuple[int, ...] = (0, 1, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 14)
"""DensePose's coarser annotation: background and 14 parts, halves of a limb, of the torso and of the head made one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceCharts:
    """C chart vertices (a body vertex occurs once for each chart that it borders) and G faces between them."""

    model: str
    """Of which body: the name of its topology."""
    body_vertices: NDArray[np.int64]
    """(C,) the body vertex of each chart vertex."""
    uvs: Floats
    """(C, 2) in [0, 1]."""
    faces: NDArray[np.int32]
    """(G, 3) chart vertices, counter-clockwise seen from outside."""
    face_parts: NDArray[np.uint8]
    """(G,) from 1."""
    part_names: tuple[str, ...] = PART_NAMES

    def __post_init__(self) -> None:
        count = len(self.body_vertices)
        if self.uvs.shape != (count, 2) or self.faces.shape != (len(self.face_parts), 3):
            raise ValueError(f"SurfaceCharts: uvs {self.uvs.shape}, faces {self.faces.shape}, parts {self.face_parts.shape}.")
        if not count or self.faces.min() < 0 or self.faces.max() >= count:
            raise ValueError(f"SurfaceCharts: faces name chart vertices outside 0..{count - 1}.")
        if self.face_parts.min() < 1 or self.face_parts.max() >= len(self.part_names):
            raise ValueError(f"SurfaceCharts: parts must be 1..{len(self.part_names) - 1}.")

    @property
    def num_parts(self) -> int:
        return len(self.part_names) - 1

    def check_fits(self, num_vertices: int) -> None:
        """ValueError unless the charts belong to a body of so many vertices."""
        last = int(self.body_vertices.max())
        if last >= num_vertices:
            raise ValueError(f"SurfaceCharts of {self.model!r} name body vertex {last}; the body has {num_vertices}.")

    def positions(self, vertices: NDArray[Any]) -> NDArray[Any]:
        """(C, 3) where the chart vertices are on a body with these (V, 3) vertices."""
        self.check_fits(len(vertices))
        return np.take(vertices, self.body_vertices, axis=0)

    def vertex_parts(self) -> NDArray[np.uint8]:
        """(C,) the part of each chart vertex: that of the last face touching it, 0 where none does."""
        parts = np.zeros(len(self.body_vertices), np.uint8)
        parts[self.faces.reshape(-1)] = np.repeat(self.face_parts, 3)
        return parts


def read_densepose_charts(path: str | Path) -> SurfaceCharts:
    """SMPL's charts from DensePose's ``UV_Processed.mat``; InputError where the file is missing or is another one."""
    from scipy.io import loadmat

    path = Path(path)
    try:
        arrays = loadmat(path)
    except Exception as error:  # scipy raises whatever its parsers run into
        raise InputError(f"{path}: cannot be read as DensePose's UV_Processed.mat ({error}).") from None
    return charts_from_densepose(arrays, str(path))


def charts_from_densepose(arrays: Mapping[str, Any], what: str, *, model: str = "smpl") -> SurfaceCharts:
    """From the arrays of ``UV_Processed.mat``: ``All_FaceIndices``, ``All_Faces`` and ``All_vertices`` (both from 1),
    ``All_U_norm``, ``All_V_norm``."""
    needed = ("All_FaceIndices", "All_Faces", "All_vertices", "All_U_norm", "All_V_norm")
    if missing := [name for name in needed if name not in arrays]:
        raise InputError(f"{what}: lacks {', '.join(missing)}; DensePose's UV_Processed.mat holds {', '.join(needed)}.")
    u, v = (np.asarray(arrays[name], np.float32).reshape(-1) for name in ("All_U_norm", "All_V_norm"))
    try:
        return SurfaceCharts(
            model=model,
            body_vertices=np.asarray(arrays["All_vertices"], np.int64).reshape(-1) - 1,
            uvs=np.clip(np.stack([u, v], axis=1), 0.0, 1.0),
            faces=np.ascontiguousarray(np.asarray(arrays["All_Faces"], np.int32).reshape(-1, 3) - 1),
            face_parts=np.asarray(arrays["All_FaceIndices"], np.uint8).reshape(-1),
        )
    except ValueError as error:
        raise InputError(f"{what}: its arrays do not fit together ({error}).") from None
