"""Procedural backgrounds: rooms and streets as a camera sees them that is focused on somebody in front of them.

A scene is a short list of plain shapes (walls, floor, windows, furniture; sky, houses, trees, road, lamps), painted small and
enlarged smoothly, which is what being out of focus does. The list is the description: the same list is the same picture.
Coordinates are fractions of the height, from the middle of the picture's top edge to the right and down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Shape = list[Any]
"""``[kind, [red, green, blue], x0, y0, x1, y1, ...]`` with kind ``box``, ``oval`` or ``polygon`` (any number of corners)."""

_WIDE = 3.0  # the world goes on beyond a square picture
_OVERSAMPLING = 4  # painted so much larger, because PIL paints with jagged edges


def _color(rng: np.random.Generator, brightness: tuple[float, float], saturation: float) -> NDArray[np.float64]:
    """A colour, (3,) in 0 .. 255; most colours around us lie between warm and cold."""
    warmth, green = rng.normal(0.3, 1.0), rng.normal(0, 0.35)
    return np.clip(rng.uniform(*brightness) * (1 + saturation * np.array([warmth, green, -warmth])), 0, 255)


def _shape(kind: str, color: NDArray[np.float64], *coordinates: float) -> Shape:
    return [kind, np.clip(color, 0, 255).astype(int).tolist(), *(round(float(value), 3) for value in coordinates)]


def _room(rng: np.random.Generator) -> list[Shape]:
    """Two walls and a floor, things on the walls, things on the floor."""
    floor_y, corner_x = rng.uniform(0.55, 0.85), rng.uniform(-0.9, 0.9)
    wall, floor = _color(rng, (90, 235), 0.08), _color(rng, (45, 170), 0.15)
    slope, shade = rng.uniform(0.05, 0.3), rng.uniform(0.7, 0.95)
    far = _WIDE if rng.random() < 0.5 else -_WIDE
    wall_foot = floor_y + slope * abs(far - corner_x)
    shapes = [
        _shape("box", wall, -_WIDE, -0.1, _WIDE, 1.1),
        _shape("polygon", wall * shade, corner_x, -0.1, far, -0.1, far, wall_foot, corner_x, floor_y),
        _shape("polygon", floor, -far, 1.1, -far, floor_y, corner_x, floor_y, far, wall_foot, far, 1.1),
    ]
    for _ in range(rng.integers(1, 5)):  # windows, doors, pictures
        x, width = rng.uniform(-0.9, 0.9), rng.uniform(0.08, 0.35)
        top, bottom = rng.uniform(0.0, 0.25), rng.uniform(0.3, floor_y)
        pane = _color(rng, (190, 255), 0.04) if rng.random() < 0.5 else _color(rng, (30, 200), 0.25)
        frame = pane * rng.uniform(0.6, 0.9)
        shapes.append(_shape("box", frame, x - width / 2 - 0.015, top - 0.015, x + width / 2 + 0.015, bottom + 0.015))
        shapes.append(_shape("box", pane, x - width / 2, top, x + width / 2, bottom))
    for _ in range(rng.integers(2, 7)):  # furniture
        x, width, height = rng.uniform(-1, 1), rng.uniform(0.08, 0.5), rng.uniform(0.08, 0.35)
        foot = rng.uniform(floor_y, min(1.05, floor_y + 0.2))
        color = _color(rng, (25, 190), 0.25)
        shapes.append(_shape("oval", floor * 0.6, x - width * 0.6, foot - 0.03, x + width * 0.6, foot + 0.03))
        shapes.append(_shape("box", color, x - width / 2, foot - height, x + width / 2, foot))
        lid = color * rng.uniform(0.7, 1.25)
        shapes.append(_shape("box", lid, x - width / 2, foot - height, x + width / 2, foot - height * 0.7))
    return shapes + _lamps(rng, (0.0, floor_y * 0.6), int(rng.integers(0, 4)))


def _street(rng: np.random.Generator) -> list[Shape]:
    """Sky, a row of houses, trees, ground with a road."""
    horizon = rng.uniform(0.4, 0.7)
    sky, ground = _color(rng, (120, 250), 0.08) * np.array([0.93, 0.98, 1.06]), _color(rng, (60, 160), 0.12)
    shapes = [_shape("box", sky, -_WIDE, -0.1, _WIDE, 1.1), _shape("box", sky * 1.08, -_WIDE, horizon * 0.5, _WIDE, 1.1)]
    x = -1.3
    while x < 1.3:  # houses
        width, height = rng.uniform(0.15, 0.6), rng.uniform(0.05, horizon)
        if rng.random() < 0.75:
            house = _color(rng, (50, 210), 0.12)
            shapes.append(_shape("box", house, x, horizon - height, x + width, horizon + 0.1))
            for row in np.arange(horizon - height + 0.04, horizon - 0.06, 0.11):
                shapes.append(_shape("box", house * rng.uniform(0.45, 1.4), x + 0.04, row, x + width - 0.04, row + 0.05))
        x += width
    shapes.append(_shape("box", ground, -_WIDE, horizon, _WIDE, 1.1))
    middle, near = rng.uniform(-0.5, 0.5), rng.uniform(0.3, 1.2)
    road = np.full(3, rng.uniform(60, 150))
    shapes.append(
        _shape("polygon", road, middle - 0.05, horizon, middle + 0.05, horizon, middle + near, 1.1, middle - near, 1.1)
    )
    for _ in range(rng.integers(0, 6)):  # trees and bushes
        x, base, size = rng.uniform(-1, 1), horizon + rng.uniform(0, 0.08), rng.uniform(0.05, 0.22)
        leaf = _color(rng, (35, 120), 0.1) * np.array([0.8, 1.1, 0.6])
        shapes.append(_shape("box", leaf * 0.5, x - 0.012, base - size * 1.5, x + 0.012, base))
        for _ in range(4):
            dx, dy = rng.normal(0, size * 0.4, 2)
            tone, top = leaf * rng.uniform(0.7, 1.35), base - size * 1.6
            x0, y0 = x + dx - size * 0.6, top + dy - size * 0.5
            shapes.append(_shape("oval", tone, x0, y0, x0 + size * 1.2, y0 + size))
    for _ in range(rng.integers(0, 4)):  # cars, bins, passers-by
        x, base = rng.uniform(-1, 1), horizon + rng.uniform(0.02, 0.15)
        width, height = rng.uniform(0.04, 0.3), rng.uniform(0.06, 0.2)
        shapes.append(_shape("oval", ground * 0.5, x - width * 0.6, base - 0.02, x + width * 0.6, base + 0.02))
        shapes.append(_shape("oval", _color(rng, (25, 220), 0.3), x - width / 2, base - height, x + width / 2, base))
    return shapes + _lamps(rng, (0.1, horizon), int(rng.integers(0, 7)))


def _lamps(rng: np.random.Generator, rows: tuple[float, float], number: int) -> list[Shape]:
    """Lights out of focus are discs."""
    warm = np.array([255.0, 235.0, 200.0])
    lamps = []
    for _ in range(number):
        x, y, radius = rng.uniform(-0.9, 0.9), rng.uniform(*rows), rng.uniform(0.01, 0.04)
        lamps.append(_shape("oval", warm * rng.uniform(0.8, 1.0), x - radius, y - radius, x + radius, y + radius))
    return lamps


def random_scene(rng: np.random.Generator) -> dict[str, Any]:
    """Draw a scene: ``{"kind": "scene", "sharpness": n, "shapes": [...]}``; sharpness is the rows of the small painting."""
    shapes = _room(rng) if rng.random() < 0.6 else _street(rng)
    return {"kind": "scene", "sharpness": int(rng.integers(12, 56)), "shapes": shapes}


def draw_scene(scene: Mapping[str, Any], width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Paint a scene: uint8 (H, W, 3)."""
    rows = min(scene["sharpness"], height_px)
    columns = max(1, round(rows * width_px / height_px))
    scale = rows * _OVERSAMPLING
    canvas = Image.new("RGB", (columns * _OVERSAMPLING, scale))
    brush = ImageDraw.Draw(canvas)
    for kind, color, *numbers in scene["shapes"]:
        corners = [(x * scale + canvas.width / 2, y * scale) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        if kind == "polygon":
            brush.polygon(corners, fill=tuple(color))
        else:
            xs, ys = zip(*corners, strict=True)
            box = (min(xs), min(ys), max(xs), max(ys))
            (brush.ellipse if kind == "oval" else brush.rectangle)(box, fill=tuple(color))
    small = canvas.resize((columns, rows), Image.Resampling.BOX)
    return np.array(small.resize((width_px, height_px), Image.Resampling.BICUBIC))
