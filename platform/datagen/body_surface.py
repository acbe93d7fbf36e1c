"""From a posed body model to the ``BodySurface`` that a subject carries: one place for names of bodies and their parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.files import load_builtin
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.skeleton import JOINT_NAMES
from vitruvian.datagen.subject import BodySurface

_BY_SIZE = {(6890, 13776): "smpl", (10475, 20908): "smplx"}


def body_surface(
    model: BodyModel, vertices: NDArray[np.floating], joints: NDArray[np.floating] | None = None, *, name: str | None = None
) -> BodySurface:
    """The surface of ``model`` posed at ``vertices`` (V, 3) with ``joints`` (24, 3), world metres.

    ``name`` replaces the one by which its topology or its file is known. A model without parts of its own gets those of its
    joints: a face belongs to the joint that moves its corners most.
    """
    labels, names = model.face_parts, model.part_names
    if labels is None:
        labels = (model.weights[model.faces].sum(axis=1).argmax(axis=1) + 1).astype(np.uint8)
        names = ("background", *JOINT_NAMES)
    return BodySurface(
        model=topology_name(model.num_vertices, model.faces, model.name) if name is None else name,
        vertices=np.ascontiguousarray(vertices, np.float32),
        faces=model.faces,
        rest_vertices=model.v_template,
        joints_m=None if joints is None else np.ascontiguousarray(joints, np.float32),
        part_labels=labels,
        part_names=names,
        uvs=model.uvs,
        uv_faces=model.uv_faces,
    )


def topology_name(num_vertices: int, faces: NDArray[np.integer], otherwise: str) -> str:
    """``smpl``, ``smplx`` or ``builtin`` for a surface that is one of theirs, whatever its file is called."""
    builtin = load_builtin()
    if num_vertices == builtin.num_vertices and np.array_equal(faces, builtin.faces):
        return builtin.name
    return _BY_SIZE.get((num_vertices, len(faces)), otherwise)
