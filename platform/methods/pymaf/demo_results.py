"""Results in files: parameters as plain arrays, and as the published demo writes them."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vitruvian.datagen.spin.camera import translation_of
from vitruvian.methods.body_reconstruction import BodyReconstruction
from vitruvian.methods.pymaf.full_camera import AXES, published_original_camera
from vitruvian.methods.pymaf.rotations import matrix_to_axis_angle


def parameter_arrays(people: Sequence[BodyReconstruction]) -> dict[str, NDArray[Any]]:
    """What ``vitruvian pose`` stores of N people in a picture: a row for each; J joints."""
    cameras = [person.camera for person in people]
    names = ("betas", "global_orient", "body_pose", "translation_m", "weak_camera", "joints_m", "joints_px")
    return {
        **{name: np.stack([getattr(person, name) for person in people]) for name in names},
        "crop_px": np.array([person.crop_px for person in people]),
        "joint_names": np.array(people[0].joint_names),
        "body_model": np.array(people[0].body_model),
        "camera_translation_m": np.array([camera.translation_m for camera in cameras]),
        "camera_focal_px": np.array([camera.focal_px for camera in cameras]),
        "camera_center_px": np.array([camera.center_px for camera in cameras]),
        "picture_size_px": np.array([cameras[0].width_px, cameras[0].height_px]),
    }


def published_person(person: BodyReconstruction, frame: int) -> dict[str, Any]:
    """One person in one frame, in the layout of the published ``output.pkl``: axes with y down, no translation."""
    size = {"width_px": person.camera.width_px, "height_px": person.camera.height_px}
    rotations = np.concatenate([(AXES[:, None] * person.global_orient)[None], person.body_pose])
    turns = matrix_to_axis_angle(torch.from_numpy(rotations.astype(np.float64))).numpy().reshape(1, 72)
    shift = -_origin(person)
    column, row, side = person.crop_px
    return {
        "pred_cam": person.weak_camera[None],
        "orig_cam": published_original_camera(person.weak_camera, person.crop_px, **size)[None].astype(np.float32),
        "verts": ((person.mesh.vertices + shift) * AXES)[None].astype(np.float32),
        "pose": turns.astype(np.float32),
        "betas": person.betas[None],
        "joints3d": ((person.joints_m + shift) * AXES)[None].astype(np.float32),
        "joints2d": None,
        "bboxes": np.array([[column, row, side, side]], np.float32),
        "frame_ids": np.array([frame]),
    }


def write_published(path: Path, people: Sequence[tuple[int, BodyReconstruction]]) -> None:
    """Everyone by number, each in the frame (picture) of the given number. A pickle of plain arrays, as the demo's readers
    take."""
    content = {number: published_person(person, frame) for number, (frame, person) in enumerate(people)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(pickle.dumps(content, protocol=4))
    temporary.replace(path)


def _origin(person: BodyReconstruction) -> NDArray[np.float64]:
    """Where the published axes' origin is in the world: the network's camera sees it at its own translation."""
    return translation_of(person.weak_camera) * AXES - np.array(person.camera.translation_m)
