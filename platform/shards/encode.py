"""How arrays become bytes in a shard, and back: pictures as JPEG or PNG, volumes and indices packed, points quantised.

Every encoder is deterministic (fixed settings, no time stamps, one thread), so the same arrays always give the same shard.
Colour pictures are JPEG (quality 95, no chroma subsampling): with picture backgrounds PNG is ten times larger, and decoding
decides how fast training reads. What carries a label or a measurement is lossless, or quantised in a stated step.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from vitruvian.geometry.jpeg import decode_jpeg

JPEG_QUALITY = 95
DEPTH_STEP_M = 1e-4
PNG_RUN_LENGTHS = 3  # zlib's Z_RLE: on filtered maps it is both the fastest and the smallest of zlib's strategies
ZSTD = "zstd"
ZSTD_LEVEL = 6

Buffer = Any
"""What holds bytes: ``bytes``, a ``memoryview``, a ``pyarrow.Buffer``."""


def _save(picture: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, **options)
    return stream.getvalue()


def _save_png(picture: Image.Image) -> bytes:
    return _save(picture, format="PNG", compress_level=3, compress_type=PNG_RUN_LENGTHS)


def _load(data: Buffer) -> Image.Image:
    return Image.open(io.BytesIO(data))


def encode_rgb(rgb: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 sRGB to JPEG."""
    return _save(Image.fromarray(rgb), format="JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=False)


def decode_rgb(data: Buffer) -> NDArray[np.uint8]:
    """JPEG to (H, W, 3) uint8 sRGB."""
    return decode_jpeg(data)


def encode_png(picture: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) or (H, W) uint8 to PNG, lossless."""
    return _save_png(Image.fromarray(picture))


def decode_lossless(data: Buffer) -> NDArray[np.uint8]:
    """PNG to (H, W, 3) uint8."""
    return np.array(_load(data).convert("RGB"))


def encode_mask(mask: NDArray[np.bool_]) -> bytes:
    """(H, W) bool to a 1-bit PNG, lossless."""
    return _save_png(Image.fromarray(mask))


def decode_mask(data: Buffer) -> NDArray[np.bool_]:
    """1-bit PNG to (H, W) bool."""
    return np.array(_load(data), np.bool_)


def encode_normal(normal: NDArray[np.float32]) -> bytes:
    """(H, W, 3) unit vectors, (0, 0, 0) for background, to an 8-bit PNG: a channel is floor(128 + 127 n), so background is 128.

    No unit vector has 128 in all channels. The direction read back is off by less than 0.4 degrees.
    """
    drawn = np.full(normal.shape, 128, np.uint8)
    bits = np.ascontiguousarray(normal, np.float32).view(np.int32).reshape(len(normal), -1)  # quicker to look through
    rows = np.flatnonzero(np.bitwise_or.reduce(bits, axis=1))
    if len(rows):
        seen = np.s_[rows[0] : rows[-1] + 1]
        columns = np.flatnonzero(np.bitwise_or.reduce(bits[seen], axis=0).reshape(-1, 3).any(axis=1))
        patch = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        drawn[patch] = normal[patch] * np.float32(127.0) + np.float32(128.0)
    return _save_png(Image.fromarray(drawn))


def decode_normal(data: Buffer) -> NDArray[np.float32]:
    """8-bit PNG to (H, W, 3) float32 unit vectors, (0, 0, 0) where the picture is 128 in all channels."""
    drawn = np.array(_load(data))
    flat = drawn.reshape(-1, 3)
    seen = np.flatnonzero((flat[:, 0] != 128) | (flat[:, 1] != 128) | (flat[:, 2] != 128))
    vectors = (flat[seen].astype(np.float32) - np.float32(127.5)) / np.float32(127.0)
    vectors /= np.sqrt(np.einsum("nc,nc->n", vectors, vectors))[:, None]
    normal = np.zeros(drawn.shape, np.float32)
    normal.reshape(-1, 3)[seen] = vectors
    return normal


def encode_depth(depth_m: NDArray[np.float32]) -> dict[str, Any]:
    """(H, W) metres, +inf for background, to a 16-bit PNG in steps of 0.1 mm from ``near_m``; 0 is background.

    Raises ValueError when the visible depths span more than 6.5 m: no person does.
    """
    seen = np.flatnonzero(np.isfinite(depth_m))
    visible = depth_m.reshape(-1)[seen].astype(np.float64)
    near_m = float(np.floor(visible.min() * 1000.0) / 1000.0) if len(seen) else 0.0
    values = np.rint((visible - near_m) / DEPTH_STEP_M) + 1.0
    if len(seen) and values.max() > 65535:
        raise ValueError(f"encode_depth: depths span {values.max() * DEPTH_STEP_M:.2f} m; 16 bits of 0.1 mm hold 6.5 m.")
    steps = np.zeros(depth_m.shape, np.uint16)
    steps.reshape(-1)[seen] = values.astype(np.uint16)
    return {"png": _save_png(Image.fromarray(steps)), "near_m": near_m, "step_m": DEPTH_STEP_M}


def decode_depth(png: Buffer, near_m: float, step_m: float) -> NDArray[np.float32]:
    """16-bit PNG to (H, W) float32 metres, +inf for background; off by at most half of ``step_m``."""
    steps = np.array(_load(png), np.uint16)
    depth = ((steps.astype(np.float64) - 1.0) * step_m + near_m).astype(np.float32)
    depth[steps == 0] = np.inf
    return depth


def _codec() -> pa.Codec:
    return pa.Codec(ZSTD, compression_level=ZSTD_LEVEL)


def pack_array(array: NDArray[Any]) -> bytes:
    """Any array to zstd over byte planes (all lowest bytes, then all second ones, ...), which suits indices and floats."""
    flat = np.ascontiguousarray(array).reshape(-1)
    planes = flat.view(np.uint8).reshape(len(flat), flat.itemsize).T
    return _codec().compress(np.ascontiguousarray(planes).tobytes(), asbytes=True)


def unpack_array(data: Buffer, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """The inverse of ``pack_array`` for a known dtype and shape."""
    kind = np.dtype(dtype)
    count = int(np.prod(shape))
    raw = _codec().decompress(data, decompressed_size=count * kind.itemsize, asbytes=True)
    planes = np.frombuffer(raw, np.uint8).reshape(kind.itemsize, count)
    return np.ascontiguousarray(planes.T).view(kind).reshape(shape)


def pack_bits(values: NDArray[np.bool_]) -> bytes:
    """Booleans of any shape, C order, eight to a byte, first in the highest bit."""
    return np.packbits(values.reshape(-1)).tobytes()


def unpack_bits(data: Buffer, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The inverse of ``pack_bits`` for a known shape."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=int(np.prod(shape)))
    return bits.view(np.bool_).reshape(shape)


def quantise_points(points_n3: NDArray[Any], box_min: NDArray[np.float64], box_max: NDArray[np.float64]) -> NDArray[np.uint16]:
    """(N, 3) points within a box to 16 bits a coordinate: a step is the box side / 65535 (0.04 mm for PIFu's box)."""
    scaled = (np.asarray(points_n3, np.float64) - box_min) / (box_max - box_min)
    if len(scaled) and (scaled.min() < 0.0 or scaled.max() > 1.0):
        raise ValueError(f"quantise_points: points leave the box {box_min} .. {box_max}.")
    return np.rint(scaled * 65535.0).astype(np.uint16)


def dequantise_points(
    codes_n3: NDArray[np.uint16], box_min: NDArray[np.float64], box_max: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The inverse of ``quantise_points``, (N, 3) float32."""
    step = ((box_max - box_min) / 65535.0).astype(np.float32)
    return codes_n3.astype(np.float32) * step + box_min.astype(np.float32)
