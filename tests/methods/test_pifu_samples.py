"""Samples: the picture, the calibration and the points belong together, whatever the augmentation does."""

import dataclasses

import numpy as np
import pytest
import torch
from people import CENTRES, COLOURS, camera, occupied, stored_view

from vitruvian.geometry.camera import Camera
from vitruvian.methods.pifu.colour_jitter import ColourJitter
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.project import orthogonal
from vitruvian.methods.pifu.samples import (
    SampleOptions,
    calibration,
    cut_out,
    draw_placement,
    draw_points,
    shape_sample,
    whole_picture,
)
from vitruvian.methods.pifu.stage import ShapeStage
from vitruvian.methods.stage import Training

AUGMENTED = SampleOptions(image_size_px=64, num_points=200, random_flip=True, random_scale=True, random_trans=True)


def pixels(sample: dict, points: np.ndarray) -> np.ndarray:
    """(N, 2) pixel coordinates (column, row) of world points in a sample's image."""
    projected = orthogonal(torch.from_numpy(points.T[None].astype(np.float32)), torch.from_numpy(sample["calibration"][None]))
    size = sample["image"].shape[1]
    return (projected[0, :2].numpy().T + 1) / 2 * size


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("yaw", [0.0, 2.0])
def test_points_stay_on_the_pixels_that_show_them(seed: int, yaw: float) -> None:
    stored = stored_view(yaw=yaw)
    sample = shape_sample(stored, AUGMENTED, np.random.default_rng(seed), training=True)
    inside = np.array([p for p in stored["query_points"] if occupied(p[None])[0]])
    column, row = np.floor(pixels(sample, inside)).astype(int).clip(0, 63).T
    assert (sample["image"][:, row, column] != 0).any(0).mean() > 0.98  # a few fall on outline pixels
    visible = [0, 1] if yaw == 0 else [0]  # balls whose middle nothing hides
    for ball in visible:
        column, row = np.floor(pixels(sample, CENTRES[ball][None])).astype(int)[0]
        np.testing.assert_allclose(sample["image"][:, row, column], COLOURS[ball] / 127.5 - 1, atol=0.01)


def test_the_augmentations_move_the_picture_as_published() -> None:
    options = dataclasses.replace(AUGMENTED, image_size_px=512)
    drawn = [draw_placement(512, 512, options, np.random.default_rng(seed)) for seed in range(400)]
    scales = np.array([512 / placement.side_px for placement in drawn])
    assert 0.9 <= scales.min() < 0.91 and 1.09 < scales.max() <= 1.1
    assert 0.4 < np.mean([placement.mirrored for placement in drawn]) < 0.6
    shift = np.array([(p.left_px + p.side_px / 2 - 256) * s for p, s in zip(drawn, scales, strict=True)])
    assert 10 < np.abs(shift).max() < round((614 * 1.1 - 512) / 10) + 1e-6
    np.testing.assert_allclose(shift, np.rint(shift), atol=1e-9)
    plain = draw_placement(512, 512, SampleOptions(), np.random.default_rng(0))
    assert plain == whole_picture(512, 512)


def test_without_augmentation_the_calibration_is_the_cameras() -> None:
    view = camera(0.7)
    points = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    projected = (
        points @ calibration(view, whole_picture(128, 128))[:3, :3].T + calibration(view, whole_picture(128, 128))[:3, 3]
    )
    uv = view.project(points)
    np.testing.assert_allclose(projected[:, :2], uv[:, :2] / 64 - 1, atol=1e-5)
    np.testing.assert_allclose(projected[:, 2], view.to_camera(points)[:, 2], atol=1e-6)  # one metre is one unit here
    perspective = Camera(projection="perspective", width_px=8, height_px=8, focal_px=(8, 8), center_px=(4, 4))
    with pytest.raises(ValueError, match="orthographic"):
        calibration(perspective, whole_picture(8, 8))


def test_the_background_is_exactly_zero_whatever_it_was() -> None:
    stored = stored_view()
    noisy = stored | {"rgb": stored["rgb"].copy()}
    noisy["rgb"][~stored["mask"]] = np.random.default_rng(0).integers(0, 255, (int((~stored["mask"]).sum()), 3))
    options = SampleOptions(image_size_px=64, num_points=10)
    first, second = (shape_sample(s, options, np.random.default_rng(0), training=False) for s in (stored, noisy))
    np.testing.assert_array_equal(first["image"], second["image"])
    assert (first["image"][:, :4] == 0).all() and np.abs(first["image"]).max() <= 1


def test_cutting_out_the_whole_at_its_own_size_changes_nothing() -> None:
    stored = stored_view()
    colours, coverage = cut_out(stored["rgb"], stored["mask"], whole_picture(128, 128), 128)
    np.testing.assert_array_equal(coverage, stored["mask"])
    np.testing.assert_array_equal(colours[stored["mask"]], stored["rgb"][stored["mask"]])
    wide = np.concatenate([stored["rgb"], stored["rgb"]], axis=1)
    _, coverage = cut_out(wide, np.concatenate([stored["mask"]] * 2, axis=1), whole_picture(256, 128), 128)
    assert coverage[:30].sum() == 0 and coverage[98:].sum() == 0 and coverage.any()


