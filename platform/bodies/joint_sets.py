"""Named sets of body joints: SMPL's 24, COCO's 17 keypoints, PyMAF's 49, Human3.6M's 17; where each lies on a posed body.

SMPL files give the 24 joints; the other points are vertices of SMPL's mesh, or weighted means of vertices by a regressor file
(numbers: ``smplx`` and SPIN, Kolotouros et al., ICCV 2019, as PyMAF and HuManiFlow use them). The built-in body has regressors
of its own for the face and the feet; nine points that only SMPL's regressor file defines are stood in for by the nearest thing
that it has, see ``_builtin_extra``. Every point is a weighted mean of joints and vertices (``joint_rows``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.files import load_builtin
from vitruvian.bodies.point_rows import PointRows
from vitruvian.bodies.skeleton import JOINT_INDEX, JOINT_NAMES, NUM_JOINTS
from vitruvian.errors import InputError

Doubles = NDArray[np.float64]
NUM_SMPL_VERTICES = 6890

# SMPL vertices of the eleven points behind the 24 joints, numbers 24 to 34 of the list of 54.
_PICKED: dict[str, int] = {
    "nose": 332, "right_eye": 6260, "left_eye": 2800, "right_ear": 4071, "left_ear": 583, "left_big_toe": 3216,
    "left_small_toe": 3226, "left_heel": 3387, "right_big_toe": 6617, "right_small_toe": 6624, "right_heel": 6787,
}  # fmt: skip
_EXTRA: tuple[str, ...] = ("right_hip_lsp", "left_hip_lsp", "neck_lsp", "head_top_lsp", "pelvis_mpii", "thorax_mpii",
                           "spine_h36m", "jaw_h36m", "head_h36m")  # fmt: skip
"""Rows of ``J_regressor_extra``."""

COCO17: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
OPENPOSE25: tuple[str, ...] = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist", "pelvis",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear",
    "left_ear", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
J24: tuple[str, ...] = (
    "right_ankle", "right_knee", "right_hip_lsp", "left_hip_lsp", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", *_EXTRA[2:], "nose", "left_eye", "right_eye", "left_ear",
    "right_ear",
)  # fmt: skip
"""SPIN's 24 ground-truth points; the first 14 (with 18 for 13) are LSP's."""

H36M17: tuple[str, ...] = (
    "pelvis_mpii", "left_hip_lsp", "left_knee", "left_ankle", "right_hip_lsp", "right_knee", "right_ankle", "spine_h36m",
    "neck_lsp", "jaw_h36m", "head_h36m", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow",
    "right_wrist",
)  # fmt: skip
"""In the order of Human3.6M's regressor (``J_regressor_h36m``), by the names of SPIN's points that stand for the same."""

J24_TO_J14: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 18)
"""Where the 14 points that pose is measured at are among ``J24``."""
H36M17_TO_J14: tuple[int, ...] = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10)
"""The same among ``H36M17``."""
J24_TO_J17: tuple[int, ...] = (*J24_TO_J14, 14, 16, 17)
"""With pelvis, spine and jaw: the 17 points of MPI-INF-3DHP."""
H36M17_TO_J17: tuple[int, ...] = (*H36M17_TO_J14, 0, 7, 9)
"""The same among ``H36M17``."""

JOINT_SETS: dict[str, tuple[str, ...]] = {
    "smpl24": JOINT_NAMES,
    "coco17": COCO17,
    "openpose25": OPENPOSE25,
    "j24": J24,
    "pymaf49": OPENPOSE25 + J24,
    "h36m17": H36M17,
}
"""Name -> the joints in order; COCO's and OpenPose's limbs are SMPL's joints of the same name."""

Row = Mapping[int, float]
"""Of the list of 24 joints and then the vertices: number -> weight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JointData:
    """What a model's files know beyond the 24 joints. ``extra`` is ``J_regressor_extra`` (9, V), where it was given."""

    extra: Doubles | None = None

    @classmethod
    def read(cls, folder: Path) -> JointData:
        """``J_regressor_extra.npy`` in a folder of SMPL's additional files, if it is there; InputError for another one."""
        path = folder / "J_regressor_extra.npy"
        if not path.is_file():
            return cls()
        try:
            extra = np.load(path, allow_pickle=False).astype(np.float64)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: is not a readable array ({error}).") from None
        if extra.shape != (len(_EXTRA), NUM_SMPL_VERTICES):
            raise InputError(f"{path}: is {extra.shape}; SPIN's J_regressor_extra is ({len(_EXTRA)}, {NUM_SMPL_VERTICES}).")
        return cls(extra=extra)


