"""Several pictures a sample: which views, how they lie in a batch, and PIFu's shape stage with them."""

import dataclasses

import numpy as np
import pytest
import torch
from fill import fill, load
from golden_checks import given_tensors
from people import Turned, stored_view

from vitruvian.errors import InputError
from vitruvian.methods.pifu.colour_stage import ColorStage
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.samples import SampleOptions, shape_sample
from vitruvian.methods.pifu.stage import ShapeStage
from vitruvian.methods.several_views import choose_views, chosen_views, flat_views, for_each_view
from vitruvian.methods.stage import Training

SMALL = NetworkOptions(width=0.125, num_stack=1, num_hourglass=2, hourglass_dim=16, mlp_dim=(17, 32, 16, 1), z_size=30.0)
YAWS = [0.0, 1.6, 3.1, 4.7]


def stored(own: int = 0) -> dict:
    return {**stored_view(yaw=YAWS[own]), "siblings": Turned(YAWS), "sibling_index": own}


def test_views_are_evenly_spread_as_published() -> None:
    rng = np.random.default_rng(0)
    assert choose_views(360, 350, 3, random=False, rng=rng) == [350, 110, 230]
    assert choose_views(8, 6, 3, random=False, rng=rng) == [6, 0, 2]  # steps of 8 // 3
    assert choose_views(5, 2, 5, random=False, rng=rng) == [2, 3, 4, 0, 1]


def test_random_views_differ_and_begin_with_the_samples_own() -> None:
    rng = np.random.default_rng(0)
    drawn = [choose_views(6, 4, 3, random=True, rng=rng) for _ in range(200)]
    assert all(views[0] == 4 and len(set(views)) == 3 for views in drawn)
    assert {place for views in drawn for place in views[1:]} == {0, 1, 2, 3, 5}
    again = np.random.default_rng(0)
    assert drawn == [choose_views(6, 4, 3, random=True, rng=again) for _ in range(200)]


def test_more_views_than_there_are_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"num_views is 4, but a person has 3 views.*--views-per-subject"):
        choose_views(3, 0, 4, random=False, rng=np.random.default_rng(0))


def test_a_single_view_needs_no_siblings_and_draws_nothing() -> None:
    rng = np.random.default_rng(0)
    view = stored_view()
    assert chosen_views(view, 1, random=True, rng=rng) == [view]
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_only_the_chosen_views_are_read() -> None:
    view = stored(1)
    shown = chosen_views(view, 2, random=False, rng=np.random.default_rng(0))
    assert shown[0] is view and view["siblings"].asked == [3]


def test_views_stand_together_in_a_batch() -> None:
    images = torch.arange(6.0).reshape(2, 3, 1)
    assert flat_views(images, 3).flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert for_each_view(torch.tensor([[7.0], [8.0]]), 3).flatten().tolist() == [7, 7, 7, 8, 8, 8]
    assert flat_views(images, 1) is images and for_each_view(images, 1) is images


@pytest.mark.parametrize("augmented", [False, True])
def test_every_view_shows_the_same_points(augmented: bool) -> None:
    """Of the points inside, all views' pictures show the person there, each augmented for itself."""
    options = SampleOptions(
        image_size_px=128,
        num_points=1000,
        num_views=3,
        random_flip=augmented,
        random_scale=augmented,
        random_multiview=augmented,
    )
    sample = shape_sample(stored(2), options, np.random.default_rng(1), training=augmented)
    assert sample["image"].shape == (3, 3, 128, 128) and sample["calibration"].shape == (3, 4, 4)
    inside = sample["points"][:, sample["labels"][0] == 1]
    for image, matrix in zip(sample["image"], sample["calibration"], strict=True):
        u, v, _ = matrix[:3, :3] @ inside + matrix[:3, 3:]
        column, row = (np.clip(((np.stack([u, v]) + 1) / 2 * 128).astype(int), 0, 127)).tolist()
        assert (image[:, row, column] != 0).any(axis=0).mean() > 0.97
    if not augmented:
        single = shape_sample(stored(2), dataclasses.replace(options, num_views=1), np.random.default_rng(1), training=False)
        assert np.array_equal(single["image"], sample["image"][0]) and np.array_equal(single["points"], sample["points"])


def test_the_stage_learns_from_several_views() -> None:
    stage = ShapeStage(
        options=SMALL,
        samples=SampleOptions(image_size_px=64, num_points=400, num_views=3),
        training=Training(epochs=1, batch_size=2, learning_rate=1e-3),
    )
    assert stage.num_views == 3 and stage.card_options()["num_views"] == 3
    rng = np.random.default_rng(0)
    built = [stage.sample(stored(own), rng, training=True) for own in (0, 1)]
    batch = {name: torch.from_numpy(np.stack([sample[name] for sample in built])) for name in built[0]}
    torch.manual_seed(0)
    network = stage.network().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss, _ = stage.loss(network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    network.eval()
    with torch.no_grad():
        measured = stage.metrics(network, batch)
        # The order of the views is of no account, and no view is: with another person's it does worse.
        turned = {**batch, "image": batch["image"].flip(1), "calibration": batch["calibration"].flip(1)}
        torch.testing.assert_close(stage.metrics(network, turned), measured)
        muddled = {**batch, "image": batch["image"].flip(1)}
        assert (stage.metrics(network, muddled)["mse"] > measured["mse"]).all()
        assert stage.pictures(network, batch)["preview"].shape == (320, 480, 3)
    assert measured["iou"].shape == (2,) and (measured["iou"] > 0.7).all()


def test_three_views_through_the_published_networks_equal_the_original() -> None:
    """Its shape network gives a copy of the answer for each view, 0 where the point is outside that view's picture; ours is
    the answer wherever any picture has the point."""
    golden = load("pifu", "views.npz")
    given, calibration = given_tensors(golden, "pifu_views/"), torch.from_numpy(golden["const/calib_views"])
    batch = {
        "image": given["image64"][None],
        "calibration": calibration[None],
        "points": given["points"],
        "labels": given["labels"],
        "colors": given["rgb"],
        "shape_map": given["shape_feature64"][None],
    }
    training = Training(epochs=1, batch_size=1, learning_rate=1e-3)
    samples = SampleOptions(image_size_px=64, num_views=3)
    shape, color = ShapeStage(samples=samples, training=training), ColorStage(samples=samples, training=training)
    with torch.no_grad():
        network = shape.network().eval()
        network.load_state_dict(fill(network.state_dict()))
        loss, _ = shape.loss(network, batch)
        prediction = network(given["image64"], given["points"].repeat(3, 1, 1), calibration, num_views=3)[0]
        expected = golden["out/shape/pred_of_each_view"].max(0, keepdims=True)
        np.testing.assert_allclose(prediction, expected, atol=1e-5)
        np.testing.assert_allclose(loss, np.square(expected - given["labels"].numpy()).mean(), rtol=1e-4)
        painter = color.network().eval()
        painter.load_state_dict(fill(painter.state_dict()))
        colours = painter(given["image64"], given["shape_feature64"], given["points"].repeat(3, 1, 1), calibration, num_views=3)
        np.testing.assert_allclose(colours, golden["out/color/pred"], atol=5e-5)
        np.testing.assert_allclose(color.loss(painter, batch)[0], golden["out/color/loss_l1"][0], atol=3e-5)
