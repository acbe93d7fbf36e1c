"""Lights and backgrounds are what their written-down form says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitruvian.datagen.backgrounds.kinds import draw_background, list_pictures, random_background
from vitruvian.datagen.lights.harmonic import (
    ambient,
    basis,
    directional,
    light_from_bank,
    load_light_bank,
    random_light,
    rotated,
    rotation_y,
)
from vitruvian.errors import InputError


def random_directions(number: int = 200) -> np.ndarray:
    directions = np.random.default_rng(0).normal(size=(number, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def test_a_turned_light_is_the_light_seen_from_turned_directions() -> None:
    rng = np.random.default_rng(1)
    light = rng.normal(size=(9, 3))
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation = q * np.sign(np.linalg.det(q))
    directions = random_directions()
    assert np.allclose(basis(directions @ rotation.T) @ rotated(light, rotation), basis(directions) @ light, atol=1e-12)
    assert np.allclose(rotated(rotated(light, rotation), rotation.T), light)
    assert np.allclose(rotated(light, rotation_y(0.3) @ rotation_y(0.4)), rotated(light, rotation_y(0.7)))


def test_the_turn_about_y_is_the_published_one() -> None:
    """PIFu's (intended) turn by a: z' = cos a z - sin a x, x' = sin a z + cos a x, y' = y on the linear coefficients."""
    light, a = np.random.default_rng(2).normal(size=(9, 3)), 0.35
    turned = rotated(light, rotation_y(a))
    assert np.allclose(turned[1], light[1])
    assert np.allclose(turned[2], np.cos(a) * light[2] - np.sin(a) * light[3])
    assert np.allclose(turned[3], np.sin(a) * light[2] + np.cos(a) * light[3])


def test_lamps_and_ambient_light_have_the_irradiance_they_say() -> None:
    cosine_lobe = np.pi * np.array([1, *[2 / 3] * 3, *[1 / 4] * 5])[:, None]
    normals = random_directions()
    irradiance = basis(normals) @ (cosine_lobe * ambient(np.array([0.5, 0.6, 0.7])))
    assert np.allclose(irradiance, [0.5, 0.6, 0.7], atol=1e-6)
    lamp = directional(np.array([0, 0, 2.0]), np.array([1.0, 1.0, 1.0]))
    facing = basis(np.array([[0, 0, 1.0]])) @ (cosine_lobe * lamp)
    assert np.allclose(facing, 1.0, atol=0.07)  # nine coefficients hold a clamped cosine to 6 %


def test_random_lights_are_bright_enough_and_bounded() -> None:
    cosine_lobe = np.pi * np.array([1, *[2 / 3] * 3, *[1 / 4] * 5])[:, None]
    front = random_directions()
    front[:, 2] = np.abs(front[:, 2])
    for seed in range(50):
        seen = basis(front) @ (cosine_lobe * random_light(np.random.default_rng(seed)))
        assert 0.2 < seen.mean() < 1.0 and seen.max() < 1.5


def test_light_banks(tmp_path: Path) -> None:
    bank = np.random.default_rng(3).normal(size=(5, 9, 3))
    np.save(tmp_path / "bank.npy", bank)
    loaded = load_light_bank(tmp_path / "bank.npy")
    before = loaded.copy()
    light = light_from_bank(loaded, np.random.default_rng(0))
    assert np.array_equal(loaded, before)
    assert min(np.abs(light[[0, 1]] - row[[0, 1]]).max() for row in bank) < 1e-12  # untouched by a turn about y
    np.save(tmp_path / "wrong.npy", bank[:, :4])
    with pytest.raises(InputError, match=r"wrong\.npy: holds float64\(5, 4, 3\)"):
        load_light_bank(tmp_path / "wrong.npy")
    with pytest.raises(InputError, match="not a readable light bank"):
        load_light_bank(tmp_path / "none.npy")


@pytest.mark.parametrize("kind", ["black", "plain", "fields", "scenes"])
def test_backgrounds_are_redrawn_exactly(kind: str) -> None:
    spec = random_background(kind, np.random.default_rng(4))  # type: ignore[arg-type]
    first = draw_background(spec, 40, 30)
    assert first.shape == (30, 40, 3) and first.dtype == np.uint8
    assert np.array_equal(first, draw_background(spec, 40, 30))
    assert (first == 0).all() == (kind == "black")
    other = random_background(kind, np.random.default_rng(5))  # type: ignore[arg-type]
    assert kind == "black" or spec != other


def test_picture_backgrounds(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 90).astype(np.uint8)[None, :, None], (60, 1, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    pictures = list_pictures(tmp_path)
    assert pictures == ("ramp.png",)
    spec = random_background("pictures", np.random.default_rng(6), pictures)
    drawn = draw_background(spec, 32, 32, tmp_path)
    assert drawn.shape == (32, 32, 3) and np.all(np.diff(drawn[:, :, 0].astype(int), axis=1) >= 0)
    assert drawn.std() > 5
    with pytest.raises(InputError, match="no background pictures"):
        list_pictures(tmp_path / "nowhere")
