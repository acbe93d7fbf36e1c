"""Values at pixels are the weighted values of the corners; bytes are rounded or cut off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vitruvian.geometry.interpolate import interpolated, interpolated_bytes
from vitruvian.geometry.rasterize import Fragments

RNG = np.random.default_rng(0)
FACES = RNG.integers(0, 9, (5, 3)).astype(np.int32)
FACE_ID = RNG.integers(-1, 5, (7, 6)).astype(np.int32)
WEIGHTS = RNG.dirichlet((1, 1, 1), (7, 6)).astype(np.float32)
DRAWN = Fragments(face_id=FACE_ID, depth_m=np.zeros((7, 6), np.float32), barycentrics=WEIGHTS)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_vertices_and_corners(channels: int) -> None:
    values = RNG.normal(size=(9, channels)).astype(np.float32)
    expected = np.einsum("hwk,hwkc->hwc", WEIGHTS, values[FACES[FACE_ID]])
    expected[FACE_ID < 0] = 0.5
    assert np.allclose(interpolated(values, FACES, DRAWN, background=0.5), expected, atol=1e-6)
    assert np.array_equal(
        interpolated(values[FACES], None, DRAWN, background=0.5), interpolated(values, FACES, DRAWN, background=0.5)
    )


def test_bytes_are_clamped_and_rounded_or_cut_off() -> None:
    values = RNG.uniform(-0.5, 1.5, (9, 3)).astype(np.float32)
    exact = np.clip(interpolated(values, FACES, DRAWN), 0, 1) * np.float32(255)
    for cut_off, offset in ((False, np.float32(0.5)), (True, np.float32(0))):
        made = interpolated_bytes(values, FACES, DRAWN, background=7, cut_off=cut_off)
        expected = (exact + offset).astype(np.uint8)
        expected[FACE_ID < 0] = 7
        assert np.array_equal(made, expected)


def test_what_does_not_fit_is_refused() -> None:
    values: Any = np.zeros((9, 3), np.float32)
    for wrong, words in (
        ((values.astype(np.float64), FACES), "values is float64"),
        ((values[:4], FACES), "faces"),
        ((values, FACES[:3]), "face_id holds 4; there are 3 faces"),
        ((values, None), "as there are no faces"),
    ):
        with pytest.raises(ValueError, match=words):
            interpolated(*wrong, DRAWN)