def locate_joints(
    joint_set: str, model: str, joints_243: NDArray[Any], vertices: NDArray[Any] | None, data: JointData | None = None
) -> NDArray[np.float32]:
    """The (J, 3) points of a set on a posed body, in the frame of its (24, 3) joints and (V, 3) vertices.

    ``model`` names the topology: ``builtin``, or anything else with SMPL's 6890 vertices. InputError for an unknown set, and
    for a point that this body does not have.
    """
    _check_set(joint_set)
    joints = np.asarray(joints_243, np.float64)
    if joints.shape[0] < NUM_JOINTS:
        raise InputError(f"Joint set {joint_set!r} needs SMPL's 24 joints; the body {model!r} has {joints.shape[0]}.")
    joints = joints[:NUM_JOINTS]
    if joint_set == "smpl24":
        return joints.astype(np.float32)
    if vertices is None:
        raise InputError(f"Joint set {joint_set!r} needs the body's surface, of which nothing is known; only 'smpl24' is.")
    rows = joint_rows(joint_set, model, len(vertices), data)
    return rows(np.concatenate([joints, np.asarray(vertices, np.float64)])).astype(np.float32)


def joint_rows(joint_set: str, model: str, num_vertices: int, data: JointData | None = None) -> PointRows:
    """The points of a set as means of the list of a body's 24 joints and then its vertices. Errors as ``locate_joints``."""
    _check_set(joint_set)
    if model == "builtin":
        return _builtin_rows(joint_set)
    return _rows(joint_set, _smpl_points(model, num_vertices, data or JointData()))


def _check_set(joint_set: str) -> None:
    if joint_set not in JOINT_SETS:
        raise InputError(f"There is no joint set {joint_set!r}. Joint sets: {', '.join(JOINT_SETS)}.")


def _rows(joint_set: str, table: Mapping[str, Row]) -> PointRows:
    rows: list[Row] = []
    for name in JOINT_SETS[joint_set]:
        if name in JOINT_INDEX:
            rows.append({JOINT_INDEX[name]: 1.0})
        elif name in table:
            rows.append(table[name])
        else:
            raise InputError(
                f"Joint set {joint_set!r}: {name!r} needs J_regressor_extra.npy (9, 6890), which SPIN publishes; put it into "
                "the folder of SMPL's additional files (--body-data)."
            )
    return PointRows.of(rows)


def _smpl_points(model: str, num_vertices: int, data: JointData) -> dict[str, Row]:
    if num_vertices != NUM_SMPL_VERTICES:
        raise InputError(f"Body {model!r} has {num_vertices} vertices; only SMPL's {NUM_SMPL_VERTICES} have named keypoints.")
    table: dict[str, Row] = {name: _vertex(number) for name, number in _PICKED.items()}
    if data.extra is not None:
        table |= {name: _regressed(row) for name, row in zip(_EXTRA, data.extra, strict=True)}
    return table


def _vertex(number: int) -> Row:
    return {NUM_JOINTS + number: 1.0}


def _regressed(row: NDArray[Any]) -> Row:
    return {NUM_JOINTS + int(vertex): float(row[vertex]) for vertex in np.flatnonzero(row)}


def _mean_of(*names: str) -> Row:
    return {JOINT_INDEX[name]: 1 / len(names) for name in names}


@cache
def _builtin_rows(joint_set: str) -> PointRows:
    model = load_builtin()
    assert model.keypoint_regressor is not None
    rows = dict(zip(model.keypoint_names, model.keypoint_regressor, strict=True))
    return _rows(joint_set, {name: _regressed(rows[name]) for name in _PICKED} | _builtin_extra(rows))


def _builtin_extra(rows: dict[str, NDArray[Any]]) -> dict[str, Row]:
    """Stand-ins for SPIN's nine regressed points.

    LSP's hips are the body's COCO hips, its neck SMPL's neck joint, its head top the crown; MPII's pelvis is midway between the
    hip joints, its thorax between neck and collars; Human3.6M's spine is SMPL's second, its jaw the chin, its head midway from
    SMPL's head joint to the crown.
    """
    model = load_builtin()
    assert model.landmark_vertices is not None
    crown = {NUM_JOINTS + int(vertex): 1 / 8 for vertex in np.argsort(-model.v_template[:, 1], kind="stable")[:8]}
    return {
        "right_hip_lsp": _regressed(rows["right_hip"]),
        "left_hip_lsp": _regressed(rows["left_hip"]),
        "neck_lsp": _mean_of("neck"),
        "head_top_lsp": crown,
        "pelvis_mpii": _mean_of("left_hip", "right_hip"),
        "thorax_mpii": _mean_of("neck", "left_collar", "right_collar"),
        "spine_h36m": _mean_of("spine2"),
        "jaw_h36m": _vertex(int(model.landmark_vertices[8])),
        "head_h36m": {JOINT_INDEX["head"]: 0.5} | {vertex: 0.5 * weight for vertex, weight in crown.items()},
    }
