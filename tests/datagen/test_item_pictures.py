"""Every body item as a picture: right size, right colours where they are known."""

from __future__ import annotations

import numpy as np

from vitruvian.datagen.pictures import DARK, PICTURES, label_colors, of_depth, of_iuv, of_joints, of_normal
from vitruvian.geometry.camera import Camera
from vitruvian.shards.items import ITEMS

CAMERA = Camera(projection="perspective", width_px=40, height_px=60, focal_px=(60.0, 60.0), center_px=(20.0, 30.0))


def test_every_picture_has_the_size_of_its_item() -> None:
    rng = np.random.default_rng(0)
    joints = np.concatenate([rng.uniform(-0.5, 0.5, (24, 2)), np.full((24, 1), -3.0)], axis=1)
    sample = {
        "camera": CAMERA,
        "rgb": rng.integers(0, 256, (60, 40, 3)).astype(np.uint8),
        "mask": rng.random((60, 40)) < 0.5,
        "normal": rng.normal(size=(60, 40, 3)).astype(np.float32),
        "depth": rng.uniform(2, 3, (60, 40)).astype(np.float32),
        "iuv": np.concatenate([rng.integers(0, 25, (15, 10, 1)), rng.random((15, 10, 2))], -1).astype(np.float32),
        "part_labels": rng.integers(0, 256, (60, 40)).astype(np.uint8),
        "joints_3d": joints,
        "joints_2d": CAMERA.project(joints)[:, :2],
        "joints_visibility": rng.integers(0, 3, 24).astype(np.uint8),
        "joint_set": "smpl24",
    }
    assert set(PICTURES) <= set(ITEMS)
    for name, picture in PICTURES.items():
        drawn = picture(sample)
        assert drawn.dtype == np.uint8
        assert drawn.shape == ((15, 10, 3) if name == "iuv" else (60, 40, 3)), name


def test_labels_differ_and_background_is_dark() -> None:
    colors = label_colors().astype(int)
    assert (colors[0] == DARK).all()
    first = colors[:30]
    apart = np.abs(first[:, None] - first[None]).sum(axis=2) + 999 * np.eye(30, dtype=int)
    assert apart.min() > 20
    assert (of_iuv(np.zeros((4, 4, 3), np.float32)) == DARK).all()
    assert (of_normal(np.zeros((4, 4, 3), np.float32)) == DARK).all()
    assert (of_depth(np.full((4, 4), np.inf, np.float32)) == DARK).all()


def test_near_is_brighter_and_hidden_joints_are_rings() -> None:
    ramp = np.linspace(1, 2, 64, dtype=np.float32).reshape(8, 8)
    drawn = of_depth(ramp).astype(int).sum(axis=2)
    assert drawn[0, 0] > drawn[4, 4] > drawn[7, 7]
    points = np.full((24, 2), 100.0)
    seen, hidden, outside = (
        of_joints(points, "smpl24", (200, 200), visibility=np.full(24, flag, np.uint8)) for flag in (2, 1, 0)
    )
    assert (seen[98:103, 98:103] != DARK).any() and (outside == DARK).all()
    assert (seen != DARK).sum() > (hidden != DARK).sum() > 0
