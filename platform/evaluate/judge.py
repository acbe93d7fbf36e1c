"""Measure one reconstruction: what must be known of the truth is worked out once and serves every model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.evaluate.metrics.catalogue import METRICS
from vitruvian.evaluate.metrics.picture import compare_views, seen, shown
from vitruvian.evaluate.metrics.published import normal_map_distances, published_vertex_metrics
from vitruvian.evaluate.metrics.published_view import (
    PublishedFrame,
    PublishedTruth,
    drawn_normals,
    published_estimate,
    published_frame,
    truth_from_items,
    truth_from_mesh,
    view_camera,
)
from vitruvian.evaluate.metrics.surface import (
    DEFAULT_NUM_SAMPLES,
    SampledSurface,
    SurfaceComparison,
    compare_sampled,
    sampled_surface,
)
from vitruvian.evaluate.metrics.volume import DEFAULT_CELL_M, volume_iou
from vitruvian.evaluate.results import CURVE_LIMITS_CM
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import GBuffer

VIEW_PX = 512
"""The longer side of the renderings that are compared, so that picture size does not change the measure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """A picture of a person and what is true of it."""

    subject_id: str
    view_index: int
    picture: NDArray[np.uint8]
    """(H, W, 3) sRGB."""
    mask: NDArray[np.bool_]
    """(H, W) the person."""
    camera: Camera
    mesh: Mesh
    """World frame, metres."""
    similarity: tuple[tuple[float, float, float], float] | None = None
    """Centre in metres and units per metre of the published box, where the data have it (protocol ``geopifu``)."""
    normal: NDArray[np.float32] | None = None
    """(H, W, 3) the stored normal picture of data with the published pictures (of proportions 2 to 3); else it is drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """How results are measured."""

    cell_m: float = DEFAULT_CELL_M
    num_samples: int = DEFAULT_NUM_SAMPLES
    seed: int = 0
    threads: int = 1


class Judge:
    """Measures reconstructions of one picture. Making one raises ``ValueError`` when the truth cannot be measured."""

    def __init__(self, truth: Truth, measuring: Measuring) -> None:
        threads = measuring.threads
        self.truth, self.measuring = truth, measuring
        scale = VIEW_PX / max(truth.camera.width_px, truth.camera.height_px)
        self.camera = truth.camera.resized(
            max(1, round(scale * truth.camera.width_px)), max(1, round(scale * truth.camera.height_px))
        )
        self.view: GBuffer = seen(truth.mesh, self.camera, threads=threads)
        if not self.view.mask.any():
            raise ValueError("the picture's camera does not see the truth.")
        self.surface: SampledSurface = sampled_surface(
            truth.mesh, num_samples=measuring.num_samples, seed=measuring.seed + 1, threads=threads
        )
        self.shown = shown(self.surface.points, self.camera, self.view)
        center = None if truth.similarity is None else (np.asarray(truth.similarity[0]), truth.similarity[1])
        self.frame: PublishedFrame = published_frame(truth.mesh, truth.camera, center)
        self.published: PublishedTruth = (
            truth_from_mesh(truth.mesh, self.frame, threads=threads)
            if truth.normal is None
            else truth_from_items(truth.normal, truth.mask)
        )

    def measure(self, reconstruction: Mesh) -> tuple[dict[str, float], tuple[float, ...]]:
        """Every measure of the catalogue by name, and the share of the surfaces within each of ``CURVE_LIMITS_CM``.

        The reconstruction is in metres in the camera's world frame; nothing is aligned. A measure that does not exist is left
        out: ``normal_front_deg`` when the silhouettes do not meet, a mean over points of which there are none, a published
        one that is NaN. Raises ``ValueError`` for a mesh without volume or outer surface.
        """
        truth, threads = self.truth.mesh, self.measuring.threads
        ours = sampled_surface(
            reconstruction, num_samples=self.measuring.num_samples, seed=self.measuring.seed, threads=threads
        )  # fmt: skip
        surfaces = compare_sampled(ours, self.surface, threads=threads)
        values = {
            "iou": volume_iou(reconstruction, truth, cell_m=self.measuring.cell_m, threads=threads),
            **surfaces.metrics(),
            **self._sides(surfaces),
            **compare_views(seen(reconstruction, self.camera, threads=threads), self.view),
            **self._published(reconstruction),
        }
        shares = tuple(
            (surfaces.reconstruction_to_truth.share_within(limit) + surfaces.truth_to_reconstruction.share_within(limit)) / 2
            for limit in CURVE_LIMITS_CM
        )
        return {name: values[name] for name in METRICS if name in values and math.isfinite(values[name])}, shares

    def _sides(self, surfaces: SurfaceComparison) -> dict[str, float]:
        distance = surfaces.truth_to_reconstruction.distance_cm
        sides = {"p2s_visible_cm": self.shown, "p2s_hidden_cm": ~self.shown}
        return {name: float(distance[side].mean()) for name, side in sides.items() if side.any()}

    def _published(self, reconstruction: Mesh) -> dict[str, float]:
        units = published_estimate(reconstruction.vertices, self.frame)
        values = published_vertex_metrics(units, self.frame.units(self.truth.mesh.vertices))
        cosine, l2 = published_normals(units, reconstruction.faces, self.published, threads=self.measuring.threads)
        return {**values, "normal_front_cosine": cosine, "normal_front_l2": l2}


def published_normals(
    units: NDArray[np.float64], faces: NDArray[np.int32], truth: PublishedTruth, *, lines: bool = True, threads: int = 1
) -> tuple[float, float]:
    """Normal cosine and L2 distance of an estimate in published axes and units; ``lines`` as the original draws it."""
    camera_units = units * np.array([1.0, -1.0, -1.0])
    normal, mask = drawn_normals(camera_units, faces, view_camera(), lines=lines, threads=threads)
    return normal_map_distances(normal, truth.normal, mask, truth.mask)
