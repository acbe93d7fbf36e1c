"""Poses from motion capture: folders of AMASS .npz files, read without unpickling, turned into the world frame.

Source: Mahmood et al., "AMASS: Archive of Motion Capture as Surface Shapes", 2019. The files hold one row of ``poses`` a frame
(72 columns for SMPL, 156 for SMPL+H, 165 for SMPL-X) in a frame whose z points up; AMASS has a licence of its own.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vitruvian.bodies.poses import SampledPose
from vitruvian.bodies.skeleton import mirror_body_pose
from vitruvian.errors import InputError

Doubles = NDArray[np.float64]
_COLUMNS = {72: 69, 156: 63, 165: 63}
"""Columns of ``poses`` -> how many of them, after the first three, are SMPL's body joints (hands are then left straight)."""
_NOT_MOTION = ("shape.npz", "stagei.npz")


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionClip:
    """T frames in the world frame (y up)."""

    body_pose: Doubles
    """(T, 69) axis-angle radians"""
    global_orient: Doubles
    """(T, 3) axis-angle radians, y up"""
    translation_m: Doubles
    """(T, 3)"""
    betas: Doubles
    """Shape coefficients of the recorded person in *SMPL's* shape space; they mean nothing to the built-in body."""


def read_amass(path: str | Path) -> MotionClip:
    """One AMASS file; raises ``InputError`` where it is not one."""
    path = Path(path)
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise InputError(f"Motion file {path}: not an .npz archive.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("poses", "trans", "betas") if name in archive.files}
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"Motion file {path}: cannot be read without unpickling ({error}).") from error
    if "poses" not in arrays:
        raise InputError(f"Motion file {path}: has no array 'poses'; AMASS motion files do. Is it a shape file?")
    poses = arrays["poses"]
    if poses.ndim != 2 or poses.shape[1] not in _COLUMNS or not len(poses) or poses.dtype.kind != "f":
        raise InputError(
            f"Motion file {path}: 'poses' is {poses.dtype}{poses.shape}; expected floats, (frames, one of {tuple(_COLUMNS)})."
        )
    translation = np.asarray(arrays.get("trans", np.zeros((len(poses), 3))), np.float64)
    if translation.shape != (len(poses), 3) or not (np.isfinite(poses).all() and np.isfinite(translation).all()):
        raise InputError(f"Motion file {path}: 'trans' is {translation.shape}, or a value is not finite.")
    body_pose = np.zeros((len(poses), 69))
    width = _COLUMNS[poses.shape[1]]
    body_pose[:, :width] = poses[:, 3 : 3 + width]
    upright = Rotation.from_euler("x", -np.pi / 2)  # z up, facing -y -> y up, facing +z
    return MotionClip(
        body_pose=body_pose,
        global_orient=(upright * Rotation.from_rotvec(poses[:, :3])).as_rotvec(),
        translation_m=upright.apply(translation),
        betas=np.asarray(arrays.get("betas", np.zeros(10)), np.float64).reshape(-1),
    )


_read_recent = lru_cache(maxsize=16)(read_amass)


@dataclass(frozen=True, kw_only=True, slots=True)
class AmassFolder:
    """All motion files below a folder, as a pose sampler that can stand in for ``poses.sample_pose``."""

    root: Path
    files: tuple[Path, ...]

    @classmethod
    def open(cls, root: str | Path) -> AmassFolder:
        """Finds the files; raises ``InputError`` where there are none."""
        root = Path(root)
        files = tuple(sorted(_motion_files(root)))
        if not files:
            raise InputError(f"Motion folder {root}: no .npz motion files in it or below it. Unpack an AMASS archive there.")
        return cls(root=root, files=files)

    def sample_pose(self, rng: np.random.Generator) -> SampledPose:
        """A frame of a clip, mirrored half of the time. Every clip has the same chance.

        The heading is taken out: the body faces +z, leaning as it did. Its name is the clip's path and the frame's number.
        """
        path = self.files[int(rng.integers(len(self.files)))]
        clip = _read_recent(path)
        frame = int(rng.integers(len(clip.body_pose)))
        orient = without_heading(clip.global_orient[frame])
        name = f"{path.relative_to(self.root).with_suffix('').as_posix()}:{frame}"
        if rng.random() < 0.5:
            mirrored = mirror_body_pose(clip.body_pose[frame])
            return SampledPose(body_pose=mirrored, global_orient=orient * np.array([1.0, -1.0, -1.0]), name=f"{name}_mirrored")
        return SampledPose(body_pose=clip.body_pose[frame].copy(), global_orient=orient, name=name)


def without_heading(global_orient: NDArray[np.floating]) -> Doubles:
    """(3,) axis-angle with the turn about the world's y axis taken out (the twist of its swing-twist decomposition)."""
    rotation = Rotation.from_rotvec(np.asarray(global_orient, np.float64))
    twist = rotation.as_quat() * np.array([0.0, 1.0, 0.0, 1.0])
    if np.linalg.norm(twist) < 1e-9:  # upside down: no heading to speak of
        return rotation.as_rotvec()
    return (Rotation.from_quat(twist).inv() * rotation).as_rotvec()


def _motion_files(root: Path) -> Iterator[Path]:
    for path in root.rglob("*.npz"):
        if not path.name.endswith(_NOT_MOTION):
            yield path
