"""Poses from lists: ``.npz`` files with ``poses`` (n, 72) and the picture each was taken from, as HuManiFlow is trained on.

Rows are poses in the frame of a camera whose y points down and z into the scene; names say which data set a row comes from.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vitruvian.bodies.amass import without_heading
from vitruvian.bodies.poses import SampledPose
from vitruvian.errors import InputError

NOT_AMASS = ("h36m", "up3d", "3dpw")
"""Beginnings of the names that HuManiFlow trains on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseList:
    """All rows of a file."""

    path: Path
    poses: NDArray[np.float64]
    """(n, 72) axis-angle radians, the root first, in the camera's frame (y down)."""
    names: tuple[str, ...]

    @classmethod
    def open(cls, path: Path, *, prefixes: tuple[str, ...] = ()) -> PoseList:
        """Reads the file without unpickling; ``prefixes`` keeps only rows whose names begin so. InputError when it is not
        such a list or nothing is left."""
        if not path.is_file() or not zipfile.is_zipfile(path):
            raise InputError(f"Pose list {path}: not an .npz archive.")
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in ("poses", "fnames") if name in archive.files}
        except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(
                f"Pose list {path}: cannot be read without unpickling ({error}). Save the names as plain text (numpy 'U')."
            ) from None
        poses = arrays.get("poses")
        if poses is None or poses.ndim != 2 or poses.shape[1] != 72 or poses.dtype.kind != "f" or not len(poses):
            said = "no array 'poses'" if poses is None else f"'poses' {poses.dtype}{poses.shape}"
            raise InputError(f"Pose list {path}: has {said}; a list holds floats (n, 72).")
        if not np.isfinite(poses).all():
            raise InputError(f"Pose list {path}: a pose is not finite. Remove the row.")
        names = [_text(name) for name in arrays.get("fnames", np.arange(len(poses)))]
        if len(names) != len(poses):
            raise InputError(f"Pose list {path}: has {len(names)} 'fnames' for {len(poses)} poses.")
        keep = [row for row, name in enumerate(names) if not prefixes or name.startswith(prefixes)]
        if not keep:
            raise InputError(f"Pose list {path}: no name begins with {' or '.join(prefixes)}.")
        return cls(path=path, poses=poses[keep].astype(np.float64), names=tuple(names[row] for row in keep))

    def pose(self, row: int) -> SampledPose:
        """A row in the world frame: y up, facing +z as far as it is turned about the vertical axis."""
        upright = Rotation.from_euler("x", np.pi) * Rotation.from_rotvec(self.poses[row, :3])
        return SampledPose(
            body_pose=self.poses[row, 3:].copy(), global_orient=without_heading(upright.as_rotvec()), name=self.names[row]
        )

    def sample_pose(self, rng: np.random.Generator) -> SampledPose:
        """Any row with the same chance."""
        return self.pose(int(rng.integers(len(self.poses))))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
