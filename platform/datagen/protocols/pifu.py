"""PIFu's data (Saito et al., ICCV 2019, the released rendering and training code): what it draws and where it asks for labels.

The person is scaled to 180 units; the camera is orthographic, looks at the middle of the person and sees 102.4 units to each
side. Views are whole degrees of yaw. The light is a spherical harmonics light that stays with the viewer, gamma 2.2, and people
shade themselves. Query points are surface points with 5 units of noise and points uniform in a box, 16 to 1.

JIFF (Cao et al., CVPR 2022) prepares its data in the same way; its noise is 3.5 units, and its colour network's points lie 0.1
units off the surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.backgrounds.kinds import BackgroundKind, random_background
from vitruvian.datagen.lights.harmonic import HarmonicLight, light_from_bank, random_light, rotation_y
from vitruvian.datagen.plan import ColorPlan, QueryPlan, Similarity, SubjectPlan, VoxelPlan
from vitruvian.datagen.protocols.pifu_published import drifting_light
from vitruvian.datagen.seeds import Stream, generator
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.geometry.camera import Camera

Center = Literal["surface", "vertices"]

PERSON_UNITS = 180.0
HALF_EXTENT_UNITS = 102.4
LIGHT_GAMMA = 2.2
SIGMA_UNITS_OF = {"pifu": 5.0, "jiff": 3.5}
"""Deviation of query points from the surface along its normal, by protocol."""
COLOR_SIGMA_UNITS = 0.1
SURFACE_PER_UNIFORM = 16
# The published box is (-128, -28, -128) .. (128, 228, 128) with the feet at y = 0; here y = 0 is the middle of the person.
BOX_MIN_UNITS = (-128.0, -28.0 - PERSON_UNITS / 2, -128.0)
BOX_MAX_UNITS = (128.0, 228.0 - PERSON_UNITS / 2, 128.0)


def similarity(subject: Subject, center: Center = "surface") -> Similarity:
    """180 units a person's height; the centre is the middle of the height, and in x and z the median of the surface.

    The published centre is the median of the vertices. On a scan they lie evenly and the two agree; on a modelled body, where
    half of the vertices are fingers and faces, that median moves by centimetres with the hands, which no picture shows.
    """
    vertices = subject.mesh.vertices.astype(np.float64)
    low, high = float(vertices[:, 1].min()), float(vertices[:, 1].max())
    if center == "surface":
        weights = _vertex_areas(vertices, subject.mesh.faces)
        x, z = (_weighted_median(vertices[:, axis], weights) for axis in (0, 2))
    else:
        x, z = (float(np.median(vertices[:, axis])) for axis in (0, 2))
    return Similarity(units_per_metre=PERSON_UNITS / (high - low), center_m=(x, (low + high) / 2, z))


def _vertex_areas(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(V,) each vertex's part of the surface: a third of its triangles."""
    first, second = (vertices[faces[:, corner]] - vertices[faces[:, 0]] for corner in (1, 2))
    squares = [np.einsum("ij,ij->i", a, b) for a, b in ((first, first), (second, second), (first, second))]
    areas = np.sqrt(np.maximum(squares[0] * squares[1] - squares[2] ** 2, 0)) / 6
    return np.bincount(faces.ravel(), np.repeat(areas, 3), minlength=len(vertices)).astype(np.float64)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The value with half of the weight below it."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(below, below[-1] / 2)]])


def camera(frame: Similarity, yaw_rad: float, size_px: int) -> Camera:
    """The orthographic camera that sees the subject turned by ``yaw_rad``; its origin is the subject's centre."""
    rotation = rotation_y(yaw_rad)
    translation = -rotation @ np.array(frame.center_m)
    focal = frame.units_per_metre * size_px / 2 / HALF_EXTENT_UNITS
    return Camera(
        projection="orthographic",
        width_px=size_px,
        height_px=size_px,
        focal_px=(focal, focal),
        center_px=(size_px / 2, size_px / 2),
        rotation=tuple(rotation.reshape(-1).tolist()),
        translation_m=(float(translation[0]), float(translation[1]), float(translation[2])),
    )


