"""What else the built-in body takes from Anny: facial actions, parts of the surface, keypoints. Used only to rebuild it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.anny_source import to_world
from vitruvian.bodies.skeleton import JOINT_NAMES

Doubles = NDArray[np.float64]
# Regions of Anny's segmentation picture that become parts of their own; everything else belongs to a joint.
_REGIONS: dict[str, tuple[str, ...]] = {
    "left_eye": ("eye_back.L",),
    "right_eye": ("eye_back.R",),
    "left_iris": ("eye_front.L",),
    "right_iris": ("eye_front.R",),
    "mouth": ("mouth_cavity", "tongue"),
}


def expressions(model: Any) -> tuple[list[str], Doubles, NDArray[np.int64]]:
    """Names (E), directions (U, 3, E) in metres and the vertices (U,) that any of the facial actions moves."""
    names = list(model.facial_action_labels)
    if [label.split(":")[-1] for label in model.blendshape_labels[-len(names) :]] != names:
        raise ValueError("Anny's last blend shapes are not its facial actions; this version keeps them elsewhere.")
    shapes = to_world(model.blendshapes[-len(names) :].numpy())
    moved = np.flatnonzero((np.abs(shapes) > 1e-6).any(axis=(0, 2)))
    return names, shapes[:, moved].transpose(1, 2, 0), moved


def face_parts(model: Any, weights: Doubles) -> tuple[NDArray[np.uint8], list[str]]:
    """(F,) part of each face and the parts' names: 24 by joint, back and front (iris) of the eyes, the mouth's inside."""
    from anny.face_segmentation import get_face_segmentation_mask

    faces = model.faces.numpy()
    parts = weights[faces].sum(axis=1).argmax(axis=1) + 1
    names = ["background", *JOINT_NAMES]
    for name, labels in _REGIONS.items():
        parts[get_face_segmentation_mask(model, labels).numpy()] = len(names)
        names.append(name)
    return parts.astype(np.uint8), names


def regions(model: Any, labels: tuple[str, ...]) -> dict[str, NDArray[np.int64]]:
    """The faces of these regions of Anny's segmentation picture."""
    from anny.face_segmentation import get_face_segmentation_mask

    return {label: np.flatnonzero(get_face_segmentation_mask(model, [label]).numpy()) for label in labels}


def keypoints(model: Any) -> tuple[list[str], Doubles]:
    """Names (K) and rows (K, V): Anny's COCO keypoints and foot keypoints as means of vertices."""
    from anny import KeypointsRegressor

    regressor = KeypointsRegressor.coco(model)
    rows = regressor.regression_weights.numpy().copy()
    rows[np.abs(rows) < 1e-5] = 0
    return list(regressor.labels), rows / rows.sum(axis=1, keepdims=True)
