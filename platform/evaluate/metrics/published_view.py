"""The published normal measures as the original draws them: 256 x 384 pixels of the input view, in the box of height 1.

Truth: a normal picture of 1024 x 1536 pixels, as a JPEG with white where there is no normal, shrunk by the bilinear rule of
OpenCV, and a mask picture whose JPEG is rounded to 0 or 1 and shrunk by leaving pixels out. Estimate: drawn with interpolated
vertex normals, area-weighted, and with the original's lines over silhouettes. Its pixel i samples at u = i, so the shrunk truth
lies 3/8 of a pixel off the estimate; that is part of the measure.

Source: He et al., *Geo-PIFu* (NeurIPS 2020), section 4.2 and its released evaluation.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.datagen.layouts.common import encode_jpeg
from vitruvian.datagen.layouts.geopifu_codec import FLIP, normal_picture
from vitruvian.datagen.protocols.geopifu_published import drawn_over
from vitruvian.evaluate.metrics.published import canonical_fit
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.interpolate import interpolated
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import GBuffer, render

WIDTH_PX, HEIGHT_PX = 256, 384
PICTURE_WIDTH_PX, PICTURE_HEIGHT_PX = 1024, 1536
DECIMALS = 4
"""The original writes its estimates with so many, in units of the box."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedFrame:
    """From world metres to the input view's box: ``FLIP * (rotation @ (world - center_m)) * units_per_metre``."""

    center_m: NDArray[np.float64]
    """(3,)"""
    units_per_metre: float
    rotation_33: NDArray[np.float64]
    """Of the picture's camera, world to camera."""

    def camera_units(self, world_n3: NDArray[Any]) -> NDArray[np.float64]:
        """(N, 3) in the axes of our cameras: x right, y up, z to the viewer."""
        return (np.asarray(world_n3, np.float64) - self.center_m) @ self.rotation_33.T * self.units_per_metre

    def units(self, world_n3: NDArray[Any]) -> NDArray[np.float64]:
        """(N, 3) in the published axes: x right, y down, z into the scene."""
        return self.camera_units(world_n3) * FLIP


def published_frame(truth: Mesh, camera: Camera, similarity: tuple[NDArray[Any], float] | None = None) -> PublishedFrame:
    """The frame of a picture: ``similarity`` is the draw's centre (3,) in metres and units per metre where the data have the
    published one (protocol ``geopifu``); otherwise the truth is fitted to the box as it stands in the world."""
    center, scale = canonical_fit(truth.vertices) if similarity is None else similarity
    return PublishedFrame(center_m=np.asarray(center, np.float64), units_per_metre=float(scale), rotation_33=camera.rotation_33)


def view_camera(width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> Camera:
    """Orthographic, the box's height over the picture's, in units of the box and axes of our cameras."""
    focal = float(height_px)
    return Camera(
        projection="orthographic",
        width_px=width_px,
        height_px=height_px,
        focal_px=(focal, focal),
        center_px=(width_px / 2 + 0.5, height_px / 2 + 0.5),
    )


def drawn_normals(
    vertices: NDArray[Any],
    faces: NDArray[np.int32],
    camera: Camera,
    *,
    normals: NDArray[np.float32] | None = None,
    lines: bool = True,
    threads: int = 1,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Interpolated unit normals (H, W, 3) in the camera's axes and where anything is drawn (H, W).

    ``vertices`` (V, 3) in camera axes and units of the box; ``normals`` (V, 3) unit, None: area-weighted. ``lines``: with the
    original's lines over silhouettes.
    """
    mesh = Mesh(vertices=np.ascontiguousarray(vertices, np.float32), faces=np.ascontiguousarray(faces))
    normals = mesh.vertex_normals() if normals is None else np.ascontiguousarray(normals)
    drawn: GBuffer = render(
        mesh, camera, fields=("mask", "face_id", "barycentrics", "depth_m"), vertex_normals=normals, threads=threads
    )
    if lines:
        drawn = drawn_over(drawn, mesh.vertices, mesh.faces, camera, 1.0)
    mixed = interpolated(normals, mesh.faces, drawn)
    length = np.linalg.norm(mixed, axis=2, keepdims=True)
    return np.divide(mixed, length, out=np.zeros_like(mixed), where=length > 0), drawn.mask


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTruth:
    """What the original reads of a picture's truth."""

    normal: NDArray[np.float32]
    """(384, 256, 3) of any length, x right, y up, z to the viewer; white pixels are (1, 1, 1)."""
    mask: NDArray[np.bool_]
    """(384, 256)"""


def truth_from_pictures(normal_rgb: NDArray[np.uint8], mask_grey: NDArray[np.uint8]) -> PublishedTruth:
    """From the decoded JPEGs: bytes (H, W, 3) and (H, W), any size of proportions 2 to 3."""
    normal = 2 * (_shrunk(normal_rgb.astype(np.float32) / np.float32(255.0))) - 1
    height, width = mask_grey.shape
    rows, columns = (np.floor(np.arange(n) * (size / n)).astype(int) for n, size in ((HEIGHT_PX, height), (WIDTH_PX, width)))
    return PublishedTruth(normal=normal.astype(np.float32), mask=np.rint(mask_grey / 255.0)[rows][:, columns] > 0)


def truth_from_items(normal: NDArray[np.float32], mask: NDArray[np.bool_]) -> PublishedTruth:
    """From stored items, by way of the JPEGs that an export writes."""
    decoded = (
        np.asarray(Image.open(io.BytesIO(encode_jpeg(Image.fromarray(picture), "published"))))
        for picture in (normal_picture(normal), mask.astype(np.uint8) * np.uint8(255))
    )
    return truth_from_pictures(*decoded)


def truth_from_mesh(truth: Mesh, frame: PublishedFrame, *, threads: int = 1) -> PublishedTruth:
    """For data without these items: draw them as the original's data generation does."""
    camera = view_camera(PICTURE_WIDTH_PX, PICTURE_HEIGHT_PX)
    return truth_from_items(*drawn_normals(frame.camera_units(truth.vertices), truth.faces, camera, threads=threads))


def published_estimate(vertices_m: NDArray[Any], frame: PublishedFrame) -> NDArray[np.float64]:
    """Vertices (V, 3) in published axes as they would stand in the original's result file: four decimals."""
    return np.round(frame.units(vertices_m), DECIMALS)


@cache
def _taps(size: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """OpenCV's bilinear rule along one axis: the two source pixels of each wanted one, and the second's weight."""
    at = np.clip((np.arange(wanted) + 0.5) * (size / wanted) - 0.5, 0, size - 1)
    first = np.floor(at).astype(np.int64)
    return first, np.minimum(first + 1, size - 1), (at - first).astype(np.float32)


def _shrunk(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    top, bottom, down = _taps(height, HEIGHT_PX)
    left, right, along = _taps(width, WIDTH_PX)
    rows = picture[top] * (1 - down)[:, None, None] + picture[bottom] * down[:, None, None]
    whole = rows[:, left] * (1 - along)[:, None] + rows[:, right] * along[:, None]
    return whole.astype(np.float32)
