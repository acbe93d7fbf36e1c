"""The texture atlas: where the pieces of a dressed person lie in its one picture, and which point of the body each texel shows.

Skin and sewn garments share the body's own texture chart, each in its own tile; painters work on maps of template positions,
so that a pattern runs on across the chart's seams.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from vitruvian.datagen.sources.synthetic.folds import waves
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.rasterize import rasterize

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A rectangle of the atlas, in 1024ths of its side from the top-left corner, and the part of a chart that it shows."""

    left: int
    top: int
    width: int
    height: int
    chart: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    """u from, v from, u to, v to."""

    def to_atlas(self, uvs: NDArray[np.floating]) -> Floats:
        """Chart coordinates (N, 2) -> texture coordinates of the atlas, v up."""
        u0, v0, u1, v1 = self.chart
        u = (self.left + (uvs[:, 0] - u0) / (u1 - u0) * self.width) / 1024
        v = 1 - (self.top + (1 - (uvs[:, 1] - v0) / (v1 - v0)) * self.height) / 1024
        return np.stack([u, v], 1).astype(np.float64)

    def size_px(self, atlas_px: int) -> tuple[int, int]:
        """Rows and columns of the tile in an atlas of this size."""
        rows, columns = self.rows_columns(atlas_px)
        return rows.stop - rows.start, columns.stop - columns.start

    def rows_columns(self, atlas_px: int) -> tuple[slice, slice]:
        s = atlas_px / 1024
        return (slice(round(self.top * s), round((self.top + self.height) * s)),
                slice(round(self.left * s), round((self.left + self.width) * s)))  # fmt: skip


TILES: dict[str, Tile] = {
    "skin": Tile(left=0, top=0, width=512, height=512),
    "upper": Tile(left=512, top=0, width=512, height=471, chart=(0.0, 0.30, 0.76, 1.0)),
    "lower": Tile(left=0, top=512, width=420, height=450, chart=(0.02, 0.0, 0.66, 0.73)),
    "outer": Tile(left=512, top=512, width=512, height=471, chart=(0.0, 0.30, 0.76, 1.0)),
    "hair": Tile(left=420, top=512, width=92, height=450),
    "shoes": Tile(left=0, top=962, width=256, height=62),
    "sole": Tile(left=256, top=962, width=64, height=62),
    "socks": Tile(left=320, top=962, width=64, height=62),
    "trim": Tile(left=384, top=962, width=64, height=62),
    "mouth": Tile(left=448, top=962, width=64, height=62),
    "eyes": Tile(left=512, top=471, width=41, height=41),
    "belt": Tile(left=560, top=471, width=64, height=41),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TileMap:
    """What each texel of a tile shows: (rows, columns, ...) maps, filled beyond the chart's islands from the nearest texel."""

    values: dict[str, NDArray[np.float32]]
    shape: tuple[int, int]
    texel_m: float
    """Side of a texel on the template."""

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self.values[name]


def tile_map(
    tile: Tile, atlas_px: int, uvs: Floats, uv_faces: NDArray[np.int64], faces: NDArray[np.int64], values: dict[str, Floats]
) -> TileMap:
    """Maps of per-vertex ``values`` (N,) or (N, k) over a tile."""
    rows, columns = tile.size_px(atlas_px)
    u0, v0, u1, v1 = tile.chart
    flat = np.zeros((len(uvs), 3), np.float32)
    flat[:, 0] = (uvs[:, 0] - u0) / (u1 - u0)
    flat[:, 1] = (uvs[:, 1] - v0) / (v1 - v0)
    camera = Camera(projection="orthographic", width_px=columns, height_px=rows, focal_px=(float(columns), float(rows)),
                    center_px=(0.0, float(rows)), translation_m=(0.0, 0.0, -1.0))  # fmt: skip
    seen = rasterize(flat, np.ascontiguousarray(uv_faces, np.int32), camera)
    nearest = distance_transform_edt(seen.face_id < 0, return_distances=False, return_indices=True)
    face_id = seen.face_id[tuple(nearest)]
    bary = seen.barycentrics[tuple(nearest)]
    out = {}
    for name, value in values.items():
        corners = value.astype(np.float32)[faces[face_id]]
        out[name] = np.einsum("rck,rck...->rc...", bary, corners)
    steps = np.linalg.norm(np.diff(out["position"], axis=1), axis=2)[seen.face_id[:, 1:] >= 0]
    return TileMap(values={**out, **noises(out["position"])}, shape=(rows, columns), texel_m=float(np.median(steps)))


def noises(position: NDArray[np.floating]) -> dict[str, NDArray[np.float32]]:
    """Fields of smooth noise over a map of positions, (rows, columns, 5) each, for ``mixed_noise``."""
    flat = position.reshape(-1, 3).astype(np.float64)
    rng = np.random.default_rng(20)
    bands = {
        "noise fine": (0.012, 0.05, (1, 1, 1)),
        "noise wide": (0.12, 0.4, (1, 2, 1)),
        "noise patch": (0.05, 0.14, (1.4, 0.8, 1.4)),
    }
    return {
        name: np.stack([waves(flat, rng, low, high, stretch, 9) for _ in range(5)], 1)
        .reshape(*position.shape[:2], 5)
        .astype(np.float32)
        for name, (low, high, stretch) in bands.items()
    }


def mixed_noise(fields: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A random mixture of the fields, of about unit variance."""
    share = rng.standard_normal((fields.shape[-1],)).astype(np.float32)
    return fields @ (share / np.linalg.norm(share))


class Canvas:
    """An atlas being painted, float sRGB in [0, 1]."""

    def __init__(self, size_px: int) -> None:
        self.size_px = size_px
        self.pixels = np.full((size_px, size_px, 3), 0.5, np.float32)

    def put(self, tile: str, colour: NDArray[np.floating]) -> None:
        """Paints a whole tile, with one colour or with a picture of its size."""
        self.pixels[TILES[tile].rows_columns(self.size_px)] = colour

    def picture(self) -> NDArray[np.uint8]:
        return (np.clip(self.pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
