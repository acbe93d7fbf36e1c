"""JPEGs decoded as OpenCV and Pillow do, whatever kind they are."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from vitruvian.geometry.jpeg import decode_jpeg

FLAGS = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


def _saved(mode: str, size: tuple[int, int], seed: int, **options: Any) -> bytes:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    picture = np.asarray(small.resize(size, Image.Resampling.BICUBIC)).astype(int)
    noisy = np.clip(picture + rng.integers(-30, 30, picture.shape), 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noisy).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize("size", [(131, 97), (16, 16), (5, 33), (1, 1), (320, 200)])
@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {"subsampling": 0, "quality": 95}), ("RGB", {"subsampling": 1}), ("RGB", {"subsampling": 2, "progressive": True}),
     ("L", {}), ("CMYK", {})],
)  # fmt: skip
def test_as_opencv_and_pillow(mode: str, options: dict[str, Any], size: tuple[int, int]) -> None:
    data = _saved(mode, size, sum(size), **options)
    for reduction, flags in FLAGS.items():
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        assert expected is not None
        np.testing.assert_array_equal(decode_jpeg(data, reduction=reduction), expected[..., ::-1])
    if mode != "CMYK":
        np.testing.assert_array_equal(decode_jpeg(data), np.array(Image.open(io.BytesIO(data)).convert("RGB")))


def test_any_bytes_and_no_others() -> None:
    data = _saved("RGB", (40, 30), 1)
    expected = decode_jpeg(data)
    assert expected.shape == (30, 40, 3) and expected.dtype == np.uint8 and expected.flags.writeable
    for held in (bytearray(data), memoryview(data), np.frombuffer(data, np.uint8), pa.py_buffer(data)):
        np.testing.assert_array_equal(decode_jpeg(held), expected)
    for wrong in (b"", b"no picture", data[: len(data) // 2]):
        with pytest.raises(ValueError):
            decode_jpeg(wrong)
