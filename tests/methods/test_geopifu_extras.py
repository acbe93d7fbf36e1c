"""Geo-PIFu's optional losses: the right view, the right gradients, a critic that rests; and several pictures in its query."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from people import Turned, camera, stored_view
from test_geopifu_stages import SMALL_COARSE, SMALL_QUERY, coarse_stage, stored
from torch import Tensor

from vitruvian.errors import InputError
from vitruvian.methods.fields.look import View
from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.geopifu.coarse_extras import RESTING_ACCURACY, RIVAL, criticise
from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.frames import voxels_to_view
from vitruvian.methods.geopifu.query_network import GeoPifuQueryNetwork
from vitruvian.methods.geopifu.reconstruct import GeoPifuReconstructor
from vitruvian.methods.geopifu.view_target import find_view
from vitruvian.methods.pifu.samples import SampleOptions
from vitruvian.methods.weights import Card

AROUND = [0.3 + k * np.pi / 4 for k in range(8)]
VIEWED = dataclasses.replace(SMALL_COARSE, use_view_pred_loss=True)
CRITICISED = CoarseNetworkOptions(
    input_height_px=128, input_width_px=128, num_stack=1, num_hourglass=1, voxel_channels=4, width=0.125, use_3d_gan=True
)


def with_siblings(own: int = 0, yaws: list[float] | None = None) -> dict[str, Any]:
    yaws = yaws or AROUND
    return {**stored(yaw=yaws[own]), "siblings": Turned(yaws), "sibling_index": own}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("view", [0, 1, 2, 3])
def test_the_target_is_what_turned_voxels_look_like(view: int, mirrored: bool) -> None:
    chances = tuple(float(k == view) for k in range(4))
    stage = coarse_stage(
        options=VIEWED, view_probabilities=chances, samples=SampleOptions(image_size_px=64, random_flip=mirrored)
    )
    rng = np.random.default_rng(0)
    for _ in range(20):
        sample = stage.sample(with_siblings(3), rng, training=True)
        plain = stage.sample(with_siblings(3), rng, training=False)["image"]
        is_mirrored = not np.array_equal(sample["image"], plain)
        if is_mirrored == mirrored:
            break
    assert is_mirrored == mirrored and sample["target_view"] == view
    turned = voxels_to_view(torch.from_numpy(sample["occupancy"][0]), view)
    rows = turned.amax(0).numpy() > 0.5
    # The volume is of the square's middle columns; here it is a whole square, 32 cells for 64 pixels.
    seen = (sample["target"] != 0).any(0).reshape(32, 2, 32, 2).mean((1, 3)) > 0.5
    assert rows.shape == seen.shape and (rows ^ seen).mean() < 0.03 < seen.mean()
    if view:
        others = [voxels_to_view(torch.from_numpy(sample["occupancy"][0]), k).amax(0).numpy() > 0.5 for k in range(4)]
        wrong = others[0] if view == 2 else others[4 - view]  # of mirror images only what lies off the middle differs
        assert (wrong ^ seen).mean() > 2 * (rows ^ seen).mean()


def test_pictures_at_quarter_turns_are_needed() -> None:
    with pytest.raises(InputError, match=r"quarter turns.*--protocol geopifu"):
        find_view(camera(0.0), Turned([0.0, 1.0, 2.0]), 1)
    siblings = Turned(AROUND)
    assert find_view(camera(AROUND[1]), siblings, 2)["camera"] == camera(AROUND[5]) and siblings.asked == [5]


def test_views_are_drawn_with_the_published_chances() -> None:
    stage, view = coarse_stage(options=VIEWED), with_siblings()
    view["siblings"] = Turned(AROUND, size_px=16)
    rng = np.random.default_rng(0)
    drawn = np.bincount([int(stage.sample(view, rng, training=True)["target_view"]) for _ in range(300)], minlength=4) / 300
    assert np.abs(drawn - (0.15, 0.30, 0.25, 0.30)).max() < 0.08
    assert stage.reads_siblings and not coarse_stage().reads_siblings


def batch_of(stage: Any, number: int = 2) -> dict[str, Tensor]:
    rng = np.random.default_rng(1)
    built = [stage.sample(with_siblings(own), rng, training=True) for own in range(number)]
    return {name: torch.from_numpy(np.stack([sample[name] for sample in built])) for name in built[0]}


def test_rendered_views_count_as_published_and_teach_the_voxels() -> None:
    stage = coarse_stage(options=VIEWED)
    batch = batch_of(stage)
    torch.manual_seed(0)
    network = stage.network().train()
    torch.manual_seed(5)  # the renderer drops channels
    value, shown = stage.loss(network, batch)
    assert value.item() == pytest.approx((shown["cross_entropy"] + 200 * shown["rendering"]).item(), rel=1e-5)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    alone = dataclasses.replace(stage, weight=1e-9)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss, shown = alone.loss(network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(shown["rendering"].item())
    assert np.mean(losses[-5:]) < 0.8 * losses[0]
    assert network.branch_out_3d_unet0.conv3d_pre_process[0].net[1].weight.grad.abs().sum() > 0
    network.eval()
    assert set(stage.metrics(network, batch)) == {"iou", "precision", "recall", "cross_entropy"}


def gradients(network: GeoPifuCoarseNetwork, loss: Tensor) -> tuple[set[str], set[str]]:
    """Which of the critic's and of the other parameters get a gradient other than 0."""
    network.zero_grad(set_to_none=True)
    loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
    moved = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    critic = {name for name in moved if name.startswith(RIVAL.prefix)}
    return critic, moved - critic


