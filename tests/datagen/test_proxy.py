"""HuManiFlow's input functions against golden values of the published system, and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from fill import load, tensor

from vitruvian.datagen.proxy.augment import (
    ProxyAugmentation,
    ProxySample,
    augment_mask_and_joints,
    augment_picture,
    joints_in,
    over_background,
)
from vitruvian.datagen.proxy.boxes import Box, box_of_mask, crop_joints, crop_labels, crop_picture, draw_box
from vitruvian.datagen.proxy.edges import detect_edges
from vitruvian.datagen.proxy.heatmaps import draw_heatmaps, heatmap_peaks, in_frame
from vitruvian.datagen.proxy.occlusion import box_mask, hide_occluded, merged_parts

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


def named(name: str, shape: tuple[int, ...], low: float | None = None, high: float | None = None) -> np.ndarray:
    return tensor("humaniflow/" + name, shape, low, high)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return load("humaniflow", "data.npz")


def test_heatmaps(golden: dict) -> None:
    joints = named("hm_j", (2, 3, 2), 4, 60)
    for item in range(2):
        np.testing.assert_allclose(draw_heatmaps(joints[item], size_px=64), golden["j2d.heatmaps_torch"][item], **TOLERANCE)
    rounded = np.rint(joints[0]).astype(np.int16)
    np.testing.assert_allclose(
        draw_heatmaps(rounded, size_px=64).transpose(1, 2, 0), golden["j2d.heatmaps_numpy_int"], **TOLERANCE
    )


def test_peaks_of_heatmaps(golden: dict) -> None:
    joints = named("hm_j2", (2, 17, 2), -12, 76)
    heatmaps = np.stack([draw_heatmaps(item, size_px=64) for item in joints])
    heatmaps[:, 3] = 0
    heatmaps[0, 9] = 0
    for inside, key in ((True, "gaussian1"), (False, "gaussian0")):
        coordinates, seen = heatmap_peaks(heatmaps, inside_only=inside)
        np.testing.assert_array_equal(seen, golden[f"j2d.argmax_vis_{key}"])
        np.testing.assert_array_equal(coordinates, golden[f"j2d.argmax_coords_{key}"])


def test_visibility(golden: dict) -> None:
    np.testing.assert_array_equal(in_frame(named("vis_j", (2, 17, 2), -40, 300)), golden["j2d.in_frame"])
    parts = np.floor(named("seg", (2, 40, 40), 0, 25))
    parts[0][np.isin(parts[0], (19, 21))] = 0
    parts[1][parts[1] == 5] = 0
    for item in range(2):
        merged = merged_parts(parts[item])
        np.testing.assert_array_equal(merged, golden["j2d.seg14"][item])
        np.testing.assert_array_equal(hide_occluded(np.ones(17, bool), merged), golden["j2d.occluded_vis"][item])


def test_crops(golden: dict) -> None:
    picture, joints = named("crop_img", (2, 3, 60, 45), 0, 1), named("crop_j", (2, 5, 2), 0, 45)
    boxes = (Box(row=30.5, column=20.25, side=40 * 1.2), Box(row=12, column=33, side=35 * 1.2))
    for item, box in enumerate(boxes):
        drawn = crop_picture(picture[item].transpose(1, 2, 0), box, 32).transpose(2, 0, 1)
        np.testing.assert_allclose(drawn, golden["crop.torch_rgb"][item], **TOLERANCE)
        labels = np.floor(10 * picture[item]).transpose(1, 2, 0).astype(np.int8)
        rows, columns = (np.abs(np.mod(start + box.side * (np.arange(32) + 0.5) / 32, 1) - 0.5) > 1e-3
                         for start in (box.row - box.side / 2 - 0.5, box.column - box.side / 2 - 0.5))  # fmt: skip
        decided = rows[:, None] & columns[None]  # elsewhere two pixels are equally near
        assert decided.mean() > 0.2
        drawn = crop_labels(labels, box, 32).transpose(2, 0, 1)
        np.testing.assert_array_equal(drawn[:, decided], golden["crop.torch_iuv"][item][:, decided])
        np.testing.assert_allclose(crop_joints(joints[item], box, 32), golden["crop.torch_joints"][item], **TOLERANCE)
    mask = np.zeros((60, 45), bool)
    mask[11:41, 7:19] = True
    tight = box_of_mask(mask)
    box = Box(row=tight.row, column=tight.column, side=1.2 * tight.side)
    np.testing.assert_allclose(crop_joints(joints[0], box, 32), golden["crop.torch_joints_from_mask"][0], **TOLERANCE)
    drawn = crop_picture(picture[0].transpose(1, 2, 0), box, 32).transpose(2, 0, 1)
    np.testing.assert_allclose(drawn, golden["crop.torch_rgb_from_mask"][0], **TOLERANCE)


def test_background(golden: dict) -> None:
    picture = {name: named(name, (1, 3, 8, 8), 0, 1)[0].transpose(1, 2, 0) for name in ("bg", "fg")}
    parts = np.floor(named("bgseg", (1, 8, 8), -1, 2))[0].astype(np.int8)
    sample = ProxySample(rgb=picture["fg"], parts=parts, joints=np.zeros((17, 2)), visible=np.ones(17, bool))
    composed = over_background(sample, picture["bg"]).rgb.transpose(2, 0, 1)
    np.testing.assert_allclose(composed, golden["bg.composite"][0], **TOLERANCE)


@pytest.mark.parametrize(
    ("name", "options"), [("default", {}), ("thr", {"gaussian_std": 1.5, "gaussian_size": 7, "threshold": 0.2})]
)
def test_edges(golden: dict, name: str, options: dict) -> None:
    noise = named("canny_img", (1, 3, 48, 48), 0, 1)[0]
    y, x = np.mgrid[:48, :48].astype(np.float32)
    disc = 1 / (1 + np.exp(-(14.3 - np.hypot(x - 22.7, y - 25.1)) / 1.3))
    pictures = (noise.transpose(1, 2, 0), np.stack([disc, 0.6 * disc + 0.1, 1 - disc], axis=-1).astype(np.float32))
    for item, picture in enumerate(pictures):
        edges = detect_edges(picture, **options)
        for key, value in (
            ("thresholded_thin_edges", edges.thresholded_thin),
            ("grad_orientation", edges.orientation_deg),
            ("grad_magnitude", edges.magnitude),
        ):
            expected = golden[f"canny.{name}.{key}"][item, 0]
            different = np.abs(value - expected) > 1e-4 + 1e-4 * np.abs(expected)
            assert different.sum() <= (0 if key == "grad_magnitude" else 6), key


def made_up_sample() -> ProxySample:
    rng = np.random.default_rng(3)
    parts = np.repeat(np.repeat(rng.integers(0, 25, (16, 16)), 16, 0), 16, 1).astype(np.int8)
    rgb = rng.random((256, 256, 3), np.float32) * (parts > 0)[..., None]
    return ProxySample(rgb=rgb, parts=parts, joints=rng.uniform(20, 236, (17, 2)), visible=np.ones(17, bool))


def test_augmentation_follows_its_seed_and_its_rates() -> None:
    sample = made_up_sample()
    first, again = (augment_mask_and_joints(sample, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.parts, again.parts)
    np.testing.assert_array_equal(first.joints, again.joints)
    lost, hidden, moved = np.zeros(25), 0.0, 0.0
    quiet = ProxyAugmentation(
        box_probability=0, bottom_probability=0, top_probability=0, side_probability=0, swap_probability=0
    )
    rng = np.random.default_rng(1)
    for _ in range(400):
        changed = augment_mask_and_joints(sample, rng, quiet)
        lost += np.array([not (changed.parts == part).any() for part in range(25)])
        hidden += (~changed.visible).mean() / 400
        moved = max(moved, float(np.abs(changed.joints - sample.joints).max()))
    assert 0.06 < lost[1] / 400 < 0.14 and 0.02 < lost[7] / 400 < 0.09
    assert 0.04 < hidden < 0.12
    assert 5.9 < moved <= 6.0


def test_picture_augmentation_hides_what_it_blackens() -> None:
    sample = made_up_sample()
    bottom = ProxyAugmentation(bottom_probability=1, top_probability=0, side_probability=0, gain=(1.0, 1.0))
    changed = augment_picture(sample, np.random.default_rng(2), bottom)
    black = np.flatnonzero((changed.rgb == 0).all(axis=(1, 2)))
    start = black[0]
    assert 77 <= start < 179 and black[-1] == 255
    np.testing.assert_array_equal(changed.visible, sample.joints[:, 1] < start)
    assert not joints_in(np.array([[5.0, 10.0]]), (slice(11, 256), slice(0, 256)), 256)[0]


def test_extreme_crops_and_boxes_hold_what_is_left() -> None:
    parts = np.zeros((64, 64), np.int8)
    parts[10:30, 20:40], parts[30:50, 25:35] = 2, 9
    rng = np.random.default_rng(0)
    heights = {int(box_of_mask(box_mask(parts, rng)).side) for _ in range(200)}
    assert heights == {39, 19}
    box = draw_box(parts > 0, rng)
    assert 0.9 * 39 <= box.side <= 1.4 * 39 and abs(box.row - 29.5) <= 5
    with pytest.raises(ValueError, match="empty"):
        box_of_mask(np.zeros((4, 4), bool))
