"""Several materials become one picture: textures, plain and coloured faces side by side, texture coordinates moved along.

The renderer draws one picture, clamped at its edges; files have several, and some repeat theirs. Repeated textures are laid out
as often as the coordinates ask for, and every tile gets a rim, so that bilinear lookup never mixes neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError

RIM_PX = 2
MAX_SIDE_PX = 16384
MAX_REPEATS = 64
_ALMOST = 1e-4


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    """The look of some faces: a ``picture`` (H, W, 3), or one ``color`` (3,), or ``face_colors`` (n, 3), one for each."""

    faces: NDArray[np.int64]
    """(n,) rows of the mesh's faces."""
    picture: NDArray[np.uint8] | None = None
    color: NDArray[np.uint8] | None = None
    face_colors: NDArray[np.uint8] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Atlas:
    """One picture for all faces."""

    texture: NDArray[np.uint8]
    uvs: NDArray[np.float32]
    uv_faces: NDArray[np.int32]


def fits_as_it_is(uvs: NDArray[np.floating], uv_faces: NDArray[np.int64]) -> bool:
    """Whether the coordinates that are used stay within the picture (a hair's breadth beyond is clamped)."""
    used = uvs[np.unique(uv_faces)]
    return bool(used.size == 0 or (used.min() >= -_ALMOST and used.max() <= 1 + _ALMOST))


def make_atlas(uvs: NDArray[np.floating], uv_faces: NDArray[np.int64], surfaces: Sequence[Surface], where: str) -> Atlas:
    """``uvs`` (T, 2), ``uv_faces`` (F, 3) with -1 where a face has none; each face belongs to one surface.

    InputError, naming ``where``, when the atlas would be larger than 16,384 pixels or a texture repeats too often.
    """
    num_faces = len(uv_faces)
    tiles: list[NDArray[np.uint8]] = []
    local: list[NDArray[np.float64]] = []  # (n, 3, 2) in pixels of the tile, origin at its top left corner
    for surface in surfaces:
        if surface.picture is not None:
            corners = uvs[uv_faces[surface.faces]].astype(np.float64)
            tile, place = _picture_tile(surface.picture, corners, where)
        else:
            tile, place = _palette_tile(surface)
        tiles.append(np.pad(tile, ((RIM_PX, RIM_PX), (RIM_PX, RIM_PX), (0, 0)), mode="edge"))
        local.append(place + RIM_PX)
    corners_px, (height, width) = np.zeros((num_faces, 3, 2)), (0, 0)
    spots = _shelves([tile.shape[:2] for tile in tiles])
    height = max(top + tile.shape[0] for tile, (top, _) in zip(tiles, spots, strict=True))
    width = max(left + tile.shape[1] for tile, (_, left) in zip(tiles, spots, strict=True))
    if max(height, width) > MAX_SIDE_PX:
        raise InputError(
            f"{where}: its {len(tiles)} textures need an atlas of {width} x {height} pixels; {MAX_SIDE_PX} is the limit. "
            "Make the textures smaller, or bake them into one."
        )
    texture = np.zeros((height, width, 3), np.uint8)
    for surface, tile, place, (top, left) in zip(surfaces, tiles, local, spots, strict=True):
        texture[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        corners_px[surface.faces] = place + np.array([left, top])
    flat = corners_px.reshape(-1, 2)
    flat = np.stack([flat[:, 0] / width, 1 - flat[:, 1] / height], axis=1).astype(np.float32)
    distinct, index = np.unique(flat, axis=0, return_inverse=True)
    return Atlas(
        texture=texture, uvs=np.ascontiguousarray(distinct), uv_faces=index.reshape(num_faces, 3).astype(np.int32, order="C")
    )


def _picture_tile(
    picture: NDArray[np.uint8], corners: NDArray[np.float64], where: str
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The picture, laid out as often as the coordinates (n, 3, 2) ask for, and their places in it."""
    shift = np.floor(corners.min(axis=1, keepdims=True) + _ALMOST)
    corners = corners - shift  # every face starts in the first repetition
    repeats = np.maximum(np.ceil(corners.reshape(-1, 2).max(axis=0, initial=1.0) - _ALMOST), 1).astype(int)
    if repeats.max() > MAX_REPEATS:
        raise InputError(
            f"{where}: a face repeats its texture {repeats.max()} times; {MAX_REPEATS} is the limit. Are the coordinates right?"
        )
    tile = np.tile(picture, (repeats[1], repeats[0], 1)) if repeats.max() > 1 else picture
    height, width = picture.shape[:2]
    row = tile.shape[0] - corners[..., 1] * height
    return tile, np.clip(np.stack([corners[..., 0] * width, row], axis=-1), 0, (tile.shape[1], tile.shape[0]))


def _palette_tile(surface: Surface) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Two by two pixels for each distinct colour; a face's corners all lie in the middle of its colour."""
    colors = surface.color[None] if surface.color is not None else surface.face_colors
    assert colors is not None
    distinct, index = np.unique(colors, axis=0, return_inverse=True)
    side = int(np.ceil(np.sqrt(len(distinct))))
    grid = np.zeros((side * side, 3), np.uint8)
    grid[: len(distinct)] = distinct
    tile = grid.reshape(side, side, 3).repeat(2, axis=0).repeat(2, axis=1)
    number = np.broadcast_to(index.reshape(-1), len(surface.faces)) if surface.color is not None else index.reshape(-1)
    middle = np.stack([number % side * 2 + 1, number // side * 2 + 1], axis=-1).astype(np.float64)
    return tile, np.repeat(middle[:, None], 3, axis=1)


def _shelves(shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, int]]:
    """Top left corners for rectangles of these (height, width), on shelves in a roughly square picture."""
    wide = max(max(shape[1] for shape in shapes), int(np.ceil(np.sqrt(sum(shape[0] * shape[1] for shape in shapes)))))
    spots = [(0, 0)] * len(shapes)
    top = left = shelf = 0
    for number in sorted(range(len(shapes)), key=lambda k: (-shapes[k][0], -shapes[k][1], k)):
        height, width = shapes[number][0], shapes[number][1]
        if left and left + width > wide:
            top, left, shelf = top + shelf, 0, 0
        spots[number] = (top, left)
        left, shelf = left + width, max(shelf, height)
    return spots
