"""The body model as plain arrays: what an SMPL file holds, and what the built-in body knows beyond it.

World frame of every rest shape: metres, y up, facing +z, the body's left side at +x, arms along x (SMPL's T-pose).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.skeleton import NUM_JOINTS
from vitruvian.geometry.mesh import Mesh

if TYPE_CHECKING:
    import torch

    from vitruvian.bodies.skinning import SkinnedBody

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyModel:
    """V vertices, F faces, S shape coefficients, E expressions, T texture coordinates. Arrays are never written to."""

    name: str
    licence: str
    v_template: Floats
    """(V, 3) rest shape at zero betas, metres."""
    faces: NDArray[np.int32]
    """(F, 3), counter-clockwise seen from outside."""
    shapedirs: Floats
    """(V, 3, S) metres per unit of a beta; betas are standard normal over the population."""
    posedirs: Floats | None
    """(V, 3, 207) metres per element of (R - I) of joints 1 to 23, or None where the model has no pose correctives."""
    joint_regressor: Floats
    """(24, V) rows sum to one: rest joints are ``joint_regressor @ rest vertices``."""
    weights: Floats
    """(V, 24) skinning weights; rows sum to one."""
    parents: tuple[int, ...]
    """The parent of each joint, -1 for the pelvis."""
    uvs: Floats | None = None
    """(T, 2) texture coordinates, v up."""
    uv_faces: NDArray[np.int32] | None = None
    """(F, 3) indices into ``uvs``."""
    part_names: tuple[str, ...] = ()
    """Names of the values of ``face_parts``; the first is ``background``."""
    face_parts: NDArray[np.uint8] | None = None
    """(F,) part of each face, from 1."""
    expression_names: tuple[str, ...] = ()
    expression_vertices: NDArray[np.int32] | None = None
    """(U,) the vertices that any expression moves."""
    expressiondirs: Floats | None = None
    """(U, 3, E) metres per unit of an expression, whose range is 0 to 1."""
    keypoint_names: tuple[str, ...] = ()
    """17 COCO keypoints, then three for each foot."""
    keypoint_regressor: Floats | None = None
    """(K, V) rows sum to one; acts on posed vertices."""
    landmark_names: tuple[str, ...] = ()
    landmark_vertices: NDArray[np.int32] | None = None
    """(68,) vertices at the face landmarks in the order of the 68-point (iBUG) scheme."""
    shape_variance_kept: NDArray[np.float64] | None = None
    """(S,) share of the population's variance that the first 1, 2, ... S coefficients explain."""

    def __post_init__(self) -> None:
        num_vertices, num_shapes = len(self.v_template), self.shapedirs.shape[-1]
        expected: dict[str, tuple[int, ...]] = {
            "v_template": (num_vertices, 3),
            "faces": (len(self.faces), 3),
            "shapedirs": (num_vertices, 3, num_shapes),
            "posedirs": (num_vertices, 3, 9 * (NUM_JOINTS - 1)),
            "joint_regressor": (NUM_JOINTS, num_vertices),
            "weights": (num_vertices, NUM_JOINTS),
            "uv_faces": (len(self.faces), 3),
            "face_parts": (len(self.faces),),
            "keypoint_regressor": (len(self.keypoint_names), num_vertices),
            "landmark_vertices": (len(self.landmark_names),),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(f"BodyModel: {name} has shape {array.shape}; it must be {shape}.")
        if len(self.parents) != NUM_JOINTS or any(parent >= joint for joint, parent in enumerate(self.parents)):
            raise ValueError("BodyModel: parents must name, for each of 24 joints, a joint before it (-1 for the first).")

    @property
    def num_vertices(self) -> int:
        return len(self.v_template)

    @property
    def num_betas(self) -> int:
        return self.shapedirs.shape[-1]

    @property
    def num_expressions(self) -> int:
        return 0 if self.expressiondirs is None else self.expressiondirs.shape[-1]

    @property
    def vertex_parts(self) -> NDArray[np.uint8]:
        """(V,) the joint whose weight is largest at each vertex."""
        return self.weights.argmax(axis=1).astype(np.uint8)

    def mesh(self, vertices: NDArray[np.floating]) -> Mesh:
        """These (V, 3) positions with the model's faces, texture coordinates and part labels."""
        return Mesh(
            vertices=np.ascontiguousarray(vertices, np.float32),
            faces=self.faces,
            uvs=self.uvs,
            uv_faces=self.uv_faces,
            face_labels=self.face_parts,
        )

    def keypoints(self, vertices: NDArray[np.floating]) -> Floats:
        """(K, 3) keypoints of (V, 3) posed vertices, in the order of ``keypoint_names``."""
        if self.keypoint_regressor is None:
            raise ValueError(f"BodyModel {self.name!r} has no keypoint regressor.")
        return self.keypoint_regressor @ np.asarray(vertices, np.float32)

    def skin(
        self,
        *,
        betas: torch.Tensor | None = None,
        body_pose: torch.Tensor | None = None,
        global_orient: torch.Tensor | None = None,
        translation: torch.Tensor | None = None,
        expression: torch.Tensor | None = None,
    ) -> SkinnedBody:
        """See ``vitruvian.bodies.skinning.skin``."""
        from vitruvian.bodies.skinning import skin

        return skin(
            self,
            betas=betas,
            body_pose=body_pose,
            global_orient=global_orient,
            translation=translation,
            expression=expression,
        )
