"""How Geo-PIFu's items are stored: the byte side of their entries in the catalogue.

Semantic codes are cut to the rectangle that is not background. The original's second code (the axes' ratio kept) is the stored
one times a constant for each axis, and is made when it is read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from vitruvian.shards import encode

Values = dict[str, Any]

PATCH_FIELDS = [("size", pa.list_(pa.int32(), 2)), ("corner", pa.list_(pa.int32(), 2)), ("png", pa.binary())]
PATCH_TYPE = pa.struct(PATCH_FIELDS)
CODE_TYPE = pa.struct([*PATCH_FIELDS, ("ratio", pa.list_(pa.float64(), 3))])
CODE_VOXELS_TYPE = pa.struct([("resolution", pa.list_(pa.int32(), 3)), ("solid", pa.binary()), ("codes", pa.binary())])
CODE_BACKGROUND = 255


def encode_patch(picture: NDArray[np.uint8], background: int) -> dict[str, Any]:
    """(H, W, 3) to a lossless PNG of the rectangle outside of which all is ``background``."""
    height, width, channels = picture.shape
    marked = picture.reshape(height, -1) != background
    rows = np.flatnonzero(marked.any(axis=1))
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 1)
    columns = np.flatnonzero(marked[top:bottom].any(axis=0).reshape(width, channels).any(axis=1))
    left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 1)
    return {
        "size": list(picture.shape[:2]),
        "corner": [top, left],
        "png": encode.encode_png(np.ascontiguousarray(picture[top:bottom, left:right])),
    }


def decode_patch(scalar: pa.StructScalar, background: int) -> NDArray[np.uint8]:
    """The inverse of ``encode_patch``."""
    (height, width), (top, left) = scalar["size"].as_py(), scalar["corner"].as_py()
    patch = np.asarray(Image.open(io.BytesIO(scalar["png"].as_buffer())))
    picture = np.full((height, width, 3), background, np.uint8)
    picture[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return picture


def encode_code(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """``name`` uint8 (H, W, 3) and ``name_ratio`` (3,)."""
    ratio = [float(x) for x in values[f"{name}_ratio"]]
    return {**encode_patch(values[name], CODE_BACKGROUND), "ratio": ratio}


def decode_code(name: str, scalar: pa.StructScalar) -> Values:
    code = decode_patch(scalar, CODE_BACKGROUND)
    ratio = np.array(scalar["ratio"].as_py())
    return {name: code, f"{name}_keep_ratio": keep_ratio(code, ratio), f"{name}_ratio": ratio}


def keep_ratio(code: NDArray[np.uint8], ratio_3: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The code that keeps the ratio of the rest shape's axes, from the one that does not; background stays 255."""
    tables = np.rint(np.arange(256)[None] * ratio_3[:, None]).astype(np.uint8)
    scaled = np.stack([tables[channel][code[..., channel]] for channel in range(3)], axis=-1)
    background = code[..., 0] == CODE_BACKGROUND
    for channel in (1, 2):
        background &= code[..., channel] == CODE_BACKGROUND
    scaled[background] = CODE_BACKGROUND
    return scaled


def encode_code_voxels(values: Mapping[str, Any]) -> dict[str, Any]:
    """uint8 (nx, ny, nz, 3), 0 outside. Solid cells as bits; their codes as differences along the grid's lines, packed."""
    voxels = values["smpl_semantic_voxels"]
    solid = (voxels[..., 0] | voxels[..., 1] | voxels[..., 2]) != 0
    codes = voxels[solid]
    steps = np.diff(codes, axis=0, prepend=np.zeros((1, 3), np.uint8))
    return {
        "resolution": list(solid.shape),
        "solid": encode.pack_array(np.packbits(solid.reshape(-1))),
        "codes": encode.pack_array(steps.T),
    }


def decode_code_voxels(scalar: pa.StructScalar) -> Values:
    shape = tuple(scalar["resolution"].as_py())
    bits = encode.unpack_array(scalar["solid"].as_buffer(), np.uint8, (-(-int(np.prod(shape)) // 8),))
    solid = encode.unpack_bits(bits.data, shape)
    count = int(solid.sum())
    steps = encode.unpack_array(scalar["codes"].as_buffer(), np.uint8, (3, count))
    voxels = np.zeros((*shape, 3), np.uint8)
    voxels[solid] = np.cumsum(steps, axis=1, dtype=np.uint8).T
    return {"smpl_semantic_voxels": voxels}


def encode_config(values: Mapping[str, Any]) -> str:
    """Plain values to one line of JSON."""
    return json.dumps(values["config"], sort_keys=True, separators=(",", ":"), allow_nan=False)


def decode_config(scalar: pa.Scalar) -> Values:
    return {"config": json.loads(scalar.as_py())}
