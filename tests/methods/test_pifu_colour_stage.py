"""The colour stage: the original's losses and gradients, what its samples and figures mean, and that it learns."""

import numpy as np
import pytest
import torch
from fill import fill, load
from golden_checks import check_gradients, given_tensors
from people import CENTRES, COLOURS, RADII, Turned, camera, stored_view, with_colours

from vitruvian.methods.pifu.colour_network import PifuColourNetwork
from vitruvian.methods.pifu.colour_options import ColourNetworkOptions
from vitruvian.methods.pifu.colour_samples import HELD_OUT_POINTS, color_sample
from vitruvian.methods.pifu.colour_stage import ColorStage
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.samples import SampleOptions
from vitruvian.methods.stage import Training

TRAINING = Training(epochs=1, batch_size=2, learning_rate=1e-3, optimizer="adam")
SHAPE = NetworkOptions(width=0.125, num_stack=1, num_hourglass=1, hourglass_dim=8, mlp_dim=(9, 8, 1), load_size_px=64)
SMALL = ColourNetworkOptions(width=0.125, shape_channels=8, mlp_dim=(41, 32, 16, 3), load_size_px=64)


def small_stage(*, loss_type: str = "l1", **samples: object) -> ColorStage:
    options = SampleOptions(**({"image_size_px": 64, "num_points": 500} | samples))  # type: ignore[arg-type]
    return ColorStage(options=SMALL, samples=options, training=TRAINING, loss_type=loss_type)  # type: ignore[arg-type]


def batch_of(stage: ColorStage, stored: list[dict], *, training: bool) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(3)
    built = [stage.sample(view, rng, training=training) for view in stored]
    return {name: torch.from_numpy(np.stack([sample[name] for sample in built])) for name in built[0]}


