"""Turning people to the viewer: scans often stand any way round, and published pipelines expect the front at +z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vitruvian.bodies.skeleton import JOINT_INDEX
from vitruvian.datagen.convention import Convention
from vitruvian.datagen.subject import Source, Subject


def heading_deg(joints_m: NDArray[np.floating]) -> float:
    """How far a body is turned about +y, -180 to 180 degrees; 0 faces the viewer, 90 the viewer's right. From hips and
    shoulders of (24, 3) joints."""
    across = sum(
        (joints_m[JOINT_INDEX[f"left_{part}"]] - joints_m[JOINT_INDEX[f"right_{part}"]] for part in ("hip", "shoulder")),
        start=np.zeros(3),
    )
    return float(np.degrees(np.arctan2(-across[2], across[0])))


def turned(subject: Subject, degrees: float) -> Subject:
    """The subject turned by an angle about the vertical axis through x = z = 0, with everything known of it."""
    rotation = Rotation.from_euler("y", degrees, degrees=True)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.as_matrix()
    joints, normals = subject.joints_m, subject.vertex_normals
    parameters = dict(subject.body_parameters)
    if "global_orient" in parameters:
        whole = rotation * Rotation.from_rotvec(parameters["global_orient"].astype(np.float64))
        parameters["global_orient"] = whole.as_rotvec().astype(np.float32)
    if "translation_m" in parameters and joints is not None:  # skinning turns about the root joint, at rest + translation
        rest = joints[0].astype(np.float64) - parameters["translation_m"]
        parameters["translation_m"] = (rotation.apply(joints[0]) - rest).astype(np.float32)
    attributes = dict(subject.attributes)
    if "world_from_file" in attributes:
        attributes["world_from_file"] = (matrix @ np.array(attributes["world_from_file"])).tolist()
    return replace(
        subject,
        mesh=subject.mesh.transformed(matrix),
        joints_m=None if joints is None else rotation.apply(joints).astype(np.float32),
        body_parameters=parameters,
        body=None if subject.body is None else subject.body.transformed(matrix),
        vertex_normals=None if normals is None else rotation.apply(normals).astype(np.float32),
        attributes={**attributes, "turned_deg": round(degrees, 3)},
    )


@dataclass(frozen=True, kw_only=True)
class FacingSource:
    """Another source whose people face the viewer, as far as their joints tell; the others stay as they are."""

    source: Source

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def convention(self) -> Convention:
        return self.source.convention

    def subject_ids(self) -> Sequence[str]:
        return self.source.subject_ids()

    def load(self, subject_id: str) -> Subject:
        subject = self.source.load(subject_id)
        return subject if subject.joints_m is None else turned(subject, -heading_deg(subject.joints_m))
