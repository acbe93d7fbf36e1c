"""The texture atlas of a body's 24 charts: square tiles in four columns and six rows, and what each texel shows of the body.

The layout is that of the textures that HuManiFlow publishes, 800 x 1200 pixels with tiles of 200; the tiles may have any size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from vitruvian.bodies.charts import SurfaceCharts
from vitruvian.datagen.subject import BodySurface
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import rasterize

COLUMNS, ROWS = 4, 6


def atlas_uvs(charts: SurfaceCharts) -> NDArray[np.float32]:
    """(C, 2) texture coordinates (v up) of the chart vertices: part k is in column (k - 1) // 6 and row (k - 1) % 6."""
    part = np.maximum(charts.vertex_parts().astype(np.int64), 1) - 1
    column, row = part // ROWS, part % ROWS
    u = (charts.uvs[:, 0] + column) / COLUMNS
    v = 1.0 - ((1.0 - charts.uvs[:, 1]) + row) / ROWS
    return np.ascontiguousarray(np.stack([u, v], axis=1), np.float32)


def textured_body(body: BodySurface, charts: SurfaceCharts, texture: NDArray[np.uint8]) -> Mesh:
    """The posed body with an atlas picture (1.5 W, W, 3) on it; its part labels are the charts' 24 parts."""
    height, width = texture.shape[:2]
    if height * COLUMNS != width * ROWS:
        raise ValueError(f"textured_body: the atlas has {width} x {height} pixels; it has {COLUMNS} x {ROWS} square tiles.")
    charts.check_fits(len(body.vertices))
    return Mesh(
        vertices=body.vertices,
        faces=np.ascontiguousarray(charts.body_vertices[charts.faces], np.int32),
        uvs=atlas_uvs(charts),
        uv_faces=charts.faces,
        texture=texture,
        face_labels=charts.face_parts,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class AtlasMap:
    """What each texel of the atlas shows; beyond the charts what the nearest texel of the same tile shows."""

    part: NDArray[np.uint8]
    """(H, W), 0 in tiles without a chart."""
    position: NDArray[np.float32]
    """(H, W, 3) in the rest pose, metres, y up."""
    label: NDArray[np.uint8]
    """(H, W) the body model's own part label, 0 where it has none."""


def atlas_map(body: BodySurface, charts: SurfaceCharts, tile_px: int) -> AtlasMap:
    """Of a body with a rest pose; ValueError without one."""
    if body.rest_vertices is None:
        raise ValueError(f"atlas_map: of the body {body.model!r} no rest pose is known.")
    width, height = COLUMNS * tile_px, ROWS * tile_px
    flat = np.concatenate([atlas_uvs(charts), np.zeros((len(charts.uvs), 1), np.float32)], axis=1)
    camera = Camera(
        projection="orthographic",
        width_px=width,
        height_px=height,
        focal_px=(float(width), float(height)),
        center_px=(0.0, float(height)),
    )
    drawn = rasterize(flat, charts.faces, camera)
    face, weights = drawn.face_id, drawn.barycentrics
    nearest = np.zeros((2, height, width), np.int64)
    for row in range(ROWS):
        for column in range(COLUMNS):
            tile = np.s_[row * tile_px : (row + 1) * tile_px, column * tile_px : (column + 1) * tile_px]
            empty = face[tile] < 0
            if not empty.all():
                at = distance_transform_edt(empty, return_distances=False, return_indices=True)
                nearest[(slice(None), *tile)] = at + np.array([row * tile_px, column * tile_px])[:, None, None]
    face, weights = face[tuple(nearest)], weights[tuple(nearest)]
    known = face >= 0
    face = np.maximum(face, 0)
    corners = charts.positions(body.rest_vertices)[charts.faces[face]]
    labels = np.zeros(face.shape, np.uint8)
    own_faces = {tuple(corner): k for k, corner in enumerate(body.faces.tolist())} if body.part_labels is not None else {}
    if own_faces and body.part_labels is not None:
        rows = np.array([own_faces.get(tuple(c), -1) for c in charts.body_vertices[charts.faces].tolist()])
        of_chart = np.where(rows >= 0, body.part_labels[np.maximum(rows, 0)], 0).astype(np.uint8)
        labels = of_chart[face]
    return AtlasMap(
        part=np.where(known, charts.face_parts[face], 0).astype(np.uint8),
        position=np.einsum("hwk,hwkc->hwc", weights, corners).astype(np.float32),
        label=np.where(known, labels, 0).astype(np.uint8),
    )
