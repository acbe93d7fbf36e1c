"""What is stored comes back as precisely as the catalogue says."""

import numpy as np
import pytest

from vitruvian.errors import InputError
from vitruvian.shards import encode
from vitruvian.shards.items import ITEMS, check_items


def random_normals(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    normal = rng.normal(size=(*shape, 3)).astype(np.float32)
    return normal / np.linalg.norm(normal, axis=-1, keepdims=True)


def test_colour_is_close_and_masks_are_exact() -> None:
    rows, columns = np.mgrid[0:64, 0:48]
    rgb = np.stack([3 * rows, 5 * columns, 200 - rows], axis=2).astype(np.uint8)
    back = encode.decode_rgb(encode.encode_rgb(rgb))
    assert back.shape == rgb.shape
    assert np.abs(back.astype(int) - rgb).mean() < 2.0
    mask = np.random.default_rng(0).random((37, 53)) < 0.5
    assert np.array_equal(encode.decode_mask(encode.encode_mask(mask)), mask)


def test_normals_are_unit_and_within_four_tenths_of_a_degree() -> None:
    normal = random_normals(np.random.default_rng(1), (80, 80))
    normal[:, :10] = 0
    normal[40, 40] = (0, 0, 1)
    back = encode.decode_normal(encode.encode_normal(normal))
    assert np.all(back[:, :10] == 0)
    seen = back[:, 10:]
    assert np.allclose(np.linalg.norm(seen, axis=2), 1.0, atol=1e-6)
    cosine = np.clip((seen.astype(np.float64) * normal[:, 10:]).sum(axis=2), -1, 1)
    assert np.degrees(np.arccos(cosine)).max() < 0.4


def test_depth_is_within_half_a_step_and_background_stays_infinite() -> None:
    rng = np.random.default_rng(2)
    depth = rng.uniform(-1.0, 1.5, (50, 40)).astype(np.float32)
    depth[:5] = np.inf
    stored = encode.encode_depth(depth)
    back = encode.decode_depth(**stored)
    assert np.array_equal(np.isinf(back), np.isinf(depth))
    assert np.abs(back[5:] - depth[5:]).max() < 0.5e-4 + 2e-7
    empty = np.full((4, 4), np.inf, np.float32)
    assert np.isinf(encode.decode_depth(**encode.encode_depth(empty))).all()
    with pytest.raises(ValueError, match="hold 6"):
        encode.encode_depth(np.array([[0.0, 7.0]], np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8])
def test_packed_arrays_come_back_exactly(dtype: type) -> None:
    array = (np.random.default_rng(3).normal(size=(101, 3)) * 100).astype(dtype)
    assert np.array_equal(encode.unpack_array(encode.pack_array(array), dtype, array.shape), array)
    empty = np.zeros((0, 3), dtype)
    assert encode.unpack_array(encode.pack_array(empty), dtype, (0, 3)).shape == (0, 3)


def test_bits_and_points() -> None:
    rng = np.random.default_rng(4)
    bits = rng.random((5, 7, 3)) < 0.4
    assert np.array_equal(encode.unpack_bits(encode.pack_bits(bits), bits.shape), bits)
    low, high = np.array([-1.0, 0.0, -2.0]), np.array([1.0, 2.5, 2.0])
    points = rng.uniform(low, high, (1000, 3))
    codes = encode.quantise_points(points, low, high)
    back = encode.dequantise_points(codes, low, high)
    assert np.abs(back - points).max() <= (high - low).max() / 65535 / 2 + 1e-6
    assert np.array_equal(encode.quantise_points(back.astype(np.float64).clip(low, high), low, high), codes)
    with pytest.raises(ValueError, match="leave the box"):
        encode.quantise_points(high[None] + 0.1, low, high)


def test_the_catalogue_is_whole() -> None:
    for name, item in ITEMS.items():
        assert item.name == name and item.keys and item.description and item.precision
    assert check_items(["mask", "rgb", "mask"], "here") == ("rgb", "mask")
    with pytest.raises(InputError, match=r"no item 'colour'.*Items: rgb"):
        check_items(["colour"], "here")
