"""Closed surfaces from rings of points: tubes with two ends, and tubes that close upon themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.atlas import TILES
from vitruvian.datagen.sources.synthetic.parts import Part

Floats = NDArray[np.float64]


def grid_part(vertices: Floats, faces: NDArray[np.int64], rows: int, columns: int, sheets: int, label: int, tile: str) -> Part:
    """A part whose vertices are ``sheets`` grids (rows, columns) followed by loose points; texture v runs along the rows,
    u around, mirrored half-way so that it has no seam."""
    around = np.abs(np.linspace(-1, 1, columns, endpoint=False))
    v = np.repeat(np.linspace(1, 0, rows), columns)
    sheet = np.stack([np.tile(around, rows), v], 1)
    loose = len(vertices) - sheets * rows * columns
    uvs = np.concatenate([*[sheet] * sheets, np.tile([[0.5, 1.0]], (loose, 1))])
    atlas = TILES[tile].to_atlas(0.03 + 0.94 * uvs)
    return Part(vertices=vertices, faces=faces, uvs=atlas, uv_faces=faces.copy(), labels=np.full(len(faces), label, np.uint8))


def closed_by_fans(grid: NDArray[np.int64], following: NDArray[np.int64], *, apex: int) -> NDArray[np.int64]:
    """The triangles of a tube: between the points ``grid`` (R, C) and those ``following`` them around, and the fans at its
    ends, whose tips are ``apex`` and ``apex + 1``."""
    columns = grid.shape[1]
    return np.concatenate([
        np.stack([grid[:-1], grid[1:], following[1:]], -1).reshape(-1, 3),
        np.stack([grid[:-1], following[1:], following[:-1]], -1).reshape(-1, 3),
        np.stack([np.full(columns, apex), grid[0], following[0]], 1),
        np.stack([np.full(columns, apex + 1), following[-1], grid[-1]], 1),
    ])  # fmt: skip


def tube(centers: Floats, offsets: Floats, label: int, tile: str) -> Part:
    """A closed tube: rings around ``centers`` (R, 3) with the ``offsets`` (R, C, 3), both ends closed by fans."""
    rings = centers[:, None] + offsets
    rows, columns = rings.shape[:2]
    grid = np.arange(rows * columns).reshape(rows, columns)
    faces = closed_by_fans(grid, np.roll(grid, -1, 1), apex=grid.size)
    vertices = np.concatenate([rings.reshape(-1, 3), rings[0].mean(0, keepdims=True), rings[-1].mean(0, keepdims=True)])
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    if (a * np.cross(b, c)).sum() < 0:
        faces = faces[:, [0, 2, 1]]
    return grid_part(vertices, faces, rows, columns, 1, label, tile)


def ring_tube(centers: Floats, offsets: Floats, label: int, tile: str) -> Part:
    """A closed torus: like ``tube``, its last ring joined to the first."""
    rings = centers[:, None] + offsets
    rows, columns = rings.shape[:2]
    grid = np.arange(rows * columns).reshape(rows, columns)
    right, down = np.roll(grid, -1, 1), np.roll(grid, -1, 0)
    corner = np.roll(right, -1, 0)
    faces = np.concatenate(
        [np.stack([grid, down, corner], -1).reshape(-1, 3), np.stack([grid, corner, right], -1).reshape(-1, 3)]
    )
    vertices = rings.reshape(-1, 3)
    local = vertices - vertices.mean(0)
    a, b, c = local[faces[:, 0]], local[faces[:, 1]], local[faces[:, 2]]
    if (a * np.cross(b, c)).sum() < 0:
        faces = faces[:, [0, 2, 1]]
    return grid_part(vertices, faces, rows, columns, 1, label, tile)
