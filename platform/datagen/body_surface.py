"""From a posed body model to the ``BodySurface`` that a subject carries: one place for part labels and names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skeleton import JOINT_NAMES
from vitruvian.datagen.subject import BodySurface

SMPL_SIZE = (6890, 13776)
"""Vertices and faces of SMPL, by which its files are known whatever they are called."""


def body_surface(
    model: BodyModel, vertices: NDArray[np.floating], joints: NDArray[np.floating] | None = None, *, name: str | None = None
) -> BodySurface:
    """The surface of ``model`` posed at ``vertices`` (V, 3) with ``joints`` (24, 3), world metres.

    A model without parts of its own gets those of its joints: a face belongs to the joint that moves its corners most.
    """
    labels, names = model.face_parts, model.part_names
    if labels is None:
        labels = (model.weights[model.faces].sum(axis=1).argmax(axis=1) + 1).astype(np.uint8)
        names = ("background", *JOINT_NAMES)
    return BodySurface(
        model=name or ("smpl" if (model.num_vertices, len(model.faces)) == SMPL_SIZE else model.name),
        vertices=np.ascontiguousarray(vertices, np.float32),
        faces=model.faces,
        rest_vertices=model.v_template,
        joints_m=None if joints is None else np.ascontiguousarray(joints, np.float32),
        part_labels=labels,
        part_names=names,
        uvs=model.uvs,
        uv_faces=model.uv_faces,
    )
