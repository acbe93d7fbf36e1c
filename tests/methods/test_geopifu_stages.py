"""Geo-PIFu's stages: their samples against the truth, their losses against the original's, their latents against each other."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from fill import fill, load
from golden_checks import check_gradients, given_tensors
from people import CENTRES, RADII, camera, occupied, stored_view
from scipy.ndimage import binary_dilation, binary_erosion

from vitruvian.methods.cpu.fits import torch_layers
from vitruvian.methods.fields.placement import calibration, whole_picture
from vitruvian.methods.geopifu import volume_target
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.coarse_stage import CoarseStage
from vitruvian.methods.geopifu.frames import BOX_MINIMUM, from_voxel_file, query_calibration, voxels_to_view
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.geopifu.query_stage import QueryStage
from vitruvian.methods.geopifu.volume_target import solid_in_box
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.samples import SampleOptions
from vitruvian.methods.stage import Training

TRAINING = Training(epochs=1, batch_size=2, learning_rate=1e-3)
SMALL_COARSE = CoarseNetworkOptions(input_height_px=64, input_width_px=64, num_stack=2, voxel_channels=4, width=0.125)
SMALL_IMAGE = NetworkOptions(width=0.125, num_stack=2, hourglass_dim=8, mlp_dim=(9, 16, 1), load_size_px=64)
SMALL_QUERY = QueryNetworkOptions(image=SMALL_IMAGE, voxel_channels=4)
POINTS = SampleOptions(image_size_px=64, num_points=80)


def stored(**options: Any) -> dict[str, Any]:
    """The person of balls with its solid voxels, 48 a side."""
    ticks = (np.arange(48) + 0.5) / 24 - 1
    cells = np.stack(np.meshgrid(ticks, ticks + 0.9, ticks, indexing="ij"), -1)
    return stored_view(**options) | {
        "solid_voxels": occupied(cells.reshape(-1, 3)).reshape(48, 48, 48),
        "voxel_origin_m": np.array([-1, -0.1, -1]),
        "voxel_size_m": 1 / 24,
        "voxel_axes": np.eye(3),
    }


def coarse_stage(**changes: Any) -> CoarseStage:
    return CoarseStage(
        **({"options": SMALL_COARSE, "samples": SampleOptions(image_size_px=64), "training": TRAINING} | changes)
    )


def query_stage(**changes: Any) -> QueryStage:
    return QueryStage(**({"options": SMALL_QUERY, "samples": POINTS, "training": TRAINING} | changes))


def batch_of(samples: list[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}


@pytest.mark.parametrize("shape", [(24, 36, 24), (40, 48, 40)])
@pytest.mark.parametrize("yaw", [0.0, 0.4, 2.5])
def test_the_target_is_where_the_person_is(shape: tuple[int, int, int], yaw: float) -> None:
    person = stored(yaw=yaw)
    matrix = calibration(camera(yaw), whole_picture(128, 128))
    voxels = [person[name] for name in ("solid_voxels", "voxel_origin_m", "voxel_size_m", "voxel_axes")]
    target = solid_in_box(*voxels, calibration_44=matrix, shape=shape)
    depth, height, width = shape
    layer, row, column = np.indices(shape).reshape(3, -1)
    # the box of cubes in front of the picture, x right, y down, z into the scene; the camera turns the world by yaw
    seen = np.stack([(2 * column + 1 - width) / height, -(2 * row + 1 - height) / height, -(2 * layer + 1 - depth) / height], 1)
    c, s = np.cos(yaw), np.sin(yaw)
    world = seen @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) + [0, 0.9, 0]
    distance_to_border = np.abs(np.linalg.norm(world[:, None] - CENTRES, axis=2) - RADII).min(1)
    sure = distance_to_border > 0.04
    assert (target.reshape(-1) == occupied(world))[sure].all() and target.any()


@pytest.mark.parametrize("view", range(4))
@pytest.mark.parametrize("shift", [0.0, 1 / 1536])
def test_quarter_turns_permute_cells_exactly(view: int, shift: float) -> None:
    """As published; cameras of the protocol look half a pixel beside the picture's middle, which moves no cell."""
    solid = np.random.default_rng(0).random((32, 48, 32)) < 0.3
    matrix = query_calibration(view).numpy()
    matrix[:2, 3] += shift
    target = solid_in_box(solid, np.array(BOX_MINIMUM), 1 / 48, np.eye(3), calibration_44=matrix, shape=(32, 48, 32))
    expected = voxels_to_view(from_voxel_file(torch.from_numpy(solid)), view)
    np.testing.assert_array_equal(target, expected)


