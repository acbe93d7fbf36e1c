"""Replay: the views that a folder of PIFu's or JIFF's PARAM files describes, drawn again wherever the meshes lie now.

    PARAM/NAME/YAW_PITCH_LIGHT.npy

NAME is matched with the source's subjects by a part of their id. A PARAM holds the rotation, the centre and scale in the
coordinates of the rescaled file, and the light; nothing in it says where a mesh lies. If the file at hand is that rescaled
one, its centre is used as it stands; else it is found again by the published rule, which gives the same place on the mesh.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.blocks import Member
from vitruvian.datagen.layouts.common import NOTE
from vitruvian.datagen.layouts.npy_objects import read_npy_object
from vitruvian.datagen.layouts.pifu_frame import check_param
from vitruvian.datagen.lights.harmonic import HarmonicLight
from vitruvian.datagen.plan import Similarity, SubjectPlan
from vitruvian.datagen.protocols.pifu import (
    HALF_EXTENT_UNITS,
    LIGHT_GAMMA,
    PERSON_UNITS,
    Center,
    PifuProtocol,
    camera,
    similarity,
)
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.errors import InputError

BLACK = {"kind": "plain", "color": [0, 0, 0]}
_NAME = re.compile(r"(\d+)_(-?\d+)_(\d+)")


def param_folder(folder: Path) -> Path:
    """The folder of the subjects' PARAM folders: ``folder`` itself or the PARAM in it; InputError when there are none."""
    chosen = folder / "PARAM" if (folder / "PARAM").is_dir() else folder
    if not chosen.is_dir() or not any(param_files(path) for path in chosen.iterdir() if path.is_dir()):
        raise InputError(f"{folder}: holds no NAME/YAW_PITCH_LIGHT.npy; give PIFu's or JIFF's PARAM folder.")
    return chosen


def param_files(folder: Path) -> list[Path]:
    """One subject's PARAM files, by light, pitch and yaw."""
    found = [(match, path) for path in folder.glob("*.npy") if (match := _NAME.fullmatch(path.stem))]
    return [path for match, path in sorted(found, key=lambda pair: tuple(int(pair[0][k]) for k in (3, 2, 1)))]


def read_param(path: Path) -> dict[str, Any]:
    """``sh`` (9, 3), ``ortho_ratio``, ``scale``, ``center`` (3,), ``R`` (3, 3); InputError for anything else."""
    return check_param(read_npy_object(path), str(path))


def size_px(param: Mapping[str, Any]) -> int:
    """The width of the picture that a PARAM was written for: all of them see 102.4 units to each side."""
    return max(1, round(2 * HALF_EXTENT_UNITS / float(param["ortho_ratio"])))


def param_members(folder: Path, subject_ids: Sequence[str]) -> list[Member]:
    """The subjects that have PARAM files, in the source's order; those that it does not have are marked ``missing``.

    Subjects named in val.txt beside PARAM are the test split. InputError when no subject is there.
    """
    root = param_folder(folder)
    by_part: dict[str, list[int]] = {}
    for index, subject_id in enumerate(subject_ids):
        path = Path(subject_id)
        for part in {*path.parts, path.stem, path.name}:
            by_part.setdefault(part, []).append(index)
    val = root.parent / "val.txt"
    test = set(val.read_text().split()) if val.exists() else set()
    members: dict[int, Member] = {}
    missing: list[Member] = []
    for path in sorted(path for path in root.iterdir() if path.is_dir() and param_files(path)):
        split, found = "test" if path.name in test else "train", by_part.get(path.name, [])
        if len(found) == 1:
            members[found[0]] = Member(subject_id=subject_ids[found[0]], index=found[0], split=split)
            continue
        why = f"{len(found)} of the source's subjects have it in their ids" if found else "the source has no such subject"
        index = len(subject_ids) + len(missing)
        missing.append(Member(subject_id=path.name, index=index, split=split, missing=f"{path}: {why}."))
    if not members:
        there = ", ".join(subject_ids[:3]) or "no subjects"
        names = ", ".join(member.subject_id for member in missing[:3])
        raise InputError(f"{root}: none of its {len(missing)} subjects is there ({names}); the source has {there}.")
    return [*(members[index] for index in sorted(members)), *missing]


