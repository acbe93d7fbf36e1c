"""Geo-PIFu's data (He et al., NeurIPS 2020): four draws of each person, four views of each draw, 1024 x 1536 pixels.

Its frame has x to the right, y *down* and z *into the scene*. A draw turns the person by whole degrees, scales it until it
just fits a box of 0.85 times the volume (2/3 x 1 x 2/3 units), and chooses a background and lamps. The camera is orthographic
and never moves: 1536 pixels are one unit, a voxel is 8 pixels, and the sample of pixel (i, j) is at u = i, v = j. The four
views are quarter turns of the drawn person. Everything random is in a ``Draw``, which
``datagen/replays/geopifu_config.py`` writes as the published JSON and reads back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.backgrounds.kinds import BackgroundKind, random_background
from vitruvian.datagen.body_plan import BodyPlan
from vitruvian.datagen.lights.points import PointLights, Triple
from vitruvian.datagen.plan import QueryPlan, Similarity, SubjectPlan, VoxelPlan
from vitruvian.datagen.replays.geopifu_config import VIEWS, Draw, document_of, picture_number
from vitruvian.datagen.seeds import Stream, generator
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.geometry.camera import Camera

FROM_WORLD = np.diag([1.0, -1.0, -1.0])
"""World axes (y up, z to the viewer) to Geo-PIFu's, and back."""
HALF_EXTENT = (1 / 3, 1 / 2, 1 / 3)
MARGIN = 0.15
NEAREST_LIGHT_DEG = 40
"""Sky lamps in front that are no farther than this from the viewing direction are left out when there is another one."""
VOXELS = (128, 192, 128)
VOXEL_ORIGIN = (-1 / 3, -1 / 2, -1 / 3)
VOXEL_CELL = 1 / 192
SIGMA = 3.5 / 192
SURFACE_PER_UNIFORM = 16
BASE_WIDTH_PX = 256
"""The published ``resolutionScale`` multiplies this and a height 1.5 times it."""
# FRONT, RIGHT, BACK, LEFT: successive turns by -90 degrees about Geo-PIFu's y.
TURNS = tuple(
    np.array(turn, np.float64)
    for turn in (
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
        ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
        ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    )
)
YAWS_RAD = (0.0, -np.pi / 2, np.pi, np.pi / 2)


def rotation_of(ax_deg: float, ay_deg: float, az_deg: float) -> NDArray[np.float64]:
    """``Rz Ry Rx``, right-handed turns about the axes."""
    (cx, cy, cz), (sx, sy, sz) = (function(np.radians([ax_deg, ay_deg, az_deg])) for function in (np.cos, np.sin))
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return rz @ ry @ rx


def random_sky_lights(rng: np.random.Generator) -> tuple[int | None, int | None, int]:
    """One or two lamps in front and one behind. Both near the viewing direction: the farther one stays, on a tie the left."""
    left, right = int(rng.integers(3, 91)), int(rng.integers(3, 91))
    if max(left, right) <= NEAREST_LIGHT_DEG:
        return (-left, None, 180) if left >= right else (None, right, 180)
    return (-left if left > NEAREST_LIGHT_DEG else None, right if right > NEAREST_LIGHT_DEG else None, 180)


def draw_backgrounds(
    kind: BackgroundKind, names: Sequence[str], number: int, rng: np.random.Generator
) -> list[Mapping[str, Any]]:
    """``number`` backgrounds. Pictures are stretched, and of different folders (LSUN's categories) as far as there are any."""
    if kind not in ("pictures", "lsun"):
        return [random_background(kind, rng) for _ in range(number)]
    by_category: dict[str, list[str]] = {}
    for name in names:
        by_category.setdefault(name.rpartition("/")[0], []).append(name)
    categories = sorted(by_category)
    order = [categories[k] for k in rng.permutation(len(categories))]
    chosen = [by_category[order[k % len(order)]] for k in range(number)]
    stored = "lsun" if kind == "lsun" else "picture"
    return [{"kind": stored, "file": options[int(rng.integers(len(options)))]} for options in chosen]


def random_draws(rng: np.random.Generator, number: int, kind: BackgroundKind, names: Sequence[str] = ()) -> tuple[Draw, ...]:
    """The draws of one person."""
    draws = []
    for background in draw_backgrounds(kind, names, number, rng):
        ax, ay, az = (int(rng.integers(-limit, limit + 1)) for limit in (15, 45, 15))
        rotation = tuple(rotation_of(ax, ay, az).reshape(-1).tolist())
        draws.append(Draw(rotation=rotation, sky_lights_deg=random_sky_lights(rng), background=background))
    return tuple(draws)


def similarity(subject: Subject, rotation_33: NDArray[np.float64]) -> Similarity:
    """World metres to units: centred at the mean of the vertices, turned, and scaled until one side touches the 0.85 box."""
    vertices = subject.mesh.vertices.astype(np.float64)
    center = vertices.mean(axis=0)
    turned = (vertices - center) @ (rotation_33 @ FROM_WORLD).T
    reach = np.stack([-turned.min(axis=0), turned.max(axis=0)])
    scale = float((np.array(HALF_EXTENT) * (1 - MARGIN) / np.abs(reach)).min())
    return Similarity(
        units_per_metre=scale,
        center_m=(float(center[0]), float(center[1]), float(center[2])),
        rotation=tuple((rotation_33 @ FROM_WORLD).reshape(-1).tolist()),
    )