def test_the_target_moves_with_the_picture() -> None:
    stage = coarse_stage(samples=SampleOptions(image_size_px=64, random_flip=True))
    person = stored()
    plain = stage.sample(person, np.random.default_rng(0), training=False)
    for seed in range(6):
        sample = stage.sample(person, np.random.default_rng(seed), training=True)
        mirrored = not np.array_equal(sample["image"], plain["image"])
        expected = {name: value[..., ::-1] if mirrored else value for name, value in plain.items()}
        np.testing.assert_array_equal(sample["image"], expected["image"])
        np.testing.assert_array_equal(sample["occupancy"], expected["occupancy"])
    moved = coarse_stage(samples=SampleOptions(image_size_px=64, random_scale=True, random_trans=True))
    sample = moved.sample(person, np.random.default_rng(3), training=True)
    seen, solid = (sample["image"] != 0).any(0), sample["occupancy"][0].any(0)
    smaller = seen.reshape(32, 2, 32, 2).mean((1, 3))
    assert solid[binary_erosion(smaller == 1)].all() and not solid[~binary_dilation(smaller > 0)].any()


def test_cells_are_taught_by_their_solid_share() -> None:
    stage = coarse_stage(cell_samples=2, options=dataclasses.replace(SMALL_COARSE, upsampling=2))
    finer = coarse_stage().sample(stored(), np.random.default_rng(0), training=False)["occupancy"]
    shares = stage.sample(stored(), np.random.default_rng(0), training=False)["occupancy"]
    assert shares.shape == (1, 16, 16, 16) and shares.dtype == np.float32 and 0 < shares.mean() < 1
    np.testing.assert_array_equal(shares, sum(finer[:, i::2, j::2, k::2] / 8 for i in (0, 1) for j in (0, 1) for k in (0, 1)))


@pytest.mark.slow
def test_the_coarse_loss_and_its_gradients_equal_the_original() -> None:
    options = CoarseNetworkOptions(input_height_px=192, input_width_px=128)
    stage = CoarseStage(options=options, training=TRAINING)
    network, golden = stage.network(), load("geopifu/coarse", "golden_small_train.npz")
    network.load_state_dict(fill(network.state_dict()))
    given = given_tensors(golden, "geopifu_coarse/")
    batch = {"image": given["image_b2_256"], "occupancy": given["voxels_b2_small"] > 0.5}
    with torch.no_grad():
        measured = stage.metrics(network.eval(), batch)
    np.testing.assert_allclose(measured["cross_entropy"].mean(), golden["out/eval/loss"][0], rtol=1e-4)
    golden = load("geopifu/coarse", "golden_gradient.npz")
    with torch_layers():
        loss, _ = stage.loss(network.train(), batch)
        loss.backward()
    np.testing.assert_allclose(loss.detach(), golden["out/loss"][0], rtol=1e-4)
    check_gradients(network, golden, rtol=5e-3)


def test_the_query_losses_and_gradients_equal_the_original() -> None:
    stage = QueryStage(training=TRAINING)
    network, golden = stage.network(), load("geopifu/query")
    network.load_state_dict(fill(network.state_dict()) | {"displacments": network.displacments})
    given = given_tensors(golden, "geopifu_query/")
    batch = {
        "image": given["image128"],
        "points": given["points"],
        "labels": given["labels"],
        "calibration": torch.from_numpy(golden["const/calib_front"]),
        "voxels": given["deep_voxels"],
    }
    with torch_layers():
        loss, _ = stage.loss(network.train(), batch)
        loss.backward()
    np.testing.assert_allclose(loss.detach(), golden["out/s128_front/loss_train_mse"][0], atol=1e-5)
    check_gradients(network, load("geopifu/query", "golden_gradient.npz"), rtol=1e-3)
    with torch.no_grad():
        ce, _ = dataclasses.replace(stage, loss_type="ce").loss(network, batch)
        np.testing.assert_allclose(ce, golden["out/s128_front/loss_train_ce"][0], rtol=1e-4)
        network.eval()
        measured = dataclasses.replace(stage, samples=SampleOptions(num_points=500)).metrics(network, batch)
    np.testing.assert_allclose(measured["mse"].mean(), golden["out/s128_front/loss_eval"][0], atol=1e-5)


def test_latents_are_the_same_once_and_on_the_fly() -> None:
    torch.manual_seed(0)
    coarse = coarse_stage().network().eval()
    flipped = dataclasses.replace(POINTS, random_flip=True)
    once, on_the_fly = query_stage(latents="once", samples=flipped), query_stage(samples=flipped)
    assert once.needs == on_the_fly.needs == ("coarse",)
    assert once.derived == ("voxels", "voxels_mirrored") and on_the_fly.derived == ()
    person = stored()
    with torch.no_grad():
        derived = once.derive(person, {"coarse": coarse})
        assert all(value.shape == (4, 8, 8, 8) for value in derived.values())
        seen = set()
        for seed in range(6):
            one = once.sample(person | derived, np.random.default_rng(seed), training=True)
            other = batch_of([on_the_fly.sample(person, np.random.default_rng(seed), training=True)])
            prepared = on_the_fly.prepare(other, {"coarse": coarse}, training=True)
            for name, value in batch_of([one]).items():
                torch.testing.assert_close(prepared[name], value, atol=1e-5, rtol=1e-5)
            assert once.prepare(batch_of([one]), {}, training=True).keys() == prepared.keys()
            seen.add(bool((one["voxels"] == derived["voxels"]).all()))
    assert seen == {True, False}  # some were mirrored