def center_rule(root: Path) -> Center:
    """What the views of a PARAM folder look at: the published median of vertices, or what the note of our export says."""
    note = root.parent / NOTE
    if not note.is_file():
        return "vertices"
    try:
        card = json.loads(note.read_text())["card"]
        return "surface" if card.get("center") == "surface" else "vertices"
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{note}: is not the note of an export ({error}). Put the original back, or remove it.") from None


def placed(subject: Subject, param: Mapping[str, Any], center: Center = "vertices") -> tuple[Similarity, NDArray[np.float64]]:
    """Centre and scale of the drawn units in the world, and the rotation from world to camera axes. ``center`` is the rule by
    which the centre is found again where the file at hand is not the one that PARAM's numbers are of."""
    matrix = np.array(subject.attributes.get("world_from_file", np.eye(4)), np.float64)
    metres_per_unit = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    turn = matrix[:3, :3] / metres_per_unit
    units_per_metre = float(param["scale"]) / metres_per_unit
    height_m = float(np.ptp(subject.mesh.vertices[:, 1].astype(np.float64)))
    rotation = np.asarray(param["R"], np.float64) @ turn.T
    if abs(units_per_metre * height_m / PERSON_UNITS - 1) > 1e-3:
        return similarity(subject, center), rotation
    x, y, z = (float(value) for value in matrix[:3, :3] @ param["center"] + matrix[:3, 3])
    found = similarity(subject, center)
    if np.abs(np.array([x, y, z]) - found.center_m).max() > 0.02 * height_m:
        return found, rotation  # the right size, but moved since
    return Similarity(units_per_metre=units_per_metre, center_m=(x, y, z)), rotation


def view_of(
    subject: Subject,
    param: Mapping[str, Any],
    *,
    width_px: int | None = None,
    background: Mapping[str, Any] | None = None,
    center: Center = "vertices",
) -> View:
    """The view that a PARAM describes, lit with shadows, at the size that it was written for unless another one is given.

    PARAM says nothing about the background; the published one is black.
    """
    frame, rotation = placed(subject, param, center)
    yaw = float(np.arctan2(rotation[0, 2], rotation[0, 0]))
    seen = camera(frame, yaw, width_px or size_px(param))
    x, y, z = (float(value) for value in -rotation @ np.array(frame.center_m))
    return View(
        camera=dataclasses.replace(seen, rotation=tuple(rotation.reshape(-1).tolist()), translation_m=(x, y, z)),
        yaw_rad=yaw % (2 * np.pi),
        light=HarmonicLight.of(param["sh"], LIGHT_GAMMA, shadows=True),
        background=BLACK if background is None else background,
    )


@dataclass(frozen=True, kw_only=True)
class ParamReplay:
    """The protocol whose views are read instead of drawn; ``protocol`` says what the files do not."""

    protocol: PifuProtocol
    folder: Path
    """Of the subjects' PARAM folders."""

    @property
    def name(self) -> str:
        """The protocol's."""
        return self.protocol.name

    @classmethod
    def of(cls, folder: Path, protocol: PifuProtocol) -> ParamReplay:
        return cls(protocol=protocol, folder=param_folder(folder))

    def plan(self, subject: Subject, *, index: int, split: str, seed: int) -> SubjectPlan:
        """The views of the subject's PARAM files; InputError when it has none or one cannot be read."""
        path = Path(subject.subject_id)
        names = (path.stem, path.name, *path.parts)
        files = next((files for name in names if (files := param_files(self.folder / name))), [])
        if not files:
            raise InputError(f"{subject.subject_id}: has no PARAM files in {self.folder}.")
        params = [read_param(file) for file in files]
        base = dataclasses.replace(self.protocol, views_per_subject=1, background="black", background_folder=None)
        plan = base.plan(subject, index=index, split=split, seed=seed)
        rule = center_rule(self.folder)
        views = tuple(view_of(subject, param, center=rule) for param in params)
        return dataclasses.replace(plan, similarity=placed(subject, params[0], rule)[0], views=views)


def param_names(folder: Path) -> list[str]:
    """The names of all PARAM files with their subject, sorted."""
    root = param_folder(folder)
    return sorted(file.relative_to(root).as_posix() for path in root.iterdir() if path.is_dir() for file in param_files(path))
