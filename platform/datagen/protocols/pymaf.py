"""Pictures for PyMAF (Zhang et al., ICCV 2021): people seen by its own camera, with the labels that its photographs have.

PyMAF is trained on photographs in the format of SPIN: a box around the person, 2D and 3D keypoints, SMPL parameters in the
camera's axes, IUV maps of 56 pixels. Here the photograph is drawn. Its camera is the one that PyMAF assumes, 5000 pixels of
focal length on a crop of 224, so the labels fit without any fitting. The picture shows more than the crop: the box takes the
middle 224 of 320 pixels, so that SPIN's rotations and scales find something at its border; the IUV map covers the picture at a
quarter of its resolution, so the middle 56 of its 80 pixels are the published ones. ``spin/sample.py`` makes the published
training sample of all this.

Ours, because photographs have no protocol: turns all around, the camera up to 25 degrees above or 10 below the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vitruvian.datagen.backgrounds.kinds import BackgroundKind, random_background
from vitruvian.datagen.body_plan import BodyPlan
from vitruvian.datagen.items.context import known_body
from vitruvian.datagen.lights.harmonic import HarmonicLight, random_light, rotation_y
from vitruvian.datagen.plan import SubjectPlan
from vitruvian.datagen.protocols.pifu import LIGHT_GAMMA, PifuProtocol, even_yaw_rad
from vitruvian.datagen.seeds import Stream, generator
from vitruvian.datagen.spin.camera import FOCAL_PX
from vitruvian.datagen.spin.camera import SIZE_PX as CROP_PX
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.geometry.camera import Camera

SIZE_PX = 320
BOX_SCALE = 1.2
"""Side of the box over the larger side of the person, as in SPIN's lists."""
IUV_STRIDE = 4
ELEVATION_DEG = (-10.0, 25.0)


def look_at_person(subject: Subject, yaw_rad: float, elevation_rad: float, size_px: int) -> Camera:
    """PyMAF's camera: the person's box, 1.2 times its larger side, fills the middle 224 / 320 of the picture."""
    c, s = np.cos(elevation_rad), np.sin(elevation_rad)
    tilt = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    rotation = tilt @ rotation_y(yaw_rad)
    points = subject.mesh.vertices.astype(np.float64) @ rotation.T
    low, high = points.min(axis=0), points.max(axis=0)
    side = BOX_SCALE * float((high - low)[:2].max())
    middle = (low + high) / 2
    distance = FOCAL_PX * side / CROP_PX
    zoom = size_px / SIZE_PX
    return Camera(
        projection="perspective",
        width_px=size_px,
        height_px=size_px,
        focal_px=(FOCAL_PX * zoom, FOCAL_PX * zoom),
        center_px=(size_px / 2, size_px / 2),
        rotation=tuple(rotation.reshape(-1).tolist()),
        translation_m=(float(-middle[0]), float(-middle[1]), float(-middle[2] - distance)),
    )


@dataclass(frozen=True, kw_only=True)
class PymafProtocol:
    """How many views are drawn of a subject, how large, before which background."""

    views_per_subject: int = 4
    arc_deg: int = 360
    size_px: int = SIZE_PX
    background: BackgroundKind = "fields"
    background_folder: Path | None = None
    background_pictures: tuple[str, ...] = ()
    data_folder: Path | None = None
    """SMPL's additional files, see ``BodyPlan``."""
    query_points: int = 85_000
    voxel_resolution: int = 128

    name = "pymaf"

    def plan(self, subject: Subject, *, index: int, split: str, seed: int) -> SubjectPlan:
        """Held-out subjects turn evenly, from the front on, at eye level; training subjects at random."""
        known_body(subject)
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
            yaw, elevation = float(rng.uniform(-arc / 2, arc / 2)), float(np.radians(rng.uniform(*ELEVATION_DEG)))
            if split != "train":
                yaw, elevation = even_yaw_rad(number, self.views_per_subject, self.arc_deg), 0.0
            views.append(self._view(subject, yaw, elevation, rng))
        body = BodyPlan(joint_set="pymaf49", iuv_stride=IUV_STRIDE, data_folder=self.data_folder)
        return replace(volumes, views=tuple(views), body=body)

    def _view(self, subject: Subject, yaw_rad: float, elevation_rad: float, rng: np.random.Generator) -> View:
        return View(
            camera=look_at_person(subject, yaw_rad, elevation_rad, self.size_px),
            yaw_rad=yaw_rad,
            light=HarmonicLight.of(random_light(rng), LIGHT_GAMMA),
            background=random_background(self.background, rng, self.background_pictures),
            background_folder=self.background_folder,
        )
