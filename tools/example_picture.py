"""Draw the example picture of the web page: one of the built-in people in a quiet room, so that nobody's rights are touched.

python tools/example_picture.py platform/serve/page/static/example.jpg --subject 23 --seed 5
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from vitruvian.datagen.lights.harmonic import ambient, directional
from vitruvian.datagen.sources.synthetic.source import SyntheticSource
from vitruvian.geometry.camera import level_camera
from vitruvian.geometry.prt import transfer
from vitruvian.geometry.rasterize import render

WIDTH, HEIGHT = 720, 1080
FLOOR = 0.80
"""Where the wall ends, in heights of the picture."""


def room(shadow: np.ndarray) -> np.ndarray:
    """(H, W, 3) in [0, 1]: a wall in warm light, a wooden floor, a soft shadow where ``shadow`` is dark."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] / HEIGHT
    glow = np.exp(-((columns - 0.18) ** 2 + (rows - 0.25) ** 2) / 0.5)
    wall = np.array([0.79, 0.76, 0.71]) * (0.80 + 0.24 * glow)[..., None]
    floor = np.array([0.60, 0.52, 0.43]) * (0.88 + 0.14 * (rows - FLOOR) / (1 - FLOOR))[..., None]
    edge = np.clip((rows - FLOOR) * HEIGHT / 3 + 0.5, 0, 1)[..., None]
    board = np.clip(1 - np.abs(rows - FLOOR + 0.012) / 0.012, 0, 1)[..., None] * 0.10
    return (wall * (1 + board) * (1 - edge) + floor * edge) * shadow[..., None]


def picture(subject: int, seed: int) -> np.ndarray:
    """(H, W, 3) sRGB."""
    mesh = SyntheticSource(num_subjects=subject + 1, seed=seed, texture_size_px=2048, upright_only=True)
    identity = mesh.subject_ids()[subject]
    person = mesh.load(identity).mesh
    low, high = person.vertices.min(axis=0), person.vertices.max(axis=0)
    tall = float(high[1] - low[1])
    centre = np.array([(low[0] + high[0]) / 2, low[1] + 0.485 * tall, 0.0])
    camera = level_camera(centre, height_m=1.22 * tall, yaw_rad=0.0, width_px=WIDTH, height_px=HEIGHT)
    light = ambient(np.array([0.42, 0.42, 0.44])) + directional(np.array([-0.5, 0.6, 0.75]), np.array([0.62, 0.59, 0.54]))
    received = transfer(person.vertices, person.vertex_normals(), person.vertices, person.faces) @ light
    drawn = render(person, camera, irradiance=np.clip(received, 0, None).astype(np.float32), supersample=3)
    foot = camera.project(np.array([[centre[0], low[1], 0.0]]))[0, 1]
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    middle = camera.project(np.array([[centre[0], low[1], 0.0]]))[0, 0]
    oval = ((columns - middle - 14) / (0.14 * HEIGHT)) ** 2 + ((rows - foot + 4) / (0.022 * HEIGHT)) ** 2 < 1
    shadow = 1 - 0.42 * gaussian_filter(oval.astype(np.float64), (7, 14))
    whole = drawn.coverage[..., None] * drawn.color + (1 - drawn.coverage[..., None]) * room(shadow)
    grain = np.random.default_rng((seed, subject)).normal(0, 0.006, whole.shape[:2])
    return np.rint((whole + grain[..., None]).clip(0, 1) * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--subject", type=int, default=23)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    Image.fromarray(picture(options.subject, options.seed)).save(options.out, quality=88, optimize=True)


if __name__ == "__main__":
    main()
