"""The crop kernel against numpy and Pillow, bit for bit: boxes anywhere, any angle, any layout of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vitruvian import _native
from vitruvian.datagen.spin.crop import coloured, crop, network_picture, normalised, transform_points
from vitruvian.geometry.crops import resized_cut_out, tabulated


def _turned(picture: np.ndarray, angle_deg: float) -> np.ndarray:
    """Counter-clockwise about the middle: bilinear in doubles, black outside, cut to whole levels."""
    height, width = picture.shape[:2]
    angle = np.radians(angle_deg)
    c, s = np.cos(angle), np.sin(angle)
    x, y = np.arange(width)[None] - (width / 2 - 0.5), np.arange(height)[:, None] - (height / 2 - 0.5)
    columns, rows = c * x - s * y + (width / 2 - 0.5), s * x + c * y + (height / 2 - 0.5)
    left, top = np.floor(columns).astype(np.int64), np.floor(rows).astype(np.int64)
    right, down = (columns - left)[..., None], (rows - top)[..., None]
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0))).astype(np.float64)

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return padded[np.clip(row + 1, 0, height + 1), np.clip(column + 1, 0, width + 1)]

    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return (upper * (1 - down) + lower * down + 1e-6).astype(np.uint8)


def _reference(picture: np.ndarray, center: tuple[float, float], scale: float, size: int, rotation: float) -> np.ndarray:
    """The whole cut-out, turned, then resized by Pillow."""
    corners = np.array([[1, 1], [size + 1, size + 1]])
    upper_left, lower_right = transform_points(corners, center, scale, size_px=size, inverse=True) - 1
    pad = 0
    if rotation != 0:
        across = lower_right - upper_left
        pad = int(np.linalg.norm(across) / 2 - across[1] / 2)
        upper_left, lower_right = upper_left - pad, lower_right + pad
    width, height = lower_right - upper_left
    whole = np.zeros((height, width, 3), np.uint8)
    left, right = max(0, upper_left[0]), min(picture.shape[1], lower_right[0])
    top, bottom = max(0, upper_left[1]), min(picture.shape[0], lower_right[1])
    if left < right and top < bottom:
        target = np.s_[top - upper_left[1] : bottom - upper_left[1], left - upper_left[0] : right - upper_left[0]]
        whole[target] = picture[top:bottom, left:right, :3]
    if rotation != 0:
        whole = _turned(whole, rotation)[pad : height - pad, pad : width - pad]
    return np.array(Image.fromarray(whole).resize((size, size), Image.Resampling.BICUBIC))


def _picture(rng: np.random.Generator, kind: str) -> np.ndarray:
    rows, columns = (1, 1) if kind == "pixel" else rng.integers(2, 120, 2).tolist()
    if kind == "flat":
        return np.full((rows, columns, 3), rng.integers(0, 256, 3), np.uint8)
    if kind == "extreme":
        return rng.choice(np.array([0, 255], np.uint8), (rows, columns, 3))
    picture = rng.integers(0, 256, (rows, columns, {"grey": 1, "rgba": 4}.get(kind, 3)), dtype=np.uint8)
    layouts = {
        "bgr": picture[..., ::-1],
        "mirrored": picture[:, ::-1],
        "upside_down": picture[::-1],
        "part": np.pad(picture, ((3, 2), (1, 4), (0, 0)), constant_values=77)[3:-2, 1:-4],
        "fortran": np.asfortranarray(picture),
    }
    found = layouts.get(kind, picture)
    found.flags.writeable = False
    return found


@pytest.mark.parametrize(
    "kind", ["plain", "pixel", "flat", "extreme", "grey", "rgba", "bgr", "mirrored", "upside_down", "part", "fortran"]
)
def test_crops_are_those_of_numpy_and_pillow(kind: str) -> None:
    rng, seen = np.random.default_rng(list(kind.encode())), 0
    for rotation in (0.0, 60.0, -60.0, 1e-9, *rng.uniform(-60, 60, 3).tolist()):
        for scale in (1e-4, 0.01, 0.05, 0.16, 0.17, 0.5):
            picture = _picture(rng, kind)
            center = tuple((rng.uniform(-0.2, 1.2, 2) * picture.shape[1::-1]).tolist())
            size = int(rng.choice([1, 7, 32, 33]))
            expected = _reference(picture, center, scale, size, rotation)
            found = crop(picture, center, scale, size_px=size, rotation_deg=rotation)
            np.testing.assert_array_equal(found, expected)
            seen += bool(expected.any())
    assert seen >= (8 if kind == "pixel" else 20)


def test_a_box_beside_the_picture_is_black() -> None:
    picture = np.full((20, 30, 3), 200, np.uint8)
    for center in ((-500.0, 10.0), (500.0, 10.0), (15.0, -500.0), (15.0, 500.0)):
        for rotation in (0.0, 33.0):
            assert not crop(picture, center, 0.2, size_px=16, rotation_deg=rotation).any()
    assert not crop(np.zeros((0, 5, 3), np.uint8), (2.0, 2.0), 0.2, size_px=16).any()


@pytest.mark.parametrize(("side", "size"), [(32, 32), (32, 64), (64, 32), (700, 224), (300, 1)])
def test_resizing_is_pillows(side: int, size: int) -> None:
    rng = np.random.default_rng(side)
    picture = rng.choice(np.array([0, 3, 252, 255], np.uint8), (side, side + 9, 3))
    found = resized_cut_out(picture, (0, 0), (side + 9, side), size_px=size)
    np.testing.assert_array_equal(found, np.array(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC)))


def test_the_bytes_of_a_crop_for_the_network() -> None:
    rng = np.random.default_rng(3)
    for flip in (False, True):
        for gains in ((1.0, 1.0, 1.0), (0.6, 1.4, 1.1234567), (0.0, 300.0, 0.999)):
            for side in (1, 16):
                picture = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
                expected = normalised(coloured(picture, np.array(gains), flip=flip))
                found = network_picture(picture, gains, flip=flip)
                np.testing.assert_array_equal(found, expected)
                assert found.dtype == np.float32 and found.strides == expected.strides


def test_what_is_no_picture_is_refused() -> None:
    good = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="uint8"):
        crop(good.astype(np.float32), (2.0, 2.0), 0.02)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be uint8"):
        crop(good[..., :2], (2.0, 2.0), 0.02)
    with pytest.raises(ValueError, match="must have pixels"):
        resized_cut_out(good, (3, 1), (2, 2), size_px=4)
    with pytest.raises(ValueError, match="size_px"):
        resized_cut_out(good, (0, 0), (2, 2), size_px=0)
    with pytest.raises(ValueError, match="16777216"):
        resized_cut_out(good, (0, 0), (1 << 25, 4), size_px=4)
    with pytest.raises(ValueError, match="float32"):
        tabulated(good, np.zeros((3, 256)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negative"):
        network_picture(good, (1.0, -1.0, 1.0))
    with pytest.raises(ValueError, match="outside the cut-out"):
        _native.crop(good, (1, 0), (4, 4), 0, None, 2)
    with pytest.raises(ValueError, match="pixels together"):
        _native.crop(good[:, ::2], (0, 0), (4, 4), 0, None, 2)
    with pytest.raises(ValueError, match="cosine"):
        _native.crop(good, (0, 0), (4, 4), 0, (float("nan"), 0.0), 2)
