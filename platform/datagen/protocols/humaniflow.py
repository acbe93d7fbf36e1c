"""HuManiFlow's pictures (Sengupta et al., CVPR 2023): bodies with painted clothes, a near camera, one lamp, any background.

The published program draws these pictures while it trains; here they are drawn once, from the same distributions. A subject is
one pose; its shape, its texture and, for each view, its turn, camera, lamp and background are drawn anew. What is cropped, cut
out and jittered afterwards belongs to training: ``datagen/proxy``.

The camera is the published one: 300 pixels of focal length on 256, the body (0, -0.2, 2.5) metres from it (y down), plus noise
of N(0.05), N(0.05) and U(-0.5, 0.5). That places SMPL's origin, 0.2 m above the pelvis; the built-in body, whose origin is its
pelvis, is placed at (0, 0, 2.5). Sources hand out people who face the viewer, so a turn is drawn as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.charts import PART_NAMES
from vitruvian.bodies.files import load_builtin
from vitruvian.bodies.skinning import pose_body
from vitruvian.datagen.backgrounds.kinds import BackgroundKind, random_background
from vitruvian.datagen.body_plan import BodyPlan
from vitruvian.datagen.body_surface import body_surface
from vitruvian.datagen.body_textures.atlas import textured_body
from vitruvian.datagen.body_textures.library import TextureLibrary
from vitruvian.datagen.body_textures.paint import paint_body
from vitruvian.datagen.items.context import known_body
from vitruvian.datagen.lights.harmonic import rotation_y
from vitruvian.datagen.lights.phong import PhongLight
from vitruvian.datagen.plan import SubjectPlan
from vitruvian.datagen.protocols.pifu import PifuProtocol, even_yaw_rad
from vitruvian.datagen.seeds import Stream, generator
from vitruvian.datagen.subject import BodySurface, Subject
from vitruvian.datagen.view import View
from vitruvian.geometry.camera import Camera

SIZE_PX = 256
FOCAL_PX = 300.0
MEAN_TRANSLATION_M = (0.0, -0.2, 2.5)
XY_STD_M = 0.05
DEPTH_RANGE_M = (-0.5, 0.5)
SHAPE_STD = 1.25
LAMP_DISTANCE_M = (0.05, 3.0)
AMBIENT = DIFFUSE = (0.4, 0.8)
SPECULAR = (0.0, 0.5)


def anchor_of(subject: Subject) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(3,) the world point that the camera is placed by, and (3,) where the mean camera has it (y down, z away)."""
    body = known_body(subject)
    if body.model != "builtin" and "translation_m" in subject.body_parameters:
        return np.asarray(subject.body_parameters["translation_m"], np.float64), np.array(MEAN_TRANSLATION_M)
    joints = body.joints_m if body.joints_m is not None else subject.joints_m
    pelvis = body.vertices.mean(axis=0) if joints is None else joints[0]
    return np.asarray(pelvis, np.float64), np.array([0.0, 0.0, MEAN_TRANSLATION_M[2]])


def draw_camera(subject: Subject, yaw_rad: float, size_px: int, rng: np.random.Generator) -> Camera:
    """The published camera for one view, seeing the subject turned by ``yaw_rad``."""
    anchor, mean = anchor_of(subject)
    x, y = mean[:2] + rng.normal(0.0, XY_STD_M, 2)
    z = mean[2] + rng.uniform(*DEPTH_RANGE_M)
    rotation = rotation_y(yaw_rad)
    translation = np.array([x, -y, -z]) - rotation @ anchor
    focal = FOCAL_PX * size_px / SIZE_PX
    return Camera(
        projection="perspective",
        width_px=size_px,
        height_px=size_px,
        focal_px=(focal, focal),
        center_px=(size_px / 2, size_px / 2),
        rotation=tuple(rotation.reshape(-1).tolist()),
        translation_m=(float(translation[0]), float(translation[1]), float(translation[2])),
    )


def draw_lamp(anchor_m: NDArray[np.float64], camera: Camera, rng: np.random.Generator) -> PhongLight:
    """White, anywhere around the body's origin, 5 cm to 3 m away."""
    direction = rng.normal(size=3)
    position = anchor_m + direction / np.linalg.norm(direction) * rng.uniform(*LAMP_DISTANCE_M)
    x, y, z = camera.to_camera(position[None])[0]
    return PhongLight(
        position_m=(float(x), float(y), float(z)),
        ambient=float(rng.uniform(*AMBIENT)),
        diffuse=float(rng.uniform(*DIFFUSE)),
        specular=float(rng.uniform(*SPECULAR)),
    )