def test_critic_and_network_learn_against_each_other() -> None:
    stage = coarse_stage(options=CRITICISED, samples=SampleOptions(image_size_px=128))
    batch = batch_of(stage)
    torch.manual_seed(0)
    network = stage.network().train()
    assert stage.rival == RIVAL and coarse_stage().rival is None
    assert (RIVAL.learning_rate, RIVAL.betas) == (1e-5, (0.5, 0.999))
    occupancy = network(batch["image"])[-1]
    said = criticise(network, occupancy, batch["occupancy"].float())
    critic, others = gradients(network, said.generator)
    assert not critic and others
    assert said.critic is not None
    critic, others = gradients(network, said.critic)
    assert critic and not others
    value, shown = stage.loss(network, batch)
    assert {"cross_entropy", "generator", "critic_fake", "critic_real", "iou"} <= set(shown)
    assert value.item() > (shown["cross_entropy"] + 15 * shown["generator"]).item()


@pytest.mark.parametrize(("says", "rests"), [((0.1, 0.9), True), ((0.9, 0.9), False), ((0.1, 0.1), False)])
def test_the_critic_rests_where_it_is_right(says: tuple[float, float], rests: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    network = GeoPifuCoarseNetwork(CRITICISED)
    occupancy, labels = torch.full((1, 1, 4, 4, 4), 0.3, requires_grad=True), torch.ones(1, 1, 4, 4, 4)

    def judge(volume: Tensor, *, frozen: bool = False) -> Tensor:
        return says[int(volume.mean() > 0.5)] + 0 * volume

    monkeypatch.setattr(network, "judge", judge)
    said = criticise(network, occupancy, labels)
    assert RESTING_ACCURACY == 0.8
    assert (said.critic is None) == rests
    assert said.generator.item() == pytest.approx(-np.log(says[0]), rel=1e-4)
    if not rests:  # only the half that is wrong counts
        wrong = -np.log(1 - says[0]) if says[0] > 0.5 else -np.log(says[1])
        assert said.critic is not None and said.critic.item() == pytest.approx(wrong, rel=1e-4)


def test_moved_pictures_and_wrong_chances_are_refused() -> None:
    with pytest.raises(ValueError, match="random_scale"):
        coarse_stage(options=VIEWED, samples=SampleOptions(image_size_px=64, random_scale=True))
    with pytest.raises(ValueError, match="add up to 1"):
        coarse_stage(view_probabilities=(0.5, 0.5, 0.5, 0.5))


def test_each_picture_brings_its_voxels_to_the_query() -> None:
    """Reconstruction with three views asks the network as training does: the same occupancy at the same places."""
    torch.manual_seed(0)
    network, coarse = GeoPifuQueryNetwork(SMALL_QUERY).eval(), GeoPifuCoarseNetwork(SMALL_COARSE).eval()
    card = Card(method="geopifu", stage="query", recipe="test", options={})
    options = FieldOptions(resolution=16, evaluation="dense", min_part=0.0)
    reconstructor = GeoPifuReconstructor(network, coarse, card, image_size_px=64, options=options)
    views = []
    for yaw in AROUND[:3]:
        view = stored_view(yaw=yaw)
        views.append(View(picture=view["rgb"], mask=view["mask"], camera=view["camera"]))
    from vitruvian.methods.fields.look import look_at

    looks = [look_at(view, image_size_px=64) for view in views]
    world = np.random.default_rng(0).uniform((-0.5, 0.2, -0.5), (0.5, 1.6, 0.5), (50, 3))
    own = np.linalg.inv(reconstructor.to_network) @ looks[0].calibration.astype(np.float64)
    with torch.no_grad():
        found = reconstructor.person_field(looks).field((world @ own[:3, :3].T + own[:3, 3]).astype(np.float32))
        images = torch.from_numpy(np.stack([look.image for look in looks]))
        calibration = torch.from_numpy(np.stack([look.calibration for look in looks]))
        points = torch.from_numpy(world.T.astype(np.float32))[None].repeat(3, 1, 1)
        expected = network(images, points, calibration, coarse.features(images)[-1], num_views=3)[-1][0, 0]
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert np.ptp(found) > 1e-4