def yaws_deg(num_views: int, start: int, arc: int = 360) -> list[int]:
    """Whole degrees, spread evenly from ``start`` on over the ``arc`` whose middle is the front (0), the first being ``start``.

    The whole circle in 360 views is the published 0..359.
    """
    return [((start + arc * k // num_views + arc // 2) % arc - arc // 2) % 360 for k in range(num_views)]


def even_yaw_rad(number: int, num_views: int, arc_deg: int) -> float:
    """The turn of view ``number`` of people who turn evenly, from the front on and never out of the arc."""
    arc = np.radians(arc_deg)
    yaw = arc * number / num_views
    return float(yaw if arc_deg == 360 or yaw < arc / 2 else yaw - arc)


@dataclass(frozen=True, kw_only=True)
class PifuProtocol:
    """Which views are drawn, with which light and background; how many query points; how fine the voxels."""

    views_per_subject: int = 4
    arc_deg: int = 360
    size_px: int = 512
    background: BackgroundKind = "fields"
    background_folder: Path | None = None
    """Where the pictures are; only for backgrounds ``pictures`` and ``lsun``."""
    background_pictures: tuple[str, ...] = ()
    """Their names, to choose from."""
    light_bank: NDArray[np.float64] | None = None
    """Measured lights (N, 9, 3) to choose from; None draws procedural ones."""
    center: Center = "surface"
    """What the camera looks at: the median of the surface, or of the vertices as published; see ``similarity``."""
    query_points: int = 85_000
    voxel_resolution: int = 128
    color_points: int = 40_000
    sigma: float = SIGMA_UNITS_OF["pifu"]
    """Of the query points' noise, in units: 5 for PIFu, 3.5 for JIFF."""
    shadows: bool = True
    """Whether people shade themselves."""
    published: bool = False
    """Reproduce the original's defects, see ``pifu_published.py``."""
    name: str = "pifu"

    def plan(self, subject: Subject, *, index: int, split: str, seed: int) -> SubjectPlan:
        """Training subjects start at a random yaw; held-out ones at 0, so that their first view is the front."""
        frame = similarity(subject, "vertices" if self.published else self.center)
        rng = generator(seed, index, Stream.VIEWS)
        start = (
            int(rng.integers(max(1, self.arc_deg // self.views_per_subject))) if split == "train" and not self.published else 0
        )
        drifting = None if self.light_bank is None or not self.published else self.light_bank.copy()
        views = [self._view(frame, yaw, rng, drifting) for yaw in yaws_deg(self.views_per_subject, start, self.arc_deg)]
        cell = 2 * HALF_EXTENT_UNITS / self.voxel_resolution
        return SubjectPlan(
            similarity=frame,
            views=tuple(views),
            query=QueryPlan(
                num_points=self.query_points,
                sigma=self.sigma,
                surface_per_uniform=SURFACE_PER_UNIFORM,
                box_min=BOX_MIN_UNITS,
                box_max=BOX_MAX_UNITS,
            ),
            voxels=VoxelPlan(
                origin=(-HALF_EXTENT_UNITS,) * 3,
                cell=cell,
                resolution=(self.voxel_resolution,) * 3,
            ),
            colors=ColorPlan(num_points=self.color_points, sigma=COLOR_SIGMA_UNITS),
            published=self.published,
        )

    def _view(self, frame: Similarity, yaw_deg: int, rng: np.random.Generator, drifting: NDArray[np.float64] | None) -> View:
        yaw = float(np.radians(yaw_deg))
        if drifting is not None:
            light = drifting_light(drifting, rng)
        else:
            light = random_light(rng) if self.light_bank is None else light_from_bank(self.light_bank, rng)
        return View(
            camera=camera(frame, yaw, self.size_px),
            yaw_rad=yaw,
            light=HarmonicLight.of(light, LIGHT_GAMMA, shadows=self.shadows),
            background=random_background(self.background, rng, self.background_pictures),
            background_folder=self.background_folder,
        )
