"""The built-in body's charts: DensePose's 24 parts, cut from the body's own texture chart and packed into unit squares.

The texture chart has no overlaps, so no part has any. Which part a face belongs to follows from the joint that moves it and
from the side of the bone that it is on in the T-pose: halves of torso and legs look backwards (the lower number) and forwards,
halves of the arms likewise, halves of the head to the body's right and left. The face's inner side, the eyes and the mouth
belong to the head.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vitruvian.bodies.charts import PART_NAMES, SurfaceCharts
from vitruvian.bodies.files import load_builtin
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skeleton import JOINT_INDEX

Doubles = NDArray[np.float64]

# Names of the body's regions -> (part behind, part in front). Both alike where a part is not cut into halves.
_PARTS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("pelvis", "spine1", "spine2", "spine3", "left_collar", "right_collar"), (1, 2)),
    **dict.fromkeys(("right_wrist", "right_hand"), (3, 3)),
    **dict.fromkeys(("left_wrist", "left_hand"), (4, 4)),
    **dict.fromkeys(("left_ankle", "left_foot"), (5, 5)),
    **dict.fromkeys(("right_ankle", "right_foot"), (6, 6)),
    "right_hip": (7, 9), "left_hip": (8, 10), "right_knee": (11, 13), "left_knee": (12, 14),
    "left_shoulder": (15, 17), "right_shoulder": (16, 18), "left_elbow": (19, 21), "right_elbow": (20, 22),
}  # fmt: skip
_BONES = {
    "right_hip": ("right_hip", "right_knee"), "left_hip": ("left_hip", "left_knee"),
    "right_knee": ("right_knee", "right_ankle"), "left_knee": ("left_knee", "left_ankle"),
    "left_shoulder": ("left_shoulder", "left_elbow"), "right_shoulder": ("right_shoulder", "right_elbow"),
    "left_elbow": ("left_elbow", "left_wrist"), "right_elbow": ("right_elbow", "right_wrist"),
}  # fmt: skip
_SPINE = ("pelvis", "spine1", "spine2", "spine3", "neck")
_HEAD_RIGHT, _HEAD_LEFT = 23, 24
_GAP = 0.02
"""Between the pieces of a part, in units of its square."""


@cache
def builtin_charts() -> SurfaceCharts:
    """Of ``load_builtin()``; computed once a process."""
    model = load_builtin()
    assert model.uvs is not None and model.uv_faces is not None
    parts = part_of_faces(model)
    corners = np.stack([np.repeat(parts, 3).astype(np.int64), model.uv_faces.reshape(-1).astype(np.int64)], axis=1)
    keys, chart = np.unique(corners, axis=0, return_inverse=True)
    faces = chart.reshape(-1, 3).astype(np.int32)
    body_vertices = np.zeros(len(keys), np.int64)
    body_vertices[faces.reshape(-1)] = model.faces.reshape(-1)
    return SurfaceCharts(
        model=model.name,
        body_vertices=body_vertices,
        uvs=_packed(model.uvs[keys[:, 1]].astype(np.float64), faces, parts).astype(np.float32),
        faces=np.ascontiguousarray(faces),
        face_parts=parts,
    )


def part_of_faces(model: BodyModel) -> NDArray[np.uint8]:
    """(F,) DensePose's part of each face of a model with named parts."""
    assert model.face_parts is not None
    template = model.v_template.astype(np.float64)
    joints = model.joint_regressor.astype(np.float64) @ template
    middle = template[model.faces].mean(axis=1)
    parts = np.zeros(len(model.faces), np.uint8)
    spine = joints[[JOINT_INDEX[name] for name in _SPINE]]
    for value, name in enumerate(model.part_names):
        of_region = model.face_parts == value
        where = middle[of_region]
        if name not in _PARTS:
            parts[of_region] = np.where(where[:, 0] < 0, _HEAD_RIGHT, _HEAD_LEFT)
            continue
        behind, front = _PARTS[name]
        if name in _BONES:
            start, end = (joints[JOINT_INDEX[joint]] for joint in _BONES[name])
            axis = 0 if abs(end[0] - start[0]) > abs(end[1] - start[1]) else 1
            share = np.clip((where[:, axis] - start[axis]) / (end[axis] - start[axis]), 0, 1)
            bone_z = start[2] + share * (end[2] - start[2])
        else:
            bone_z = np.interp(where[:, 1], spine[:, 1], spine[:, 2])
        parts[of_region] = np.where(where[:, 2] < bone_z, behind, front)
    return parts


def _packed(uvs: Doubles, faces: NDArray[np.int32], parts: NDArray[np.uint8]) -> Doubles:
    """(C, 2): the pieces of each part side by side in the unit square, at one scale a part."""
    count = len(uvs)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    piece = connected_components(graph, directed=False)[1]
    vertex_part = np.zeros(count, np.int64)
    vertex_part[faces.reshape(-1)] = np.repeat(parts, 3)
    packed = np.zeros_like(uvs)
    for part in range(1, len(PART_NAMES)):
        ids = np.flatnonzero(vertex_part == part)
        pieces, local = np.unique(piece[ids], return_inverse=True)
        low = np.stack([np.array([uvs[ids[local == k], axis].min() for k in range(len(pieces))]) for axis in range(2)], 1)
        high = np.stack([np.array([uvs[ids[local == k], axis].max() for k in range(len(pieces))]) for axis in range(2)], 1)
        corner, extent = _shelves(high - low)
        packed[ids] = (uvs[ids] - low[local] + corner[local]) / extent
    return np.clip(packed, 0.0, 1.0)


def _shelves(sizes: Doubles) -> tuple[Doubles, Doubles]:
    """Lower-left corners (N, 2) of rectangles on shelves, the tallest first, and the (2,) extent: the nearest to a square."""
    gap = _GAP * np.sqrt(sizes.prod(axis=1).sum())
    order = np.argsort(-sizes[:, 1], kind="stable")
    best: tuple[float, Doubles, Doubles] | None = None
    for width in np.linspace(1.0, 3.0, 21) * max(sizes[:, 0].max(), 1e-9):
        corner, x, y, shelf = np.zeros_like(sizes), 0.0, 0.0, 0.0
        for k in order:
            if x > 0 and x + sizes[k, 0] > width:
                x, y, shelf = 0.0, y + shelf + gap, 0.0
            corner[k] = x, y
            x, shelf = x + sizes[k, 0] + gap, max(shelf, sizes[k, 1])
        extent = (corner + sizes).max(axis=0)
        if best is None or extent.max() < best[0]:
            best = float(extent.max()), corner, extent
    assert best is not None
    return best[1], best[2]
