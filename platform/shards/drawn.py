"""Pictures that are drawn when they are read: a surface takes less space than sixteen pictures of it.

Where a data set holds the item ``surfaces``, pictures that only depend on it and on the camera are not stored; the reader draws
them. The rasterizer gives the same bits on every machine, so they are the pictures that would have been stored, normals without
their rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.interpolate import interpolated_bytes
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import GBuffer, render
from vitruvian.shards import encode
from vitruvian.shards.geopifu_items import CODE_BACKGROUND, keep_ratio

Values = dict[str, Any]

SURFACES = "surfaces"
_STEP = np.float32(1 / 65535)
_ARRAYS: dict[str, tuple[Any, tuple[int, ...], str]] = {
    "mesh_vertices": (np.float32, (3,), "mesh_vertices"),
    "mesh_faces": (np.int32, (3,), "mesh_faces"),
    "mesh_normals": (np.float32, (3,), "mesh_vertices"),
    "mesh_codes": (np.uint16, (3,), "mesh_vertices"),
    "body_vertices": (np.float32, (3,), "body_vertices"),
    "body_faces": (np.int32, (3,), "body_faces"),
    "body_codes": (np.uint16, (3,), "body_vertices"),
    "body_parts": (np.uint8, (), "body_faces"),
    "uv_values": (np.uint16, (2,), "uv_values"),
    "uv_counts": (np.uint8, (), "body_vertices"),
    "uv_choices": (np.uint8, (3,), "body_faces"),
}
"""Name: dtype, shape of a row, and what it has as many rows as."""
_COUNTS = ("mesh_vertices", "mesh_faces", "body_vertices", "body_faces", "uv_values")
_DIFFERENCES = ("mesh_vertices", "mesh_codes", "body_vertices", "body_faces", "body_codes", "uv_values")
"""Stored as the difference from the row before: measured to be smaller so."""
SURFACES_TYPE = pa.struct(
    [(f"num_{name}", pa.int32()) for name in _COUNTS]
    + [("unit_normals", pa.bool_()), ("ratio", pa.list_(pa.float64(), 3))]
    + [(name, pa.binary()) for name in _ARRAYS]
)


def sixteen_bits(values: NDArray[Any]) -> NDArray[np.uint16]:
    """[0, 1] in steps of 1/65535."""
    return np.rint(np.clip(values, 0.0, 1.0) * 65535.0).astype(np.uint16)


def _differences(rows_nc: NDArray[Any]) -> NDArray[Any]:
    """Rows to unsigned numbers, small ones for rows that are like the row before: 0, -1, 1, -2, ... become 0, 1, 2, 3, ..."""
    kind = np.dtype(f"i{rows_nc.dtype.itemsize}")
    steps = np.diff(rows_nc.view(kind), axis=0, prepend=np.zeros((1, rows_nc.shape[1]), kind))
    return ((steps << 1) ^ (steps >> (8 * kind.itemsize - 1))).view(np.dtype(f"u{kind.itemsize}"))


def _sums(differences_nc: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """The inverse of ``_differences``."""
    steps = (differences_nc >> 1) ^ (~(differences_nc & 1) + differences_nc.dtype.type(1))
    return np.cumsum(steps, axis=0, dtype=differences_nc.dtype).view(dtype)


def _by_vertex(
    faces_f3: NDArray[np.int32], uvs_f32: NDArray[np.uint16], num_vertices: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.uint8]]:
    """Coordinates of corners as those of vertices, which mostly have one: all values in the order of the vertices, how many
    each vertex has, and which of them each corner takes."""
    corner = faces_f3.reshape(-1).astype(np.int64)
    values, which = np.unique(np.column_stack([corner, uvs_f32.reshape(-1, 2)]), axis=0, return_inverse=True)
    counts = np.bincount(values[:, 0], minlength=num_vertices)
    choices = which.reshape(-1) - (np.cumsum(counts) - counts)[corner]
    return values[:, 1:].astype(np.uint16), counts.astype(np.uint8), choices.reshape(-1, 3).astype(np.uint8)


def encode_surfaces(values: Mapping[str, Any]) -> dict[str, Any]:
    """``surfaces``: a dict of arrays (None where unknown) ``mesh_vertices``, ``mesh_faces``, ``mesh_normals``, ``mesh_codes``,
    ``body_vertices``, ``body_faces``, ``body_codes``, ``body_parts`` (F,), ``body_uvs`` (F, 3, 2), and ``unit_normals``
    (whether normals are made of the faces' unit ones) and ``ratio``. Codes and coordinates come from ``sixteen_bits``."""
    surfaces: dict[str, Any] = dict(values[SURFACES])
    uvs = surfaces.pop("body_uvs")
    given = (None, None, None) if uvs is None else _by_vertex(surfaces["body_faces"], uvs, len(surfaces["body_vertices"]))
    surfaces |= dict(zip(("uv_values", "uv_counts", "uv_choices"), given, strict=True))
    stored: dict[str, Any] = {name: None for name in _ARRAYS}
    for name in _ARRAYS:
        if surfaces[name] is not None:
            rows = surfaces[name].reshape(len(surfaces[name]), -1)
            rows = _differences(rows) if name in _DIFFERENCES else rows
            stored[name] = encode.pack_array(rows.T)  # column by column: neighbours in a column are alike
    counts = {f"num_{name}": 0 if surfaces[name] is None else len(surfaces[name]) for name in _COUNTS}
    ratio = None if surfaces["ratio"] is None else [float(x) for x in surfaces["ratio"]]
    return {**counts, "unit_normals": bool(surfaces["unit_normals"]), "ratio": ratio, **stored}


def decode_surfaces(scalar: pa.StructScalar) -> Values:
    """The inverse of ``encode_surfaces``."""
    surfaces: dict[str, Any] = {"unit_normals": scalar["unit_normals"].as_py(), "ratio": scalar["ratio"].as_py()}
    for name, (dtype, shape, counted) in _ARRAYS.items():
        surfaces[name] = None
        if scalar[name].is_valid:
            count, width = scalar[f"num_{counted}"].as_py(), int(np.prod(shape))
            stored = np.dtype(f"u{np.dtype(dtype).itemsize}") if name in _DIFFERENCES else dtype
            rows = np.ascontiguousarray(encode.unpack_array(scalar[name].as_buffer(), stored, (width, count)).T)
            surfaces[name] = (_sums(rows, dtype) if name in _DIFFERENCES else rows).reshape(count, *shape)
    values, counts, choices = (surfaces.pop(name) for name in ("uv_values", "uv_counts", "uv_choices"))
    surfaces["body_uvs"] = None
    if values is not None:
        first = np.cumsum(counts, dtype=np.int64) - counts
        surfaces["body_uvs"] = values[first[surfaces["body_faces"]] + choices]
    return {SURFACES: surfaces}


class SurfaceArtist:
    """Draws the pictures of one subject; what they share is made once."""

    def __init__(self, surfaces: Mapping[str, Any]) -> None:
        self.surfaces = surfaces

    @cached_property
    def _mesh(self) -> Mesh:
        return Mesh(vertices=self.surfaces["mesh_vertices"], faces=self.surfaces["mesh_faces"])

    @cached_property
    def _body(self) -> Mesh:
        return Mesh(vertices=self._known("body_vertices"), faces=self._known("body_faces"))

    @cached_property
    def _normals(self) -> NDArray[np.float32] | None:
        if self.surfaces["mesh_normals"] is not None:
            return self.surfaces["mesh_normals"]
        return self._mesh.vertex_normals() if self.surfaces["unit_normals"] else None

    @cached_property
    def _iuv(self) -> NDArray[np.float32]:
        parts, uvs = self._known("body_parts"), self._known("body_uvs").astype(np.float32) * _STEP
        return corner_values(parts, uvs)

    def _known(self, name: str) -> NDArray[Any]:
        if self.surfaces[name] is None:
            raise InputError(f"The stored surfaces have no {name}, of which this picture is made: it was not known then.")
        return self.surfaces[name]

    def draw(self, names: Iterable[str], camera: Camera) -> Values:
        """The values of these items."""
        names = set(names)
        values: Values = {}
        if names & {"normal", "mesh_semantics"}:
            fields = [*(("normal",) if "normal" in names else ()), "face_id", "barycentrics"]
            seen = render(self._mesh, camera, vertex_normals=self._normals, fields=fields)
            if "normal" in names:
                values["normal"] = seen.normal
            if "mesh_semantics" in names:
                values |= self._code("mesh_semantics", self._known("mesh_codes"), self._mesh.faces, seen)
        if names & {"smpl_semantics", "smpl_iuv"}:
            seen = render(self._body, camera, fields=("face_id", "barycentrics"))
            if "smpl_semantics" in names:
                values |= self._code("smpl_semantics", self._known("body_codes"), self._body.faces, seen)
            if "smpl_iuv" in names:
                values["smpl_iuv"] = interpolated_bytes(self._iuv, None, seen)
        return values

    def _code(self, name: str, codes: NDArray[np.uint16], faces: NDArray[np.int32], seen: GBuffer) -> Values:
        code = interpolated_bytes(codes.astype(np.float32) * _STEP, faces, seen, background=CODE_BACKGROUND)
        ratio = np.array(self.surfaces["ratio"])
        return {name: code, f"{name}_keep_ratio": keep_ratio(code, ratio), f"{name}_ratio": ratio}


def corner_values(parts: NDArray[np.uint8], uvs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(F, 3, 3) part, u and v at the corners of the body's faces, in units of 255."""
    ids = (parts.astype(np.float32) + np.float32(0.25)) / np.float32(255.0)  # a quarter: rounded or cut off alike
    return np.concatenate([np.broadcast_to(ids[:, None, None], (len(ids), 3, 1)), uvs], axis=2)


DRAWN = ("normal", "mesh_semantics", "smpl_semantics", "smpl_iuv")
"""The items that ``SurfaceArtist`` can draw."""


def drawn_items(items: Iterable[str]) -> tuple[str, ...]:
    """Which of a data set's items are drawn when they are read: none, unless it holds ``surfaces``."""
    items = tuple(items)
    return tuple(name for name in items if name in DRAWN) if SURFACES in items else ()