def camera(frame: Similarity, view: int, width_px: int) -> Camera:
    """The camera of one of the four views. Its origin is the person's centre; it sees the whole volume.

    Published pixels sample at whole coordinates, ours at halves: so the principal point is half a pixel off the middle.
    """
    rotation = FROM_WORLD @ TURNS[view] @ frame.rotation_33
    translation = -rotation @ np.array(frame.center_m)
    focal = 1.5 * width_px * frame.units_per_metre
    return Camera(
        projection="orthographic",
        width_px=width_px,
        height_px=height_px(width_px),
        focal_px=(focal, focal),
        center_px=(width_px / 2 + 0.5, 0.75 * width_px + 0.5),
        rotation=tuple(rotation.reshape(-1).tolist()),
        translation_m=(float(translation[0]), float(translation[1]), float(translation[2])),
    )


def height_px(width_px: int) -> int:
    """The pictures are half as high again as wide."""
    return width_px * 3 // 2


def lamps(frame: Similarity, sky_lights_deg: Sequence[int | None]) -> PointLights:
    """A lamp on the ground in front and the sky's, all white; their published places are in units of the draw."""
    places = [(0.0, 2.5, -5.0)]
    for azimuth in sky_lights_deg:
        if azimuth is not None:
            angle = np.radians(azimuth)
            places.append((10 * np.sin(angle), -2.5, -10 * np.cos(angle)))
    in_camera = np.array(places) @ FROM_WORLD / frame.units_per_metre
    positions: tuple[Triple, ...] = tuple((x, y, z) for x, y, z in in_camera.tolist())
    return PointLights(positions_m=positions, colors=((1.0, 1.0, 1.0),) * len(positions))


def mesh_path(subject: Subject) -> str:
    """Where the published layout has a subject's mesh; other sources' subjects are named by their id."""
    return f"DeepHumanDataset/dataset/{subject.subject_id}/mesh.obj" if subject.source == "deephuman" else subject.subject_id


@dataclass(frozen=True, kw_only=True)
class GeopifuProtocol:
    """Sixteen pictures of each person at 1024 x 1536, unless fewer or smaller ones are asked for."""

    draws_per_subject: int = 4
    width_px: int = 1024
    background: BackgroundKind = "fields"
    background_folder: Path | None = None
    background_pictures: tuple[str, ...] = ()
    query_points: int = 85_000
    body: BodyPlan = field(default_factory=BodyPlan)
    """Joints and charts."""
    published: bool = False
    """Reproduce the original's defects, see ``datagen/protocols/geopifu_published.py``."""

    name = "geopifu"

    def plan(self, subject: Subject, *, index: int, split: str, seed: int) -> SubjectPlan:
        """The draws of a person; they depend on the seed and its position only, not on the split."""
        rng = generator(seed, index, Stream.VIEWS)
        draws = random_draws(rng, self.draws_per_subject, self.background, self.background_pictures)
        documents = [
            document_of(
                one,
                mesh_path=mesh_path(subject),
                base=picture_number(index, number, 0, draws_per_subject=self.draws_per_subject),
                width_px=self.width_px,
                draws_per_subject=self.draws_per_subject,
                split=split,
            )
            for number, one in enumerate(draws)
        ]
        return self.plan_of(subject, draws, documents)

    def plan_of(self, subject: Subject, draws: Sequence[Draw], documents: Sequence[Mapping[str, Any]]) -> SubjectPlan:
        """The plan for given draws and their JSON contents."""
        pairs = enumerate(zip(draws, documents, strict=True))
        first, *others = [self._plan_of_draw(subject, draw, document, group) for group, (draw, document) in pairs]
        return replace(first, further=tuple(others))

    def _plan_of_draw(self, subject: Subject, draw: Draw, document: Mapping[str, Any], group: int) -> SubjectPlan:
        frame = similarity(subject, np.array(draw.rotation).reshape(3, 3))
        light = lamps(frame, draw.sky_lights_deg)
        views = [
            View(
                camera=camera(frame, view, self.width_px),
                yaw_rad=YAWS_RAD[view],
                light=light,
                background=draw.background,
                background_folder=self.background_folder,
                group=group,
            )
            for view in range(VIEWS)
        ]
        x, y, z = HALF_EXTENT
        return SubjectPlan(
            similarity=frame,
            views=tuple(views),
            query=QueryPlan(
                num_points=self.query_points,
                sigma=SIGMA,
                surface_per_uniform=SURFACE_PER_UNIFORM,
                box_min=(-x, -y, -z),
                box_max=(x, y, z),
            ),
            voxels=VoxelPlan(origin=VOXEL_ORIGIN, cell=VOXEL_CELL, resolution=VOXELS, rule="shell_fill"),
            body=self.body,
            config=document,
            published=self.published,
        )
