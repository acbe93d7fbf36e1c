"""A body with as many vertices as SMPL and a file like DensePose's, cut from the built-in body: the licensed ones are not ours.

Half of the built-in body's faces, renumbered so that SMPL's named vertices lie at nose, eyes and ears.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from naked import naked_subject
from scipy.io import savemat

from vitruvian.bodies import load_builtin
from vitruvian.bodies.builtin_charts import builtin_charts
from vitruvian.datagen.subject import BodySurface, Subject

NAMED = {"nose": 332, "right_eye": 6260, "left_eye": 2800, "right_ear": 4071, "left_ear": 583}
NUM_VERTICES = 6890


def smpl_like(folder: Path, seed: int = 0) -> Subject:
    """The subject; ``UV_Processed.mat`` of its surface is written to the folder."""
    model, charts, subject = load_builtin(), builtin_charts(), naked_subject(seed)
    order = np.random.default_rng(0).permutation(len(charts.faces))
    used: list[int] = []
    known: set[int] = set()
    kept = []
    for face in order:
        corners = model.faces[face].tolist()
        if len(known.union(corners)) > NUM_VERTICES - len(NAMED):
            break
        used += [corner for corner in corners if corner not in known]
        known.update(corners)
        kept.append(face)
    free = np.setdiff1d(np.arange(NUM_VERTICES), list(NAMED.values()))[: len(used)]
    number = np.zeros(model.num_vertices, np.int64)
    number[used] = free

    def moved(points: np.ndarray) -> np.ndarray:
        placed = np.zeros((NUM_VERTICES, 3), np.float32)
        placed[free] = points[used]
        keypoints = dict(zip(model.keypoint_names, model.keypoints(points), strict=True))
        for name, vertex in NAMED.items():
            placed[vertex] = keypoints[name]
        return placed

    faces = charts.faces[kept]
    corner, local = np.unique(faces, return_inverse=True)
    savemat(
        folder / "UV_Processed.mat",
        {
            "All_Faces": local.reshape(-1, 3) + 1,
            "All_FaceIndices": charts.face_parts[kept][:, None],
            "All_vertices": number[charts.body_vertices[corner]][None] + 1,
            "All_U_norm": charts.uvs[corner, :1],
            "All_V_norm": charts.uvs[corner, 1:],
        },
    )
    assert subject.body is not None
    body = BodySurface(
        model="smpl",
        vertices=moved(subject.body.vertices),
        faces=np.ascontiguousarray(number[model.faces[kept]], np.int32),
        rest_vertices=moved(model.v_template),
        joints_m=subject.joints_m,
    )
    return Subject(
        subject_id="smpl-like",
        mesh=subject.mesh,
        source="stand-in",
        licence="CC0-1.0",
        joints_m=subject.joints_m,
        body_parameters=subject.body_parameters,
        body=body,
    )
