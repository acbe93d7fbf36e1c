"""OpenEXR pictures of three 32-bit channels, as PIFu's UV_POS are: written and read without a library.

Written: R, G, B as float, scan lines in blocks of 16, ZIP (the OpenEXR file layout, version 2, single part). Read: the same,
also uncompressed or one line a block, half or float, channels R, G, B among others.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.errors import InputError

MAGIC = b"\x76\x2f\x31\x01"
VERSION = b"\x02\x00\x00\x00"
LINES_PER_BLOCK = {0: 1, 2: 1, 3: 16}
"""By compression: none, ZIP of single lines, ZIP."""
_HALF, _FLOAT = 1, 2
_MAX_SIDE = 1 << 15


def exr_bytes(picture: NDArray[np.float32]) -> bytes:
    """(H, W, 3) red, green, blue to the bytes of a file."""
    height, width = picture.shape[:2]
    channels = b"".join(name + struct.pack("<xiB3xii", _FLOAT, 0, 1, 1) for name in (b"B", b"G", b"R")) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    attributes = (
        (b"channels", b"chlist", channels),
        (b"compression", b"compression", b"\x03"),
        (b"dataWindow", b"box2i", window),
        (b"displayWindow", b"box2i", window),
        (b"lineOrder", b"lineOrder", b"\0"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 1.0)),
        (b"screenWindowCenter", b"v2f", struct.pack("<2f", 0.0, 0.0)),
        (b"screenWindowWidth", b"float", struct.pack("<f", 1.0)),
    )
    header = b"".join(name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value for name, kind, value in attributes)
    start = MAGIC + VERSION + header + b"\0"
    planes = np.ascontiguousarray(picture[..., ::-1].transpose(0, 2, 1), "<f4")  # line, channel (B, G, R), column
    blocks = []
    for first in range(0, height, 16):
        raw = planes[first : first + 16].tobytes()
        packed = zlib.compress(_interleaved(raw), 6)
        data = packed if len(packed) < len(raw) else raw
        blocks.append(struct.pack("<ii", first, len(data)) + data)
    offsets = np.cumsum([len(start) + 8 * len(blocks), *map(len, blocks)])[:-1]
    return start + offsets.astype("<u8").tobytes() + b"".join(blocks)


def _interleaved(raw: bytes) -> bytes:
    """EXR's preparation for ZIP: even bytes before odd ones, then differences (plus 128) along them."""
    data = np.frombuffer(raw, np.uint8)
    halves = np.concatenate([data[::2], data[1::2]])
    steps = np.diff(halves, prepend=halves[:1]) + np.uint8(128)
    steps[0] = halves[0]
    return steps.tobytes()


def _restored(packed: bytes, size: int) -> bytes:
    steps = np.frombuffer(zlib.decompress(packed, bufsize=size), np.uint8).copy()
    steps[1:] -= np.uint8(128)
    halves = np.cumsum(steps, dtype=np.uint8)
    data = np.empty(len(halves), np.uint8)
    data[::2], data[1::2] = halves[: (len(halves) + 1) // 2], halves[(len(halves) + 1) // 2 :]
    return data.tobytes()


def read_exr(path: Path) -> NDArray[np.float32]:
    """(H, W, 3) red, green, blue; InputError naming the file and what is wrong or not supported."""
    try:
        return _parsed(path.read_bytes(), path)
    except (OSError, struct.error, zlib.error, ValueError, IndexError, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: is not a readable EXR picture ({reason}).") from None


def _parsed(data: bytes, path: Path) -> NDArray[np.float32]:
    if data[:4] != MAGIC or data[4] != 2 or data[5] & 0x1A:
        raise InputError(f"{path}: is not an EXR picture of one part and scan lines.")
    attributes, at = _header(data)
    compression = attributes["compression"][0]
    if compression not in LINES_PER_BLOCK:
        raise InputError(f"{path}: has compression {compression}; read are none and ZIP. Save it again with ZIP.")
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise ValueError(f"{width} x {height} pixels")
    layout = np.dtype([(name, "<f2" if kind == _HALF else "<f4", (width,)) for name, kind in _channels(attributes["channels"])])
    lines, whole = LINES_PER_BLOCK[compression], np.zeros(height, layout)
    number = -(-height // lines)
    for offset in struct.unpack_from(f"<{number}Q", data, at):
        y, size = struct.unpack_from("<ii", data, offset)
        first = y - top
        count = min(lines, height - first)
        stored = data[offset + 8 : offset + 8 + size]
        raw = stored if len(stored) == count * layout.itemsize else _restored(stored, count * layout.itemsize)
        whole[first : first + count] = np.frombuffer(raw, layout, count)
    return np.stack([whole[name].astype(np.float32) for name in ("R", "G", "B")], axis=-1)


def _header(data: bytes) -> tuple[dict[str, bytes], int]:
    attributes: dict[str, bytes] = {}
    at = 8
    while data[at] != 0:
        end = data.index(b"\0", at)
        kind_end = data.index(b"\0", end + 1)
        (size,) = struct.unpack_from("<i", data, kind_end + 1)
        attributes[data[at:end].decode("latin1")] = data[kind_end + 5 : kind_end + 5 + size]
        at = kind_end + 5 + size
    return attributes, at + 1


def _channels(data: bytes) -> Iterator[tuple[str, int]]:
    at = 0
    while data[at] != 0:
        end = data.index(b"\0", at)
        kind, _, *sampling = struct.unpack_from("<iB3xii", data, end + 1)
        values: list[Any] = [kind, *sampling]
        if values[0] not in (_HALF, _FLOAT) or values[1:] != [1, 1]:
            raise ValueError("channels must be half or float, of full size")
        yield data[at:end].decode("latin1"), kind
        at = end + 17
