"""A subject: one posed, textured human mesh with what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.convention import Convention
from vitruvian.geometry.mesh import Mesh


@dataclass(frozen=True, kw_only=True, slots=True)
class BodySurface:
    """The naked body registered to a subject: what semantic codes, IUV maps, part labels and skeletons are made of.

    V vertices and F faces of the body model, in the model's own order, in the subject's world frame.
    """

    model: str
    """Whose topology it is: ``smpl``, ``builtin``, ``smplx`` or the name of another model file."""
    vertices: NDArray[np.float32]
    """(V, 3) posed, world metres."""
    faces: NDArray[np.int32]
    """(F, 3), counter-clockwise seen from outside."""
    rest_vertices: NDArray[np.float32] | None = None
    """(V, 3) the model's T-pose at mean shape, its own frame (y up), of which semantic codes are made; None when no model
    file was given, only a registered surface."""
    joints_m: NDArray[np.float32] | None = None
    """(J, 3) joints in the model's order, world metres; None where they cannot be known."""
    part_labels: NDArray[np.uint8] | None = None
    """(F,) part of each face, from 1; named by ``part_names``."""
    part_names: tuple[str, ...] = ()
    """Names of the values of ``part_labels``; the first is ``background``."""
    uvs: NDArray[np.float32] | None = None
    """(T, 2) texture coordinates, v up."""
    uv_faces: NDArray[np.int32] | None = None
    """(F, 3) indices into ``uvs``."""

    def __post_init__(self) -> None:
        num_vertices, num_faces = len(self.vertices), len(self.faces)
        for name, shape in (("vertices", (num_vertices, 3)), ("faces", (num_faces, 3)), ("rest_vertices", (num_vertices, 3)),
                            ("part_labels", (num_faces,)), ("uv_faces", (num_faces, 3))):  # fmt: skip
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(f"BodySurface: {name} has shape {array.shape}; it must be {shape}.")

    def transformed(self, matrix_44: NDArray[np.float64]) -> BodySurface:
        """Posed positions and joints p become ``M[:3, :3] @ p + M[:3, 3]``; ``matrix_44`` must not mirror."""
        if np.linalg.det(matrix_44[:3, :3]) <= 0:
            raise ValueError("BodySurface.transformed: the matrix mirrors the body; left and right would change places.")

        def moved(points: NDArray[np.float32]) -> NDArray[np.float32]:
            return (points.astype(np.float64) @ matrix_44[:3, :3].T + matrix_44[:3, 3]).astype(np.float32)

        joints = None if self.joints_m is None else moved(self.joints_m)
        return replace(self, vertices=moved(self.vertices), joints_m=joints)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """In the world frame: metres, x right, y up, z towards the viewer, facing +z; the floor is y = 0."""

    subject_id: str
    mesh: Mesh
    source: str
    licence: str
    joints_m: NDArray[np.float32] | None = None
    """(24, 3) joints in SMPL order."""
    body_parameters: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """SMPL-format parameters: ``global_orient`` (3,), ``body_pose`` (69,) axis-angle radians, ``betas`` (10,),
    ``translation_m`` (3,), ``expression`` (52,)."""
    body: BodySurface | None = None
    """The naked body under the clothes, where the source knows it."""
    vertex_normals: NDArray[np.float32] | None = None
    """(V, 3) unit normals that the file itself gives for the mesh's vertices, world frame; None where it gives none."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Plain values worth keeping: pose name, garments, original units."""


class Source(Protocol):
    """Where subjects come from. ``load`` is a pure function of the source's options and the id."""

    @property
    def name(self) -> str:
        """As it is called on the command line."""

    @property
    def convention(self) -> Convention:
        """Unit, up axis and facing of the source's files; what ``load`` returns is in the world frame."""

    def subject_ids(self) -> Sequence[str]:
        """All subjects in a stable order."""

    def load(self, subject_id: str) -> Subject:
        """One subject; raises ``InputError`` with the reason when it cannot be used (it is then quarantined)."""
