"""The colour network against the original's keys, features, colours, losses and gradients.

Tolerances: the original in float32 differs from itself in float64 by 5e-6 (128 pixels) and 3e-5 (512) in colours and by 1e-5 in
features of magnitude 12; about ten times that is allowed, and 1e-3 relative in gradients.
"""

import numpy as np
import pytest
import torch
from fill import fill, load
from golden_checks import check_gradients, check_keys, given_tensors

from vitruvian.methods.pifu.colour_network import PifuColourNetwork
from vitruvian.methods.pifu.colour_options import ColourNetworkOptions

NUM_PARAMETERS = {"group": 9_139_398, "instance": 9_136_390}
FILES = {"group": ("keys.tsv", "golden.npz"), "instance": ("keys_instance.tsv", "golden_instance.npz")}


def filled(norm: str) -> PifuColourNetwork:
    network = PifuColourNetwork(ColourNetworkOptions(norm=norm))  # type: ignore[arg-type]
    network.load_state_dict(fill(network.state_dict()))
    return network


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_the_state_dict_has_the_published_keys_and_shapes(norm: str) -> None:
    network = filled(norm)
    check_keys(network, f"pifu/colour/{FILES[norm][0]}")
    assert sum(p.numel() for p in network.parameters()) == NUM_PARAMETERS[norm]


@pytest.mark.parametrize(
    ("norm", "size"), [("group", 128), ("instance", 128), pytest.param("group", 512, marks=pytest.mark.slow)]
)
def test_colours_equal_the_original(norm: str, size: int) -> None:
    network, golden = filled(norm), load("pifu/colour", FILES[norm][1])
    given = given_tensors(golden, "pifu_color/")
    network.train()  # must not matter: nothing in it depends on the mode
    with torch.no_grad():
        features = network.features(given[f"image{size}"], given[f"shape_feature{size}"])
        colours = network.query(features, given["points"], torch.from_numpy(golden["const/calib_test"]))
    stride = size // 32
    np.testing.assert_allclose(features[:, 256::8, ::stride, ::stride], golden[f"out/s{size}/own_feature"], atol=3e-4)
    assert torch.equal(features[:, :256], given[f"shape_feature{size}"])
    np.testing.assert_allclose(colours, golden[f"out/s{size}/pred"], atol=5e-5 if size == 128 else 3e-4)
    error = colours - given["rgb"]
    np.testing.assert_allclose(error.abs().mean(), golden[f"out/s{size}/loss_l1"][0], atol=3e-5)
    if f"out/s{size}/loss_mse" in golden:
        np.testing.assert_allclose(error.square().mean(), golden[f"out/s{size}/loss_mse"][0], atol=3e-5)


def test_gradients_equal_the_original() -> None:
    network, golden = filled("group"), load("pifu/colour", "golden_gradient.npz")
    given = given_tensors(golden, "pifu_color/")
    calibration = torch.from_numpy(golden["const/calib_test"])
    colours = network(given["image128"], given["shape_feature128"], given["points"], calibration)
    loss = (colours - given["rgb"]).abs().mean()
    loss.backward()
    np.testing.assert_allclose(loss.detach(), golden["out/loss"][0], rtol=1e-4)
    check_gradients(network, golden, rtol=1e-3)


SMALL = {"width": 0.125, "shape_channels": 8, "mlp_dim": (41, 16, 8, 3), "load_size_px": 32}


@pytest.mark.parametrize(
    "options",
    [{"norm": "batch"}, {"use_tanh": True}, {"no_residual": True}, {"projection": "perspective"}, {"align_corners": False}],
    ids=lambda options: "-".join(options),
)
def test_every_option_runs_and_learns(options: dict) -> None:
    torch.manual_seed(0)
    network = PifuColourNetwork(ColourNetworkOptions(**{**SMALL, **options}))
    points = torch.rand(2, 3, 30) - 0.5
    calibration = torch.eye(4).repeat(2, 1, 1)
    calibration[:, 2, 3] = 2.0  # perspective needs points in front of the camera
    colours = network(torch.rand(2, 3, 32, 32), torch.rand(2, 8, 8, 8), points, calibration)
    assert colours.shape == (2, 3, 30) and colours.abs().max() < 1
    colours.square().mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []
    with torch.no_grad():
        merged = network(torch.rand(2, 3, 32, 32), torch.rand(2, 8, 8, 8), points, calibration, num_views=2)
    assert merged.shape == (1, 3, 30)


def test_bad_options_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="start with 513"):
        ColourNetworkOptions(mlp_dim=(257, 8, 3))
    with pytest.raises(ValueError, match="'group', 'instance' or 'batch'"):
        ColourNetworkOptions(norm="layer")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sides 4k"):
        PifuColourNetwork(ColourNetworkOptions(**SMALL)).image_filter(torch.zeros(1, 3, 30, 32))
