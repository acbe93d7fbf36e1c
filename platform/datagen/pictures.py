"""Every item as something to look at: sample values in, an 8-bit picture out, with the same colours everywhere.

``PICTURES`` names a function for each item that can be shown in the frame of its view; each takes a sample as ``ShardDataset``
gives it (the item's keys, ``camera``, ``rgb`` where joints are to lie on it) and returns (H, W, 3) uint8.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vitruvian.bodies.joint_sets import JOINT_SETS
from vitruvian.bodies.skeleton import JOINT_NAMES, PARENTS
from vitruvian.shards.body_items import HIDDEN, OUTSIDE, VISIBLE

Picture = NDArray[np.uint8]

WHITE, DARK = 255, 28
_LEFT, _RIGHT, _MIDDLE = (235, 90, 60), (60, 140, 235), (240, 200, 60)
# Bones between joints of the same set, by name; a set draws those of which it has both ends.
_BONES: tuple[tuple[str, str], ...] = (
    *((JOINT_NAMES[parent], name) for name, parent in zip(JOINT_NAMES, PARENTS, strict=True) if parent >= 0),
    ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), ("left_hip", "left_shoulder"),
    ("right_hip", "right_shoulder"), ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"),
    ("right_eye", "right_ear"), ("left_ankle", "left_big_toe"), ("right_ankle", "right_big_toe"), ("left_ankle", "left_heel"),
    ("right_ankle", "right_heel"), ("neck", "nose"),
)  # fmt: skip


@lru_cache(maxsize=1)
def label_colors() -> Picture:
    """(256, 3): far apart for neighbouring labels, 0 is dark."""
    colors = [(DARK, DARK, DARK)]
    for label in range(1, 256):
        hue, level = (label * 0.61803398875) % 1.0, 0.95 - 0.30 * ((label * 0.37) % 1.0)
        red, green, blue = colorsys.hsv_to_rgb(hue, 0.45 + 0.35 * ((label * 0.23) % 1.0), level)
        colors.append((round(255 * red), round(255 * green), round(255 * blue)))
    return np.array(colors, np.uint8)


def of_labels(labels: NDArray[np.integer[Any]]) -> Picture:
    """A colour for each label 0..255."""
    return label_colors()[labels]


def of_mask(mask: NDArray[np.bool_]) -> Picture:
    """White on dark."""
    return np.repeat(np.where(mask, WHITE, DARK).astype(np.uint8)[..., None], 3, axis=2)


def of_normal(normal: NDArray[np.float32]) -> Picture:
    """x, y, z of the camera frame as red, green, blue around grey; background dark."""
    seen = (normal != 0).any(axis=2, keepdims=True)
    return np.where(seen, np.rint(normal * 127.5 + 127.5), DARK).astype(np.uint8)


def of_depth(depth_m: NDArray[np.float32]) -> Picture:
    """Near is bright and warm, far dark and cold, over the picture's own range; background dark."""
    seen = np.isfinite(depth_m)
    picture = np.full((*depth_m.shape, 3), DARK, np.uint8)
    if seen.any():
        low, high = np.quantile(depth_m[seen], (0.01, 0.99))
        near = 1 - np.clip((depth_m[seen] - low) / max(float(high - low), 1e-6), 0, 1)
        stops = np.array([[38, 52, 110], [35, 130, 140], [170, 190, 90], [255, 235, 170]], np.float64)
        colors = [np.interp(near, np.linspace(0, 1, len(stops)), stops[:, channel]) for channel in range(3)]
        picture[seen] = np.stack(colors, axis=1).astype(np.uint8)
    return picture


def of_iuv(iuv: NDArray[np.float32]) -> Picture:
    """The part's colour, brighter with u, with lines at every eighth of u and v."""
    part, u, v = iuv[..., 0].astype(np.int64), iuv[..., 1], iuv[..., 2]
    base = label_colors()[part].astype(np.float32)
    level = 0.65 + 0.35 * u
    line = (np.abs((u * 8) % 1 - 0.5) > 0.42) | (np.abs((v * 8) % 1 - 0.5) > 0.42)
    shaded = base * (level * np.where(line, 0.72, 1.0))[..., None]
    return np.where((part > 0)[..., None], shaded, DARK).astype(np.uint8)


def of_joints(
    joints_px: NDArray[Any],
    joint_set: str,
    size: tuple[int, int],
    *,
    visibility: NDArray[np.uint8] | None = None,
    under: Picture | None = None,
) -> Picture:
    """Bones and joints over a picture (or dark): left red, right blue; hidden joints are rings. ``size`` is (width, height)."""
    width, height = size
    base = np.full((height, width, 3), DARK, np.uint8) if under is None else (under * 0.55).astype(np.uint8)
    zoom = max(1, 384 // max(width, height))
    image = Image.fromarray(base).resize((width * zoom, height * zoom), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    names = JOINT_SETS[joint_set][: len(joints_px)]
    points = {name: (float(x) * zoom, float(y) * zoom) for name, (x, y) in zip(names, joints_px, strict=True)}
    flags = np.full(len(names), VISIBLE, np.uint8) if visibility is None else visibility
    shown = dict(zip(names, flags.tolist(), strict=True))
    for first, second in _BONES:
        if first in points and second in points and min(shown[first], shown[second]) > OUTSIDE:
            draw.line([points[first], points[second]], fill=_color(second), width=2)
    radius = max(2, image.width // 130)
    for name, (x, y) in points.items():
        if shown[name] == OUTSIDE:
            continue
        box = (x - radius, y - radius, x + radius, y + radius)
        if shown[name] == HIDDEN:
            draw.ellipse(box, outline=_color(name), width=1)
        else:
            draw.ellipse(box, fill=_color(name))
    return np.array(image.resize((width, height), Image.Resampling.BOX))


def _color(name: str) -> tuple[int, int, int]:
    return _LEFT if name.startswith("left_") else _RIGHT if name.startswith("right_") else _MIDDLE


def _joints_2d(sample: Mapping[str, Any]) -> Picture:
    camera = sample["camera"]
    return of_joints(
        sample["joints_2d"],
        sample["joint_set"],
        (camera.width_px, camera.height_px),
        visibility=sample["joints_visibility"],
        under=sample.get("rgb"),
    )


def _joints_3d(sample: Mapping[str, Any]) -> Picture:
    camera = sample["camera"]
    projected = camera.project(camera.to_world(sample["joints_3d"]))
    return of_joints(projected[:, :2], sample["joint_set"], (camera.width_px, camera.height_px))


PICTURES: dict[str, Callable[[Mapping[str, Any]], Picture]] = {
    "rgb": lambda sample: np.asarray(sample["rgb"], np.uint8),
    "mask": lambda sample: of_mask(sample["mask"]),
    "normal": lambda sample: of_normal(sample["normal"]),
    "depth": lambda sample: of_depth(sample["depth"]),
    "iuv": lambda sample: of_iuv(sample["iuv"]),
    "part_labels": lambda sample: of_labels(sample["part_labels"]),
    "joints_2d": _joints_2d,
    "joints_3d": _joints_3d,
}
"""Item -> its picture of a sample."""
