"""EXR pictures come back exactly, and damaged ones are named."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from vitruvian.datagen.layouts.exr import exr_bytes, read_exr
from vitruvian.errors import InputError


@pytest.mark.parametrize("shape", [(1, 1), (16, 5), (37, 64), (40, 33)])
@pytest.mark.parametrize("smooth", [True, False])
def test_a_round_trip_is_exact(tmp_path: Path, shape: tuple[int, int], smooth: bool) -> None:
    rng = np.random.default_rng(0)
    picture = np.linspace(-3, 90, shape[0] * shape[1] * 3) if smooth else rng.normal(size=shape[0] * shape[1] * 3) * 1e3
    picture = picture.reshape(*shape, 3).astype(np.float32)
    (tmp_path / "a.exr").write_bytes(exr_bytes(picture))
    assert np.array_equal(read_exr(tmp_path / "a.exr"), picture)


def uncompressed_half(picture: np.ndarray) -> bytes:
    """As another program may write it: no compression, half floats, one more channel, a data window that begins elsewhere."""
    height, width = picture.shape[:2]
    channels = b"".join(name + struct.pack("<xiB3xii", 1, 0, 1, 1) for name in (b"A", b"B", b"G", b"R")) + b"\0"
    window = struct.pack("<4i", 7, 5, width + 6, height + 4)
    attributes = (
        (b"channels", b"chlist", channels),
        (b"compression", b"compression", b"\0"),
        (b"dataWindow", b"box2i", window),
    )
    header = b"\x76\x2f\x31\x01\x02\0\0\0"
    header += b"".join(name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value for name, kind, value in attributes)
    header += b"\0"
    lines = []
    for row in range(height):
        planes = [np.ones(width, "<f2"), *(picture[row, :, channel].astype("<f2") for channel in (2, 1, 0))]
        data = b"".join(plane.tobytes() for plane in planes)
        lines.append(struct.pack("<ii", row + 5, len(data)) + data)
    offsets = [len(header) + 8 * height + sum(map(len, lines[:row])) for row in range(height)]
    return header + struct.pack(f"<{height}Q", *offsets) + b"".join(lines)


def test_other_writers_are_read(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(-50, 50, (9, 6, 3)).astype(np.float32)
    (tmp_path / "a.exr").write_bytes(uncompressed_half(picture))
    assert np.array_equal(read_exr(tmp_path / "a.exr"), picture)


def test_damaged_pictures_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    whole = exr_bytes(np.random.default_rng(2).normal(size=(40, 30, 3)).astype(np.float32))
    for content in (b"", b"text" * 50, whole[:6], whole[:100], whole[: len(whole) - 50], whole[:350]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.exr"):
            read_exr(path)
    with pytest.raises(InputError, match="No such file"):
        read_exr(tmp_path / "none.exr")
    wrong = whole.replace(b"compression\0compression\0\x01\0\0\0\x03", b"compression\0compression\0\x01\0\0\0\x04")
    path.write_bytes(wrong)
    with pytest.raises(InputError, match="compression 4"):
        read_exr(path)
