"""What a method that estimates a body (pose, shape and camera, no clothes) gives for a picture, and what it must be able to do.

Its frame: metres, x right, y up, z towards the viewer; the lowest point of the body at
y = 0, its pelvis above x = z = 0. A picture does not tell how the camera is tilted, so it is taken to be level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.methods.weights import Card

Box = tuple[float, float, float, float]
"""Around a person: left, top, right and bottom in pixels. It may reach beyond the picture."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyReconstruction:
    """A body recovered from one picture; J joints.

    Skinning ``body_model`` with ``betas``, ``global_orient``, ``body_pose`` and moving it by ``translation_m`` gives ``mesh``.
    """

    body_model: str
    """Whose parameters they are: ``builtin``, or ``smpl``."""
    betas: Floats
    """(10,) shape coefficients."""
    global_orient: Floats
    """(3, 3) rotation of the pelvis in the world."""
    body_pose: Floats
    """(23, 3, 3) rotations of the other joints of the SMPL format, relative to their parents."""
    translation_m: Floats
    """(3,) where the model's origin is in the world."""
    weak_camera: Floats
    """(3,) scale, x and y of the method's own camera of the square ``crop_px``, its y down; for comparisons."""
    crop_px: tuple[float, float, float]
    """Middle (column, row) and side of the square that the network saw, in pixels of the picture."""
    camera: Camera
    """Perspective, of the whole picture."""
    mesh: Mesh
    """World metres."""
    joints_m: Floats
    """(J, 3) world metres."""
    joints_px: Floats
    """(J, 2) column and row in the picture, its corner is (0, 0)."""
    joint_names: tuple[str, ...]
    """Of J joints; names can occur twice, as sets of several conventions do."""
    timings_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds by step, in order; of several people together each has its share."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Plain values worth showing."""

    def __post_init__(self) -> None:
        expected = {
            "betas": (10,),
            "global_orient": (3, 3),
            "body_pose": (23, 3, 3),
            "translation_m": (3,),
            "weak_camera": (3,),
            "joints_m": (len(self.joint_names), 3),
            "joints_px": (len(self.joint_names), 2),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"BodyReconstruction: {name} has shape {getattr(self, name).shape}; it must be {shape}.")
        if self.camera.projection != "perspective":
            raise ValueError(f"BodyReconstruction: the camera is {self.camera.projection}; it must be perspective.")

    def parameters(self) -> dict[str, Any]:
        """Everything but the mesh as JSON values (nested lists), rotations as matrices."""
        arrays = ("betas", "global_orient", "body_pose", "translation_m", "weak_camera")
        return {
            "body_model": self.body_model,
            **{name: getattr(self, name).tolist() for name in arrays},
            "crop_px": list(self.crop_px),
            "camera": self.camera.to_dict(),
        }


class BodyReconstructor(Protocol):
    """Loaded weights of a method whose kind is ``body``."""

    card: Card

    def reconstruct(
        self, picture: NDArray[np.uint8], *, mask: NDArray[np.bool_] | None = None, box: Box | None = None
    ) -> BodyReconstruction:
        """Recover the person inside ``box``, else the one whom ``mask`` (H, W) marks, else the one that the whole ``picture``
        (H, W, 3) shows.

        Raises ``InputError`` if nobody can be recovered, with the reason.
        """

    def reconstruct_many(self, people: Sequence[tuple[NDArray[np.uint8], Box | None]]) -> list[BodyReconstruction]:
        """What ``reconstruct`` gives for each picture and box, computed together; several boxes of one picture may be given."""


def box_of_mask(mask: NDArray[np.bool_]) -> Box:
    """The box around what a mask (H, W) marks; ``InputError`` if that is nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise InputError("mask: marks nobody; it is False everywhere.")
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
