"""Poses from a folder of motion files in AMASS's layout."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vitruvian.errors import InputError

Doubles = NDArray[np.float64]


class MotionFolder:
    """``.npz`` files with an array ``poses`` (N, >= 72): axis-angle radians, pelvis first, z up (Mahmood et al. 2019)."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.rglob("*.npz"))
        if not self.files:
            raise InputError(f"Poses folder {folder}: holds no .npz files. Give a folder of AMASS motions, or leave the option out.")

    def draw(self, rng: np.random.Generator) -> tuple[Doubles, Doubles, str]:
        """``body_pose`` (69,), ``global_orient`` (3,) and a name; the person is turned to face +z, y up."""
        path = self.files[int(rng.integers(len(self.files)))]
        try:
            with np.load(path, allow_pickle=False) as archive:
                poses = np.asarray(archive["poses"], np.float64)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(f"Motion {path}: cannot be read ({error}). It must be an .npz file with a number array 'poses'.") from error
        if poses.ndim != 2 or poses.shape[1] < 66 or not len(poses) or not np.isfinite(poses).all():
            raise InputError(f"Motion {path}: 'poses' has shape {poses.shape}; it must be (N, 66 or more), finite and not empty.")
        frame = int(rng.integers(len(poses)))
        body = np.zeros(69)
        body[:63] = poses[frame, 3:66]
        upright = Rotation.from_euler("x", -90, degrees=True) * Rotation.from_rotvec(poses[frame, :3])
        ahead = upright.apply([0.0, 0.0, 1.0])
        heading = Rotation.from_euler("y", -np.arctan2(ahead[0], ahead[2]))
        return body, (heading * upright).as_rotvec(), f"{path.stem}:{frame}"