@pytest.mark.parametrize(("num_inside", "num_outside"), [(500, 500), (30, 500), (500, 30), (0, 50), (50, 0)])
def test_points_are_half_inside_if_there_are_so_many(num_inside: int, num_outside: int) -> None:
    labels = np.arange(num_inside + num_outside) < num_inside
    chosen = draw_points(labels, 100, np.random.default_rng(0))
    inside = labels[chosen]
    expected = min(50, num_inside) if num_outside else 100
    assert len(chosen) == 100 and inside.sum() == expected and inside[:expected].all()
    if num_inside >= 50 and num_outside >= 50:
        assert len(set(chosen)) == 100


def test_a_sample_is_a_function_of_its_generator() -> None:
    options = dataclasses.replace(
        AUGMENTED, colours=ColourJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.1), blur_px=1.0
    )
    stored = stored_view()
    first, again, other = (shape_sample(stored, options, np.random.default_rng(seed), training=True) for seed in (5, 5, 6))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != other[name]).any() or name == "labels"
    measured = [shape_sample(stored, options, np.random.default_rng(seed), training=False)["image"] for seed in (5, 6)]
    np.testing.assert_array_equal(*measured)
    assert {name: value.dtype for name, value in first.items()} == dict.fromkeys(first, np.dtype(np.float32))


def test_colours_jitter_within_their_bounds() -> None:
    stored = stored_view()
    stored["rgb"][stored["mask"]] = 100
    for seed in range(5):
        options = SampleOptions(image_size_px=64, num_points=4, colours=ColourJitter(brightness=0.2))
        image = shape_sample(stored, options, np.random.default_rng(seed), training=True)["image"]
        brightness = (image[:, 32, 32] + 1) * 127.5
        assert brightness.min() >= 79 and brightness.max() <= 121
    with pytest.raises(ValueError, match="hue"):
        ColourJitter(hue=0.7)


def small_stage(**changes: object) -> ShapeStage:
    options = NetworkOptions(
        width=0.25, num_stack=1, hourglass_dim=16, mlp_dim=(17, 32, 16, 1), upsample_mode="nearest", load_size_px=400
    )
    samples = SampleOptions(image_size_px=64, num_points=400)
    training = Training(epochs=1, batch_size=2, learning_rate=2e-3, optimizer="adamw")
    return ShapeStage(options=options, samples=samples, training=training, **changes)  # type: ignore[arg-type]


def batch_of(stage: ShapeStage, yaws: list[float], *, training: bool) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    samples = [stage.sample(stored_view(yaw=yaw), rng, training=training) for yaw in yaws]
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}


@pytest.mark.parametrize("loss_type", ["mse", "bce"])
def test_the_stage_learns_the_balls(loss_type: str) -> None:
    torch.manual_seed(0)
    stage = small_stage(loss_type=loss_type)
    network = stage.network()
    optimizer = torch.optim.AdamW((p for p in network.parameters() if p.requires_grad), 3e-3)
    before = None
    for step in range(60):
        loss, logged = stage.loss(network, batch_of(stage, [step * 0.7, step * 0.7 + 0.3], training=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        before = before if before is not None else float(loss.detach())
    assert float(loss.detach()) < 0.75 * before and 0 <= float(logged["iou"]) <= 1
    network.eval()
    held_out = batch_of(stage, [0.15, 1.55, 3.0], training=False)
    with torch.no_grad():
        metrics = stage.metrics(network, held_out)
        picture = stage.pictures(network, held_out)["preview"]
    assert all(value.shape == (3,) for value in metrics.values()) and float(metrics["iou"].mean()) > 0.5
    assert picture.dtype == np.uint8 and picture.shape == (480, 480, 3) and len(np.unique(picture[:160, 160:320])) > 5


def test_a_stage_checks_its_sizes() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        dataclasses.replace(small_stage(), samples=SampleOptions(image_size_px=72))
    with pytest.raises(ValueError, match="loss_type"):
        small_stage(loss_type="hinge")


def test_ray_points_lie_before_and_behind_the_persons_pixels_with_true_labels() -> None:
    stored = stored_view(yaw=0.4)
    cell, origin = 1.2 / 96, np.array([-0.6, 0.0, -0.6])
    centres = (np.stack(np.meshgrid(*[np.arange(n) for n in (96, 152, 96)], indexing="ij"), -1) + 0.5) * cell + origin
    solid = occupied(centres.reshape(-1, 3)).reshape(96, 152, 96)
    stored |= {"solid_voxels": solid, "voxel_origin_m": origin, "voxel_axes": np.eye(3), "voxel_size_m": cell}
    options = dataclasses.replace(AUGMENTED, num_ray_points=500, ray_half_depth=0.5)
    for seed in range(4):
        sample = shape_sample(stored, options, np.random.default_rng(seed), training=True)
        assert sample["points"].shape == (3, 700) and sample["labels"].shape == (1, 700)
        points, labels = sample["points"][:, 200:].T, sample["labels"][0, 200:] > 0.5
        column, row = np.floor(pixels(sample, points)).astype(int).T
        assert (sample["image"][:, row.clip(0, 63), column.clip(0, 63)] != 0).any(0).mean() > 0.97
        depth = points @ sample["calibration"][2, :3] + sample["calibration"][2, 3]
        assert np.abs(depth).max() <= 0.5 + 1e-6 and depth.min() < -0.4 and depth.max() > 0.4
        assert (labels == occupied(points)).mean() > 0.96 and 0.2 < labels.mean() < 0.8
    without = shape_sample(stored, AUGMENTED, np.random.default_rng(3), training=True)
    np.testing.assert_array_equal(without["points"], sample["points"][:, :200])
