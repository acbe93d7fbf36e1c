"""Posed bodies without clothes but with clothes painted on, as SURREAL makes them: any SMPL-format model, any list of poses.

Subject k is a pure function of (model, poses, textures, seed, k). Without files it uses the built-in body and everyday poses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.amass import AmassFolder
from vitruvian.bodies.charts import PART_NAMES
from vitruvian.bodies.model import BodyModel
from vitruvian.bodies.model_choice import Gender, ModelChoice
from vitruvian.bodies.pose_list import PoseList
from vitruvian.bodies.poses import NOT_UPRIGHT, POSE_NAMES, SampledPose, sample_pose
from vitruvian.bodies.skeleton import JOINT_INDEX
from vitruvian.bodies.skinning import pose_body
from vitruvian.datagen.body_plan import BodyPlan
from vitruvian.datagen.body_surface import body_surface
from vitruvian.datagen.body_textures.atlas import textured_body
from vitruvian.datagen.body_textures.paint import paint_body
from vitruvian.datagen.convention import Convention
from vitruvian.datagen.subject import BodySurface, Subject
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.obj_file import read_obj
from vitruvian.geometry.pictures import read_picture

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
UPRIGHT = tuple(name for name in POSE_NAMES if name not in NOT_UPRIGHT)
_WHO, _POSE, _LOOK = range(3)
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyChart:
    """Texture coordinates for a model that has none of its own."""

    uvs: Floats
    uv_faces: NDArray[np.int32]


def read_chart(path: Path, model: BodyModel) -> BodyChart:
    """From an OBJ template of the same body (SMPL's publisher gives one, SURREAL draws its textures for it); faces are matched
    by their vertices, so their order does not matter. InputError when it is of another body."""
    obj = read_obj(path)
    if len(obj.faces) != len(model.faces) or len(obj.positions) != model.num_vertices or (obj.uv_faces < 0).any():
        raise InputError(
            f"--body-uv {path}: has {len(obj.positions)} vertices, {len(obj.faces)} faces"
            f"{'' if (obj.uv_faces >= 0).all() else ', some without texture coordinates'}; the body model has "
            f"{model.num_vertices} and {len(model.faces)}. Give the UV template of this model."
        )
    uv_faces = np.zeros((len(obj.faces), 3), np.int64)
    theirs, ours = (np.argsort(_face_keys(faces), kind="stable") for faces in (obj.faces, model.faces))
    if (np.sort(obj.faces[theirs], axis=1) != np.sort(model.faces[ours], axis=1)).any():
        raise InputError(
            f"--body-uv {path}: its faces join other vertices than the body model's. Give the template of this model."
        )
    for corner in range(3):  # the same face may begin at another corner
        match = (obj.faces[theirs] == model.faces[ours][:, corner : corner + 1]).argmax(axis=1)
        uv_faces[ours, corner] = np.take_along_axis(obj.uv_faces[theirs], match[:, None], axis=1)[:, 0]
    return BodyChart(uvs=obj.uvs.astype(np.float32), uv_faces=np.ascontiguousarray(uv_faces, np.int32))


def _face_keys(faces: NDArray[np.integer]) -> NDArray[np.int64]:
    ordered = np.sort(faces.astype(np.int64), axis=1)
    size = int(ordered.max()) + 1
    return (ordered[:, 0] * size + ordered[:, 1]) * size + ordered[:, 2]


class SmplSource:
    """Posed bodies; see the module."""

    name = "smpl"
    convention = Convention()

    def __init__(
        self,
        *,
        num_subjects: int,
        seed: int = 0,
        models: ModelChoice | None = None,
        poses: str | Path = "everyday",
        textures: Path | None = None,
        chart: Path | None = None,
        shape_std: float = 1.0,
        gender: Gender = "neutral",
        data_folder: Path | None = None,
    ) -> None:
        """``poses``: ``everyday``, ``upright``, a folder of AMASS .npz motions or a HuManiFlow-style .npz list.

        ``textures``: a folder of pictures for the model's texture chart; None paints clothes, on the body's 24 charts where
        they are known (the built-in body's, and SMPL's where ``data_folder`` holds DensePose's), else by the joints that move
        the skin. ``chart``: an OBJ template with texture coordinates for models without. ``shape_std``: betas are
        N(0, shape_std^2) (HuManiFlow draws with 1.25).
        """
        if num_subjects < 1 or seed < 0 or not shape_std >= 0:
            raise InputError(
                f"num_subjects ({num_subjects}) must be at least 1, seed ({seed}) and shape_std ({shape_std}) not negative."
            )
        self.num_subjects, self.seed, self.shape_std = num_subjects, seed, shape_std
        self.model = (models or ModelChoice()).for_gender(gender)
        if chart is not None:
            found = read_chart(chart, self.model)
            self.model = replace(self.model, uvs=found.uvs, uv_faces=found.uv_faces)
        self.textures = () if textures is None else _list_textures(textures)
        if self.textures and self.model.uvs is None:
            raise InputError(
                f"--body-textures {textures}: the body model {self.model.name!r} has no texture coordinates; give its UV "
                "template, an OBJ file, with --body-uv."
            )
        self._draw_pose = _pose_sampler(poses)
        self._plan = BodyPlan(data_folder=data_folder)

    def subject_ids(self) -> Sequence[str]:
        return [f"body-{k:06d}" for k in range(self.num_subjects)]

    def load(self, subject_id: str) -> Subject:
        found = re.fullmatch(r"body-(\d{6,})", subject_id)
        if found is None or int(found[1]) >= self.num_subjects:
            raise InputError(f"Subject {subject_id!r} is not one of body-000000 to body-{self.num_subjects - 1:06d}.")
        k, model = int(found[1]), self.model
        betas = (self.shape_std * self._rng(k, _WHO).normal(size=min(10, model.num_betas))).astype(np.float32)
        pose = self._draw_pose(self._rng(k, _POSE))
        posed = pose_body(model, betas=betas, body_pose=pose.body_pose, global_orient=pose.global_orient)
        shift = np.array([-posed.joints[0, 0], -posed.vertices[:, 1].min(), -posed.joints[0, 2]], np.float32)
        vertices, joints = posed.vertices + shift, posed.joints + shift
        body = body_surface(model, vertices, joints)
        mesh, look = self._painted(body, self._rng(k, _LOOK))
        return Subject(
            subject_id=subject_id,
            mesh=mesh,
            source=self.name,
            licence=model.licence,
            joints_m=joints,
            body_parameters={
                "betas": betas,
                "body_pose": pose.body_pose.astype(np.float32),
                "global_orient": pose.global_orient.astype(np.float32),
                "translation_m": shift,
            },
            body=body,
            attributes={"pose": pose.name, "model": model.name, "texture": look, "labels": list(self._label_names(body))},
        )

    def _label_names(self, body: BodySurface) -> tuple[str, ...]:
        return body.part_names if self.textures or not self._plan.has_charts(body) else PART_NAMES

    def _painted(self, body: BodySurface, rng: np.random.Generator) -> tuple[Mesh, str]:
        if not self.textures and self._plan.has_charts(body):
            charts = self._plan.charts(body)
            return textured_body(body, charts, paint_body(body, charts, rng)), "painted"
        mesh = replace(self.model.mesh(body.vertices), face_labels=body.part_labels)
        if self.textures:
            path = self.textures[int(rng.integers(len(self.textures)))]
            return replace(mesh, texture=read_picture(path)), path.name
        return replace(mesh, uvs=None, uv_faces=None, vertex_colors=painted_clothes(self.model, rng)), "painted by body part"

    def _rng(self, k: int, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, k, stream))


def painted_clothes(model: BodyModel, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(V, 3) colours: skin, hair, a shirt with long or short sleeves, trousers or shorts, shoes. Follows the skinning weights,
    so it fits every SMPL-format model; a little noise keeps surfaces from being plain."""
    skin = np.array([0.93, 0.76, 0.65]) * rng.uniform(0.35, 1.0) ** np.array([0.8, 1.0, 1.15])
    shirt, trousers = rng.uniform(0.08, 0.92, (2, 3))
    hair, shoes = rng.uniform(0.05, 0.35, 3), np.full(3, rng.uniform(0.05, 0.9))
    colors = np.tile(shirt, (24, 1))

    def put(color: NDArray[np.float64], *names: str) -> None:
        for name in names:
            colors[[JOINT_INDEX[side + name] for side in ("", "left_", "right_") if side + name in JOINT_INDEX]] = color

    put(skin, "neck", "head", "wrist", "hand")
    put(trousers, "pelvis", "hip")
    put(shoes, "ankle", "foot")
    put(skin if rng.random() < 0.5 else shirt, "elbow")
    put(skin if rng.random() < 0.3 else trousers, "knee")
    part = model.vertex_parts
    painted = colors[part]
    rest = model.v_template
    head = part == JOINT_INDEX["head"]
    if head.any():
        low, high = rest[head].min(axis=0), rest[head].max(axis=0)
        height, depth = (rest[:, 1] - low[1]) / (high[1] - low[1]), (rest[:, 2] - low[2]) / (high[2] - low[2])
        painted[head & ((height > 0.85) | ((depth < 0.45) & (height > 0.3)))] = hair
    waves = np.sin(rest.astype(np.float64) @ rng.normal(0, 25.0, (3, 6)) + rng.uniform(0, 6.28, 6)).mean(axis=1)
    return (np.clip(painted * (1 + 0.12 * waves[:, None]), 0, 1) * 255 + 0.5).astype(np.uint8)


def _pose_sampler(poses: str | Path) -> Callable[[np.random.Generator], SampledPose]:
    if str(poses) in ("everyday", "upright"):
        names = UPRIGHT if str(poses) == "upright" else POSE_NAMES
        return lambda rng: sample_pose(rng, names=names)
    path = Path(poses)
    if path.is_dir():
        return AmassFolder.open(path).sample_pose
    if path.suffix.lower() == ".npz":
        return PoseList.open(path).sample_pose
    raise InputError(
        f"--poses {poses}: neither 'everyday' nor 'upright' nor a folder of AMASS .npz files nor an .npz pose list."
    )


def _list_textures(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise InputError(f"--body-textures {folder}: there is no such folder.")
    found = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file()))
    if not found:
        raise InputError(f"--body-textures {folder}: holds no pictures ({', '.join(PICTURES)}).")
    return found
