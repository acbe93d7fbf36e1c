"""How what PIFu and JIFF know of a surface becomes bytes and back: transfer vectors, colour points, positions of texels.

Transfer coefficients are stored in steps of 1/16384, below a hundredth of what a finite number of rays gets wrong; positions
with 16 bits a coordinate in their own bounding box, 0.03 mm for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitruvian.shards import encode

TRANSFER_STEP = 2.0**-14
_BOX = pa.list_(pa.float64(), 3)

PRT_TYPE = pa.struct(
    [("num_vertices", pa.int32()), ("coefficients", pa.binary()), ("num_faces", pa.int32()), ("faces", pa.binary())]
)
COLOR_POINTS_TYPE = pa.struct(
    [
        ("count", pa.int32()),
        ("box_min_m", _BOX),
        ("box_max_m", _BOX),
        ("codes", pa.binary()),
        ("albedo", pa.binary()),
        ("transfer", pa.binary()),
    ]
)
TEXEL_POSITIONS_TYPE = pa.struct(
    [
        ("shape", pa.list_(pa.int32(), 2)),
        ("mask", pa.binary()),
        ("count", pa.int32()),
        ("box_min_m", _BOX),
        ("box_max_m", _BOX),
        ("codes", pa.binary()),
    ]
)


def pack_transfer(coefficients_n9: NDArray[np.float32]) -> bytes:
    """(N, 9) in [-2, 2) to 16-bit steps, coefficient by coefficient; ValueError for larger ones, which no surface has."""
    steps = np.rint(coefficients_n9 / np.float32(TRANSFER_STEP))
    if len(steps) and np.abs(steps).max() > 32767:
        raise ValueError(f"pack_transfer: a coefficient is {np.abs(coefficients_n9).max():.3g}; they are below 2.")
    return encode.pack_array(steps.T.astype(np.int16))


def unpack_transfer(data: Any, count: int) -> NDArray[np.float32]:
    """The inverse of ``pack_transfer``; (N, 9), off by at most half a step."""
    steps = encode.unpack_array(data, np.int16, (9, count))
    return np.ascontiguousarray(steps.T.astype(np.float32) * np.float32(TRANSFER_STEP))


def encode_prt(values: Mapping[str, Any]) -> dict[str, Any]:
    coefficients, faces = values["prt_coefficients"], values["prt_faces"]
    return {
        "num_vertices": len(coefficients),
        "coefficients": pack_transfer(coefficients),
        "num_faces": 0 if faces is None else len(faces),
        "faces": None if faces is None else encode.pack_array(faces.T),
    }


def decode_prt(scalar: pa.StructScalar) -> dict[str, Any]:
    faces, num_faces = scalar["faces"], scalar["num_faces"].as_py()
    known = encode.unpack_array(faces.as_buffer(), np.int32, (3, num_faces)).T if faces.is_valid else None
    return {
        "prt_coefficients": unpack_transfer(scalar["coefficients"].as_buffer(), scalar["num_vertices"].as_py()),
        "prt_faces": None if known is None else np.ascontiguousarray(known),
    }


def encode_color_points(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_encode_positions(values["color_points"]),
        "albedo": np.ascontiguousarray(values["color_albedo"], np.uint8).tobytes(),
        "transfer": pack_transfer(values["color_transfer"]),
    }


def decode_color_points(scalar: pa.StructScalar) -> dict[str, Any]:
    count = scalar["count"].as_py()
    return {
        "color_points": _decode_positions(scalar),
        "color_albedo": np.frombuffer(scalar["albedo"].as_buffer(), np.uint8).reshape(count, 3),
        "color_transfer": unpack_transfer(scalar["transfer"].as_buffer(), count),
    }


def encode_texel_positions(positions_hw3: NDArray[Any], mask_hw: NDArray[np.bool_]) -> dict[str, Any]:
    """The positions of the texels in the mask; the others are not stored."""
    return {"shape": list(mask_hw.shape), "mask": encode.pack_bits(mask_hw), **_encode_positions(positions_hw3[mask_hw])}


def decode_texel_positions(scalar: pa.StructScalar) -> NDArray[np.float32]:
    """(H, W, 3); 0 outside of the mask."""
    shape = tuple(scalar["shape"].as_py())
    picture = np.zeros((*shape, 3), np.float32)
    picture[encode.unpack_bits(scalar["mask"].as_buffer(), shape)] = _decode_positions(scalar)
    return picture


def _encode_positions(points_n3: NDArray[Any]) -> dict[str, Any]:
    points = np.asarray(points_n3, np.float64)
    box_min, box_max = (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(3), np.zeros(3))
    codes = encode.quantise_points(points, box_min, box_max)
    return {
        "count": len(points),
        "box_min_m": box_min.tolist(),
        "box_max_m": box_max.tolist(),
        "codes": encode.pack_array(np.ascontiguousarray(codes.T, np.uint16)),
    }


def _decode_positions(scalar: pa.StructScalar) -> NDArray[np.float32]:
    count = scalar["count"].as_py()
    codes = encode.unpack_array(scalar["codes"].as_buffer(), np.uint16, (3, count)).T
    box_min, box_max = (np.array(scalar[key].as_py(), np.float64) for key in ("box_min_m", "box_max_m"))
    return encode.dequantise_points(np.ascontiguousarray(codes), box_min, box_max)
