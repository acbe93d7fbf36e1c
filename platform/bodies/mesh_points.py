"""A few points spread over a body's surface, at which a network reads its picture: PyMAF's coarser mesh.

Published for SMPL as ``mesh_downsampling.npz`` (GraphCMR, Kolotouros et al., CVPR 2019): two matrices, 6890 -> 1723 -> 431
vertices. For any other body the points are vertices that lie far from each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.point_rows import PointRows
from vitruvian.bodies.safe_pickle import as_array, read_pickled_array
from vitruvian.bodies.skeleton import NUM_JOINTS
from vitruvian.errors import InputError

NUM_POINTS = 431


def read_mesh_points(path: Path, num_vertices: int) -> PointRows:
    """The product of the published file's two matrices, as rows of the list of 24 joints and then the vertices.

    The file holds pickled matrices, which are read without running anything. InputError when it is another one.
    """
    entries = read_pickled_array(path, "D")
    steps = [as_array(entry) for entry in np.ravel(entries)] if isinstance(entries, np.ndarray) else []
    if len(steps) != 2 or any(step is None or step.ndim != 2 for step in steps):
        raise InputError(f"{path}: its entry 'D' is not two matrices, as in GraphCMR's mesh_downsampling.npz.")
    first, second = (np.asarray(step, np.float32) for step in steps)
    if first.shape[1] != num_vertices or second.shape[1] != first.shape[0]:
        raise InputError(
            f"{path}: its matrices are {first.shape} and {second.shape}, which do not begin at {num_vertices} vertices."
        )
    return PointRows.from_matrix(second @ first, offset=NUM_JOINTS)


def spread_points(model: BodyModel, count: int = NUM_POINTS) -> PointRows:
    """``count`` vertices of the body's skin (its largest piece), each far from those before it in the T-pose, in rising
    order."""
    skin = _largest_piece(model)
    if count > len(skin):
        raise ValueError(f"spread_points: {count} points of a skin with {len(skin)} vertices.")
    points = model.v_template[skin].astype(np.float64)
    distance = np.linalg.norm(points - points.mean(axis=0), axis=1)
    chosen: list[int] = []
    for _ in range(count):
        chosen.append(int(distance.argmax()))
        away = np.linalg.norm(points - points[chosen[-1]], axis=1)
        distance = away if len(chosen) == 1 else np.minimum(distance, away)
    vertices = np.sort(skin[chosen])
    return PointRows(indices=vertices[:, None] + NUM_JOINTS, weights=np.ones((count, 1)))


def _largest_piece(model: BodyModel) -> NDArray[Any]:
    edges = np.concatenate([model.faces[:, [0, 1]], model.faces[:, [1, 2]]])
    shape = (model.num_vertices, model.num_vertices)
    piece = connected_components(coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape), directed=False)[1]
    return np.flatnonzero(piece == np.bincount(piece).argmax())
