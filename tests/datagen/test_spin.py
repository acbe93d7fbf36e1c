"""SPIN's and PyMAF's data functions against golden values of the published system, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from fill import load, tensor
from scipy.spatial.transform import Rotation

from vitruvian.bodies.charts import charts_from_densepose
from vitruvian.bodies.iuv import draw_iuv
from vitruvian.datagen.spin.augment import CropDraw, draw_crop, keypoints_in_crop, turned_joints, turned_pose
from vitruvian.datagen.spin.camera import (
    AXES,
    crop_camera,
    estimate_translation,
    orientation_down,
    orientation_up,
    translation_of,
    weak_perspective,
)
from vitruvian.datagen.spin.crop import IMAGE_MEAN, coloured, crop, crop_matrix, normalised, transform_points
from vitruvian.datagen.spin.iuv_maps import to_maps, to_picture, to_published

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return load("pymaf", "data.npz")


@pytest.mark.parametrize("case", range(3))
def test_crops(golden: dict, case: int) -> None:
    center, scale, rotation = (golden[f"img.{name}"][case] for name in ("center", "scale", "rot"))
    place = {"rotation_deg": float(rotation)}
    np.testing.assert_allclose(crop_matrix(center, float(scale), **place), golden[f"img.T{case}"], rtol=2e-5, atol=2e-4)
    points = golden[f"img.tp{case}"]
    for inverse, key in ((False, "fwd"), (True, "inv")):
        moved = transform_points(points, center, float(scale), inverse=inverse, **place)
        np.testing.assert_array_equal(moved, golden[f"img.tp{case}_{key}"])
    drawn = crop(golden["img.src"], center, scale, **place)  # float32, as published: a corner falls between two pixels
    levels = 1 if case < 2 else 2
    assert np.abs(drawn.astype(int) - golden[f"img.crop{case}"].astype(int)).max() <= levels
    picture = coloured(drawn, golden[f"img.pn{case}"], flip=case % 2 == 1).transpose(2, 0, 1)[:, ::4, ::4]
    assert np.abs(picture - golden[f"img.rgb{case}"]).max() <= (1.5 * levels + 0.1) / 255


@pytest.mark.parametrize("case", range(3))
def test_keypoints_joints_and_poses(golden: dict, case: int) -> None:
    center, scale = golden["img.center"][case], float(golden["img.scale"][case])
    draw = CropDraw(flip=case % 2 == 1, rotation_deg=float(golden["img.rot"][case]))
    np.testing.assert_allclose(
        keypoints_in_crop(golden[f"img.kp{case}"], center, scale, draw), golden[f"img.j2d{case}"], **TOLERANCE
    )
    np.testing.assert_allclose(turned_joints(golden[f"img.S{case}"], draw), golden[f"img.j3d{case}"], **TOLERANCE)
    np.testing.assert_allclose(turned_pose(golden[f"img.pose{case}"], draw), golden[f"img.pose_out{case}"], **TOLERANCE)


def test_stored_fits(golden: dict) -> None:
    for case in range(3):
        angle, flip = float(golden["fits.rot"][case]), bool(golden["fits.flip"][case])
        turned = turned_pose(golden["fits.pose"][case], CropDraw(rotation_deg=angle))
        np.testing.assert_allclose(turned, golden["fits.rotated"][case], **TOLERANCE)
        mirrored = turned_pose(golden["fits.pose"][case], CropDraw(rotation_deg=angle, flip=flip))
        np.testing.assert_allclose(mirrored, golden["fits.rotated_flipped"][case], **TOLERANCE)


def test_draws_of_the_published_generator(golden: dict) -> None:
    legacy = np.random.RandomState(7)
    for row in golden["aug.params_seed7"]:
        draw = draw_crop(legacy)
        np.testing.assert_allclose([draw.flip, *draw.gains, draw.rotation_deg, draw.scale], row, rtol=1e-6)


def test_camera_translation(golden: dict) -> None:
    for joints, keypoints, expected in zip(
        *(golden[f"estimate_translation.{name}"] for name in ("S", "joints2d", "t")), strict=True
    ):
        np.testing.assert_allclose(estimate_translation(joints[25:], keypoints[25:]), expected, rtol=1e-4, atol=1e-4)
    camera = np.array([0.9, 0.02, -0.03])
    np.testing.assert_allclose(weak_perspective(translation_of(camera)), camera, rtol=1e-8)


def test_projection_is_that_of_our_camera(golden: dict) -> None:
    for points, triple, expected in zip(*(golden[f"proj.{name}"] for name in ("points", "cam", "xy")), strict=True):
        camera = crop_camera(triple)
        pixels = camera.project(points @ AXES)[:, :2]
        np.testing.assert_allclose(pixels / 112 - 1, expected, rtol=1e-4, atol=2e-5)


def test_orientations_belong_to_the_two_axes() -> None:
    rotation = Rotation.from_euler("yx", [0.7, -0.2]).as_matrix()
    camera = crop_camera(np.array([0.9, 0, 0]))
    seen = type(camera)(**{**camera.to_dict(), "rotation": tuple(rotation.reshape(-1))})
    orient = np.array([0.3, -0.5, 0.2])
    up, down = (Rotation.from_rotvec(make(orient, seen)).as_matrix() for make in (orientation_up, orientation_down))
    np.testing.assert_allclose(up, rotation @ Rotation.from_rotvec(orient).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(down, AXES @ up, atol=1e-12)


def test_iuv_maps_and_pictures(golden: dict) -> None:
    for case, picture in enumerate(golden["iuv.image"]):
        maps = to_maps(picture)
        for name, value in (("U", maps.u), ("V", maps.v), ("I", maps.parts), ("Ann", maps.merged)):
            np.testing.assert_allclose(value, golden[f"iuv.{name}"][case], atol=1e-6)
        scores = [tensor(f"pymaf.p_{name}", (3, 15 if name == "a" else 25, 14, 14))[case] for name in "uvia"]
        np.testing.assert_allclose(to_picture(*scores), golden["iuv.map2img"][case], atol=1e-6)
        np.testing.assert_allclose(to_picture(*scores[:3]), golden["iuv.map2img_noann"][case], atol=1e-6)


def test_rendered_iuv_labels() -> None:
    toy = load("pymaf", "iuv.npz")
    charts = charts_from_densepose(toy, "toy")
    for vertices, camera, expected in zip(*(toy[name] for name in ("verts", "cam", "iuv")), strict=True):
        seen = crop_camera(camera, pixels=56)
        drawn = to_published(draw_iuv(charts, vertices @ AXES, seen))
        different = (np.abs(drawn - expected) > np.array([1e-6, 1e-3, 1e-3])[:, None, None]).any(axis=0)
        assert different.sum() <= 10
        assert (expected[0] > 0).sum() > 200


def test_the_picture_for_the_network() -> None:
    np.testing.assert_allclose(normalised(np.tile(np.array(IMAGE_MEAN, np.float32), (4, 4, 1))), 0, atol=1e-6)
