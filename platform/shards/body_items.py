"""How joints, IUV maps and part labels are stored: the byte side of the catalogue's body items.

Joints name their set (``bodies/joint_sets.py``), so that their number and order need no table of their own.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

Values = dict[str, Any]

OUTSIDE, HIDDEN, VISIBLE = 0, 1, 2
"""Visibility of a joint, as COCO counts it: outside the picture; in it, but behind something; seen."""

JOINTS_3D_TYPE = pa.struct([("set", pa.string()), ("points_m", pa.list_(pa.float32()))])
JOINTS_2D_TYPE = pa.struct([("set", pa.string()), ("points_px", pa.list_(pa.float32())), ("visibility", pa.binary())])


def encode_joints_3d(values: Mapping[str, Any]) -> dict[str, Any]:
    """``joints_3d`` (J, 3) and the name of their ``joint_set``."""
    points = np.asarray(values["joints_3d"], np.float32)
    return {"set": values["joint_set"], "points_m": points.reshape(-1).tolist()}


def decode_joints_3d(scalar: pa.StructScalar) -> Values:
    return {"joints_3d": _points(scalar["points_m"], 3), "joint_set": scalar["set"].as_py()}


def encode_joints_2d(values: Mapping[str, Any]) -> dict[str, Any]:
    """``joints_2d`` (J, 2), ``joints_visibility`` uint8 (J,) and the name of their ``joint_set``."""
    points = np.asarray(values["joints_2d"], np.float32)
    visibility = np.asarray(values["joints_visibility"], np.uint8)
    return {"set": values["joint_set"], "points_px": points.reshape(-1).tolist(), "visibility": visibility.tobytes()}


def decode_joints_2d(scalar: pa.StructScalar) -> Values:
    return {
        "joints_2d": _points(scalar["points_px"], 2),
        "joints_visibility": np.frombuffer(scalar["visibility"].as_py(), np.uint8).copy(),
        "joint_set": scalar["set"].as_py(),
    }


def encode_labels(labels: NDArray[np.uint8]) -> bytes:
    """(H, W) to an 8-bit PNG, lossless."""
    return _png(Image.fromarray(np.ascontiguousarray(labels, np.uint8)))


def decode_labels(data: Any) -> NDArray[np.uint8]:
    """8-bit PNG to (H, W)."""
    return np.array(Image.open(io.BytesIO(data)), np.uint8)


def encode_iuv(iuv: NDArray[np.float32]) -> bytes:
    """(H, W, 3) of part, u and v to an 8-bit PNG: the part as it is, u and v in steps of 1/255; ValueError outside [0, 1]."""
    coordinates = iuv[..., 1:]
    if coordinates.size and not (coordinates.min() >= 0.0 and coordinates.max() <= 1.0 + 1e-5):
        raise ValueError(f"encode_iuv: u, v lie in {coordinates.min()} .. {coordinates.max()}; they must be in 0 .. 1.")
    drawn = np.empty(iuv.shape, np.uint8)
    drawn[..., 0] = iuv[..., 0]
    drawn[..., 1:] = np.rint(np.minimum(coordinates, 1.0) * np.float32(255.0))
    return _png(Image.fromarray(drawn))


def decode_iuv(data: Any) -> NDArray[np.float32]:
    """8-bit PNG to (H, W, 3) float32."""
    iuv = np.array(Image.open(io.BytesIO(data)), np.float32)
    iuv[..., 1:] /= np.float32(255.0)
    return iuv


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format="PNG", compress_level=6)
    return stream.getvalue()


def _points(scalar: pa.ListScalar, axes: int) -> NDArray[np.float32]:
    return np.array(scalar.values, np.float32).reshape(-1, axes)
