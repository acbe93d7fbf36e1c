"""The Phong lamp: its terms one by one, at points where they are known."""

from __future__ import annotations

import dataclasses

import numpy as np

from vitruvian.datagen.lights.phong import PhongLight
from vitruvian.datagen.lights.shading import draw
from vitruvian.datagen.view import View
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh

CAMERA = Camera(
    projection="perspective", width_px=9, height_px=9, focal_px=(9.0, 9.0), center_px=(4.5, 4.5), translation_m=(0, 0, -2.0)
)
LAMP = PhongLight(position_m=(0.0, 0.0, 0.0), ambient=0.25, diffuse=0.5, specular=0.0)
GREY = np.full((1, 3), 0.5, np.float32)


def shade(lamp: PhongLight, normal: tuple[float, float, float]) -> np.ndarray:
    return lamp.shade(np.zeros((1, 3)), np.array([normal]), GREY, CAMERA)[0]


def test_terms() -> None:
    np.testing.assert_allclose(shade(LAMP, (0, 0, 1)), 0.5 * (0.25 + 0.5))
    np.testing.assert_allclose(shade(LAMP, (0, 0, -1)), 0.5 * 0.25)
    np.testing.assert_allclose(shade(LAMP, (np.sqrt(0.75), 0, 0.5)), 0.5 * (0.25 + 0.25), rtol=1e-6)
    gloss = dataclasses.replace(LAMP, ambient=0.0, diffuse=0.0, specular=0.4)
    np.testing.assert_allclose(shade(gloss, (0, 0, 1)), 0.4, rtol=1e-6)
    tilt = np.radians(10.0)
    np.testing.assert_allclose(shade(gloss, (np.sin(tilt), 0, np.cos(tilt))), 0.4 * np.cos(2 * tilt) ** 64, rtol=1e-5)
    np.testing.assert_allclose(shade(gloss, (0, 0, -1)), 0.0)
    np.testing.assert_allclose(shade(dataclasses.replace(LAMP, ambient=3.0), (0, 0, 1)), 1.0)


def test_a_lamp_is_its_description() -> None:
    assert PhongLight.from_description(LAMP.description()) == LAMP
    view = View(camera=CAMERA, yaw_rad=0.1, light=LAMP, background={"kind": "plain", "color": [1, 2, 3]})
    assert View.from_description(CAMERA, view.description()) == view


def test_a_drawn_square_is_shaded_at_each_pixel() -> None:
    square = Mesh(
        vertices=np.array([[-2, -2, 0], [2, -2, 0], [2, 2, 0], [-2, 2, 0]], np.float32),
        faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        vertex_colors=np.full((4, 3), 255, np.uint8),
    )
    near = dataclasses.replace(LAMP, position_m=(0.0, 0.0, -1.0))
    view = View(camera=CAMERA, yaw_rad=0.0, light=near, background={"kind": "plain", "color": [0, 0, 0]})
    for supersample in (1, 3):
        color = draw(square, view, fields=("color", "mask"), supersample=supersample).color
        rows, columns = np.mgrid[:9, :9] + 0.5
        x, y = (columns - 4.5) / 9 * 2, (rows - 4.5) / 9 * 2
        expected = 0.25 + 0.5 / np.sqrt(1 + x**2 + y**2)
        np.testing.assert_allclose(color[..., 0], expected, atol=1e-4 if supersample == 1 else 3e-3)