def prepared(stage: ColorStage, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    shape = PifuShapeNetwork(SHAPE).eval()
    with torch.no_grad():
        return dict(stage.prepare(batch, {"shape": shape}, training=True))


def test_the_loss_and_its_gradients_equal_the_original() -> None:
    stage, golden = ColorStage(training=TRAINING), load("pifu/colour", "golden_gradient.npz")
    given = given_tensors(golden, "pifu_color/")
    network = stage.network().train()
    network.load_state_dict(fill(network.state_dict()))
    batch = {
        "image": given["image128"],
        "shape_map": given["shape_feature128"],
        "points": given["points"],
        "colors": given["rgb"],
        "calibration": torch.from_numpy(golden["const/calib_test"]),
    }
    loss, shown = stage.loss(network, batch)
    loss.backward()
    np.testing.assert_allclose(loss.detach(), golden["out/loss"][0], rtol=1e-4)
    np.testing.assert_allclose(shown["l1"], golden["out/loss"][0] / 2, rtol=1e-4)
    check_gradients(network, golden, rtol=1e-3)


def test_the_squared_loss_equals_the_original() -> None:
    golden = load("pifu/colour", "golden_instance.npz")
    stage = ColorStage(options=ColourNetworkOptions(norm="instance"), training=TRAINING, loss_type="mse")
    network = stage.network()
    network.load_state_dict(fill(network.state_dict()))
    given = given_tensors(golden, "pifu_color/")
    batch = {
        "image": given["image128"],
        "shape_map": given["shape_feature128"],
        "points": given["points"],
        "colors": given["rgb"],
        "calibration": torch.from_numpy(golden["const/calib_test"]),
    }
    with torch.no_grad():
        np.testing.assert_allclose(stage.loss(network, batch)[0], golden["out/s128/loss_mse"][0], atol=3e-5)


@pytest.mark.parametrize("augmented", [False, True])
def test_points_lie_on_the_pixels_that_show_them(augmented: bool) -> None:
    options = SampleOptions(
        image_size_px=128, num_points=3000, random_flip=augmented, random_scale=augmented, random_trans=augmented
    )
    stored = with_colours(stored_view(yaw=0.7))
    rng = np.random.default_rng(5)
    for _ in range(6 if augmented else 1):
        sample = color_sample(stored, options, rng, training=augmented)
        seen = sample["calibration"][:3, :3] @ sample["points"] + sample["calibration"][:3, 3:]
        column, row = np.clip(((seen[:2] + 1) / 2 * 128).astype(int), 0, 127)
        pixel = sample["image"][:, row, column]
        facing = seen[2] > np.quantile(seen[2], 0.9)  # the foremost points, which nothing hides
        differing = np.abs(pixel - sample["colors"]).max(axis=0)[facing] > 0.05
        assert facing.sum() > 100 and differing.mean() < 0.1


def test_targets_are_lit_as_the_picture_is() -> None:
    options = SampleOptions(image_size_px=64, num_points=100)
    dim = color_sample(with_colours(stored_view(), brightness=0.5), options, np.random.default_rng(0), training=True)
    full = color_sample(with_colours(stored_view()), options, np.random.default_rng(0), training=True)
    np.testing.assert_allclose(dim["colors"] + 1, (full["colors"] + 1) / 2, atol=0.005)


def test_what_the_picture_does_not_show_is_known() -> None:
    stored = with_colours(stored_view(yaw=0.4), num_points=8000)
    sample = color_sample(stored, SampleOptions(image_size_px=64, num_points=100), np.random.default_rng(0), training=False)
    assert sample["points"].shape == (3, HELD_OUT_POINTS)
    # Exactly: nothing of the balls between a point and the viewer.
    points, towards = sample["points"].T.astype(float), camera(0.4).rotation_33[2]
    to_centre = CENTRES - points[:, None]
    along = to_centre @ towards
    across = np.linalg.norm(to_centre - along[..., None] * towards, axis=2)
    far_end = along + np.sqrt(np.clip(RADII**2 - across**2, 0, None))
    shown = ~((across < RADII) & (far_end > 1e-3)).any(1)
    assert 0.3 < shown.mean() < 0.6
    assert (sample["visible"][0].astype(bool) == shown).mean() > 0.96


def test_figures_of_known_errors() -> None:
    stage = small_stage()
    batch = batch_of(stage, [with_colours(stored_view()), with_colours(stored_view(yaw=2.0))], training=False)

    class Says(torch.nn.Module):
        def forward(self, images, shape_map, points, calibration, *, num_views=1):  # type: ignore[no-untyped-def]
            return batch["colors"] + 0.2 * (1 - batch["visible"])

    batch["shape_map"] = torch.zeros(2, 8, 16, 16)
    measured = stage.metrics(Says(), batch)
    np.testing.assert_allclose(measured["l1_visible"], 0.0, atol=1e-6)
    np.testing.assert_allclose(measured["l1_hidden"], 0.1, rtol=1e-4)
    np.testing.assert_allclose(measured["psnr_hidden"], 20.0, rtol=1e-4)
    np.testing.assert_allclose(measured["psnr_visible"], 100.0, rtol=1e-4)
    hidden = 1 - batch["visible"].mean((1, 2))
    np.testing.assert_allclose(measured["l1"], 0.1 * hidden, rtol=1e-4)
    # From the front every ball's back has its front's colour; from the side one ball hides part of another.
    assert measured["l1_hidden_in_front"][0] < 0.01 < measured["l1_hidden_in_front"][1]


@pytest.mark.parametrize("num_views", [1, 3])
@pytest.mark.parametrize("loss_type", ["l1", "mse"])
def test_it_learns_a_persons_colours(num_views: int, loss_type: str) -> None:
    stage = small_stage(loss_type=loss_type, num_views=num_views)
    yaws = [0.0, 2.1, 4.2]
    stored = [
        {**with_colours(stored_view(yaw=yaw)), "siblings": Turned(yaws), "sibling_index": k} for k, yaw in enumerate(yaws[:2])
    ]
    batch = prepared(stage, batch_of(stage, stored, training=True))
    assert batch["shape_map"].shape == ((2, 8, 16, 16) if num_views == 1 else (2, 3, 8, 16, 16))
    assert not batch["shape_map"].requires_grad
    torch.manual_seed(1)
    network = stage.network().train()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss, _ = stage.loss(network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    constant = (batch["colors"] - batch["colors"].mean((0, 2), keepdim=True)).abs().mean()
    assert losses[-1] < 0.6 * losses[0]
    if loss_type == "l1":
        assert losses[-1] < 0.6 * float(constant)
    network.eval()
    held_out = prepared(stage, batch_of(stage, stored, training=False))
    with torch.no_grad():
        picture = stage.pictures(network, held_out)["preview"]
    assert picture.shape == (320, 800, 3)
    front = picture[:160, 160:320].reshape(-1, 3)
    shown = [np.abs(front.astype(int) - colour).sum(1).min() for colour in COLOURS]
    assert max(shown) < 10  # every ball's true colour is there


def test_without_enough_views_it_says_what_to_do() -> None:
    from vitruvian.errors import InputError

    stage = small_stage(num_views=3)
    stored = {**with_colours(stored_view()), "siblings": Turned([0.0, 1.0]), "sibling_index": 0}
    with pytest.raises(InputError, match=r"a person has 2 views.*--views-per-subject"):
        stage.sample(stored, np.random.default_rng(0), training=True)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="'l1' or 'mse'"):
        small_stage(loss_type="bce")
    with pytest.raises(ValueError, match="multiple of 16"):
        small_stage(image_size_px=72)
    with pytest.raises(ValueError, match="num_ray_points"):
        small_stage(num_ray_points=10)
    assert isinstance(small_stage().network(), PifuColourNetwork)