def whole(background: Mapping[str, Any]) -> dict[str, Any]:
    """A picture is stretched to the view whatever its shape, as published, instead of a piece being cut out of it."""
    return {key: value for key, value in background.items() if key not in ("left", "top", "side")}


@dataclass(frozen=True, kw_only=True)
class HumaniflowProtocol:
    """How many views are drawn of a subject, how large, before which background."""

    views_per_subject: int = 1
    arc_deg: int = 360
    size_px: int = SIZE_PX
    background: BackgroundKind = "fields"
    background_folder: Path | None = None
    background_pictures: tuple[str, ...] = ()
    textures: TextureLibrary | None = None
    """Published atlas textures; None paints clothes."""
    data_folder: Path | None = None
    """SMPL's additional files, see ``BodyPlan``."""
    query_points: int = 85_000
    voxel_resolution: int = 128
    body: BodyPlan = field(init=False)

    name = "humaniflow"

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", BodyPlan(joint_set="coco17", data_folder=self.data_folder))

    def prepare(self, subject: Subject, *, index: int, seed: int) -> Subject:
        """The body alone, with a texture drawn for it; the built-in body also gets a shape, N(0, 1.25^2) in each coefficient.

        A body that its source has already painted keeps shape and paint, unless there are published textures.
        """
        body = known_body(subject)
        alone = len(subject.mesh.vertices) == len(body.vertices)
        if alone and self.textures is None:
            return subject
        parameters = dict(subject.body_parameters)
        if body.model == "builtin" and not alone and "body_pose" in parameters:
            body, parameters = _reshaped(body, parameters, generator(seed, index, Stream.BODY))
        charts, rng = self.body.charts(body), generator(seed, index, Stream.TEXTURE)
        if self.textures is None:
            texture, look = paint_body(body, charts, rng), "painted"
        else:
            texture, look = self.textures.draw(rng)
        return replace(
            subject,
            mesh=textured_body(body, charts, texture),
            body=body,
            joints_m=body.joints_m,
            body_parameters=parameters,
            attributes={
                **{key: subject.attributes[key] for key in ("pose", "model") if key in subject.attributes},
                "texture": look,
                "labels": list(PART_NAMES),
            },
        )

    def plan(self, subject: Subject, *, index: int, split: str, seed: int) -> SubjectPlan:
        """Held-out subjects turn evenly, from the front on; training subjects at random."""
        volumes = PifuProtocol(
            views_per_subject=1,
            center="vertices",
            query_points=self.query_points,
            voxel_resolution=self.voxel_resolution,
        ).plan(subject, index=index, split=split, seed=seed)
        rng = generator(seed, index, Stream.VIEWS)
        arc = np.radians(self.arc_deg)
        views = []
        for number in range(self.views_per_subject):
            turn = float(rng.uniform(-arc / 2, arc / 2))
            yaw = turn if split == "train" else even_yaw_rad(number, self.views_per_subject, self.arc_deg)
            views.append(self._view(subject, yaw, rng))
        return replace(volumes, views=tuple(views), body=self.body)

    def _view(self, subject: Subject, yaw_rad: float, rng: np.random.Generator) -> View:
        camera = draw_camera(subject, yaw_rad, self.size_px, rng)
        return View(
            camera=camera,
            yaw_rad=yaw_rad,
            light=draw_lamp(anchor_of(subject)[0], camera, rng),
            background=whole(random_background(self.background, rng, self.background_pictures)),
            background_folder=self.background_folder,
        )


def _reshaped(
    body: BodySurface, parameters: dict[str, NDArray[np.float32]], rng: np.random.Generator
) -> tuple[BodySurface, dict[str, NDArray[np.float32]]]:
    """The built-in body in the same pose with another shape, its feet on the floor, its pelvis where it was."""
    model = load_builtin()
    betas = (SHAPE_STD * rng.normal(size=10)).astype(np.float32)
    pose = {name: parameters[name] for name in ("body_pose", "global_orient")}
    posed = pose_body(model, betas=betas, **pose)
    shift = np.array([-posed.joints[0, 0], -posed.vertices[:, 1].min(), -posed.joints[0, 2]], np.float32)
    surface = body_surface(model, posed.vertices + shift, posed.joints + shift, name=body.model)
    return surface, {"betas": betas, **pose, "translation_m": shift}