@pytest.mark.parametrize(
    ("fusion", "loss_type"),
    [("none", "mse"), ("early", "l1"), ("late", "ce"), ("multi_loss", "mse"), ("multi_loss", "ce")],
)
def test_every_fusion_learns_from_samples(fusion: str, loss_type: str) -> None:
    torch.manual_seed(0)
    towers: dict[str, Any] = {"mlp_dim_3d": (28, 8, 1), "mlp_dim_joint": (8, 1)} if fusion == "multi_loss" else {}
    stage = query_stage(
        options=dataclasses.replace(SMALL_QUERY, fusion=fusion, **towers),
        samples=dataclasses.replace(POINTS, num_ray_points=40),
        loss_type=loss_type,
    )
    assert stage.needs == (() if fusion == "none" else ("coarse",)) and "solid_voxels" in stage.items
    rng = np.random.default_rng(0)
    batch = batch_of([stage.sample(stored(yaw=yaw), rng, training=True) for yaw in (0.0, 1.0)])
    with torch.no_grad():
        prepared = dict(stage.prepare(batch, {"coarse": coarse_stage().network().eval()}, training=True))
    network = stage.network()
    loss, scalars = stage.loss(network, prepared)
    loss.backward()
    assert [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None] == []
    assert torch.isfinite(loss) and scalars["iou"].shape == ()
    with torch.no_grad():
        measured = stage.metrics(network.eval(), prepared)
        pictures = stage.pictures(network, prepared)
    assert set(measured) == {"iou", "precision", "recall", "mse", "ray_iou"}
    assert all(value.shape == (2,) for value in measured.values())
    assert pictures["preview"].shape == (320, 480, 3) and pictures["preview"].dtype == np.uint8


def test_the_coarse_stage_learns_and_shows_what() -> None:
    torch.manual_seed(0)
    stage = coarse_stage(options=dataclasses.replace(SMALL_COARSE, num_stack=1, upsampling=2))
    network = stage.network()
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-2)
    batch = batch_of([stage.sample(stored(yaw=yaw), np.random.default_rng(0), training=True) for yaw in (0.0, 0.5)])
    before, _ = stage.loss(network, batch)
    for _ in range(15):
        optimizer.zero_grad()
        loss, _ = stage.loss(network, batch)
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.8 * float(before.detach())
    with torch.no_grad():
        measured, pictures = stage.metrics(network.eval(), batch), stage.pictures(network, batch)
    assert set(measured) == {"iou", "precision", "recall", "cross_entropy"}
    assert pictures["preview"].shape == (320, 800, 3)


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ValueError, match="latents='on_the_fly'"):
        query_stage(latents="once", samples=dataclasses.replace(POINTS, random_scale=True))
    with pytest.raises(ValueError, match="latents='on_the_fly'"):
        query_stage(latents="once", samples=dataclasses.replace(POINTS, num_views=2))
    with pytest.raises(ValueError, match="coarse_image_size_px"):
        query_stage(coarse_image_size_px=96)
    with pytest.raises(ValueError, match="multiple of 16"):
        query_stage(samples=SampleOptions(image_size_px=72))
    with pytest.raises(ValueError, match="loss_type"):
        query_stage(loss_type="bce")
    with pytest.raises(ValueError, match="no points"):
        coarse_stage(samples=SampleOptions(num_ray_points=5))
    with pytest.raises(ValueError, match="positive"):
        coarse_stage(weight=0)
    assert query_stage(latents="once", coarse_image_size_px=96).coarse_size_px == 96


def test_volumes_by_slices_are_those_of_a_look_up_cell_by_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quarter turns and mirrorings, cells as large as voxels and not, boxes that reach beyond the voxels."""
    rng = np.random.default_rng(0)
    filled = 0
    for _ in range(60):
        solid = rng.random(rng.integers(3, 14, 3)) < 0.5
        shape = tuple(int(number) for number in rng.integers(2, 16, 3))
        size = rng.choice([2 / shape[1], rng.uniform(0.05, 0.2)])
        matrix = np.eye(4, dtype=np.float32)
        matrix[:3, :3] = np.eye(3)[rng.permutation(3)] * rng.choice([-1, 1], 3)[:, None]
        frame = {"voxel_origin_m": rng.uniform(-1.5, 0, 3), "voxel_size_m": size, "voxel_axes": np.eye(3)}
        found = solid_in_box(solid, **frame, calibration_44=matrix, shape=shape)
        with monkeypatch.context() as patch:
            patch.setattr(volume_target, "_lines", lambda *_: None)
            expected = solid_in_box(solid, **frame, calibration_44=matrix, shape=shape)
        assert np.array_equal(found, expected)
        filled += found.any()
    assert filled > 20
