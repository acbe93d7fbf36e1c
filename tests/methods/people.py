"""A made-up person for the tests: a few coloured balls, drawn exactly by orthographic cameras, with labelled points."""

from typing import Any

import numpy as np

from vitruvian.datagen.lights.harmonic import HarmonicLight, ambient, open_transfer
from vitruvian.datagen.view import View
from vitruvian.geometry.camera import Camera

CENTRES = np.array([(0, 1.5, 0), (0, 1.05, 0), (0.45, 1.2, 0.15), (0.12, 0.35, -0.1)])
RADII = np.array([0.18, 0.3, 0.12, 0.3])
COLOURS = np.array([(230, 180, 150), (200, 40, 40), (40, 200, 60), (50, 60, 220)], np.uint8)
HALF_EXTENT_M = 1.0


def camera(yaw: float = 0.0, size_px: int = 128) -> Camera:
    """Looks at the height 0.9 m, one metre to each side; the person turned by ``yaw``."""
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    focal = size_px / 2 / HALF_EXTENT_M
    return Camera(
        projection="orthographic",
        width_px=size_px,
        height_px=size_px,
        focal_px=(focal, focal),
        center_px=(size_px / 2, size_px / 2),
        rotation=(c, 0.0, s, 0.0, 1.0, 0.0, -s, 0.0, c),
        translation_m=(0.0, -0.9, 0.0),
    )


def occupied(points: np.ndarray) -> np.ndarray:
    return (np.linalg.norm(points[:, None] - CENTRES, axis=2) < RADII).any(1)


def stored_view(*, yaw: float = 0.0, size_px: int = 128, num_points: int = 6000, seed: int = 1) -> dict[str, Any]:
    """What a data set gives for one view."""
    view = camera(yaw, size_px)
    rows, columns = np.mgrid[0:size_px, 0:size_px] + 0.5
    rgb = np.full((size_px, size_px, 3), 255, np.uint8)
    nearest = np.full((size_px, size_px), np.inf)
    for centre, radius, colour in zip(CENTRES, RADII, COLOURS, strict=True):
        u, v, depth = view.project(centre[None])[0]
        distance = np.hypot(columns - u, rows - v) / view.focal_px[0]
        front = depth - np.sqrt(np.clip(radius**2 - distance**2, 0, None))
        seen = (distance < radius) & (front < nearest)
        rgb[seen], nearest[seen] = colour, front[seen]
    rng = np.random.default_rng(seed)
    points = rng.uniform((-0.6, 0, -0.5), (0.6, 1.8, 0.5), (num_points, 3)).astype(np.float32)
    return {
        "rgb": rgb,
        "mask": np.isfinite(nearest),
        "camera": view,
        "query_points": points,
        "query_labels": occupied(points),
        "subject_id": "balls",
        "view_index": 0,
    }


def with_colours(stored: dict[str, Any], *, num_points: int = 4000, seed: int = 2, brightness: float = 1.0) -> dict[str, Any]:
    """A stored view with a pool of surface points, under an even light in which the picture's colours are the albedo's."""
    rng = np.random.default_rng(seed)
    ball = rng.choice(len(RADII), 4 * num_points, p=RADII**2 / (RADII**2).sum())
    normals = rng.normal(size=(4 * num_points, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points = CENTRES[ball] + RADII[ball, None] * normals
    seen = np.flatnonzero(~occupied(points + 1e-4 * normals))[:num_points]
    light = HarmonicLight.of(brightness * ambient(np.ones(3)))
    view = View(camera=stored["camera"], yaw_rad=0.0, light=light, background={})
    return {
        **stored,
        "color_points": points[seen].astype(np.float32),
        "color_albedo": COLOURS[ball[seen]],
        "color_transfer": open_transfer(normals[seen]).astype(np.float32),
        "view": view.description(),
    }


class Turned:
    """The siblings of a stored view: the same person from around, drawn when asked for."""

    def __init__(self, yaws: list[float], size_px: int = 128) -> None:
        self.yaws, self.size_px = yaws, size_px
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.yaws)

    def camera(self, place: int) -> Camera:
        return camera(self.yaws[place], self.size_px)

    def __getitem__(self, place: int) -> dict[str, Any]:
        self.asked.append(place)
        return stored_view(yaw=self.yaws[place], size_px=self.size_px)
