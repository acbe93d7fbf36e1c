"""The shape network against the original's keys, features, predictions, losses and gradients."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fill import fill, inputs, load
from golden_checks import check_gradients

from vitruvian.methods.cpu.fits import torch_layers
from vitruvian.methods.occupancy import mean_squared_error
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions

KEYS = Path(__file__).parent.parent / "golden" / "pifu" / "keys.tsv"


@pytest.fixture(scope="module")
def network() -> PifuShapeNetwork:
    network = PifuShapeNetwork(NetworkOptions())
    network.load_state_dict(fill(network.state_dict()))
    return network


@pytest.fixture(scope="module")
def golden() -> dict:
    return load("pifu")


def test_the_state_dict_has_the_published_keys_and_shapes(network: PifuShapeNetwork) -> None:
    published = [line.split("\t")[:2] for line in KEYS.read_text().splitlines()[1:]]
    ours = {key: "x".join(map(str, value.shape)) for key, value in network.state_dict().items()}
    assert ours == {key: shape for key, shape in published}
    assert sum(p.numel() for p in network.parameters()) == 15_604_738
    assert sum(not p.requires_grad for p in network.parameters()) == 66


CASES = [
    ("s128_calib_test", 128, "calib_test"),
    ("s128_calib_general", 128, "calib_general"),
    pytest.param("s512_calib_test", 512, "calib_test", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("case", "size", "calibration"), CASES)
def test_evaluation_equals_the_original(
    network: PifuShapeNetwork, golden: dict, case: str, size: int, calibration: str
) -> None:
    given = {name: torch.from_numpy(value) for name, value in inputs(golden, "pifu_shape/").items()}
    network.eval()
    with torch.no_grad():
        features = network.features(given[f"image{size}"])
        calib = torch.from_numpy(golden[f"const/{calibration}"])
        (prediction,) = network.query(features, given["points"], calib)
    fine, coarse = (16, 8) if size == 512 else (8, 4)
    expected = {name.removeprefix(f"out/{case}/"): value for name, value in golden.items()}
    np.testing.assert_allclose(features.maps[-1][:, ::8, ::coarse, ::coarse], expected["feat_last"], atol=1e-4)
    np.testing.assert_allclose(features.stem[:, ::8, ::fine, ::fine], expected["tmpx"], atol=1e-4)
    np.testing.assert_allclose(features.down[:, ::16, ::coarse, ::coarse], expected["normx"], atol=1e-4)
    np.testing.assert_allclose(prediction, expected["pred_eval"], atol=1e-5)
    np.testing.assert_allclose(mean_squared_error([prediction], given["labels"]), expected["loss_eval"][0], atol=1e-5)
    projected = calib[0, :3, :3] @ given["points"][0] + calib[0, :3, 3:]
    outside = (projected[:2].abs() > 1).any(0)
    assert outside.sum() > 50 and (prediction[0, 0, outside] == 0).all()


@pytest.mark.parametrize("size", [128, pytest.param(512, marks=pytest.mark.slow)])
def test_training_mode_gives_every_stack(network: PifuShapeNetwork, golden: dict, size: int) -> None:
    given = {name: torch.from_numpy(value) for name, value in inputs(golden, "pifu_shape/").items()}
    network.train()
    with torch.no_grad():
        features = network.features(given[f"image{size}"])
        predictions = network.query(features, given["points"], torch.from_numpy(golden["const/calib_test"]))
    stride = 16 if size == 512 else 8
    for stack in range(4):
        expected = golden[f"out/s{size}_calib_test/train_feat_stack{stack}"]
        np.testing.assert_allclose(features.maps[stack][:, ::16, ::stride, ::stride], expected, atol=1e-4)
        expected = golden[f"out/s{size}_calib_test/train_pred_stack{stack}"]
        np.testing.assert_allclose(predictions[stack], expected, atol=1e-5)
    loss = mean_squared_error(predictions, given["labels"])
    np.testing.assert_allclose(loss, golden[f"out/s{size}_calib_test/loss_train"][0], atol=1e-5)


@pytest.mark.parametrize(("layers", "rtol"), [(torch_layers, 1e-3), (nullcontext, 1e-2)])
def test_gradients_equal_the_original(network: PifuShapeNetwork, layers: Callable[[], Any], rtol: float) -> None:
    """With torch's layers as close as the original is to itself in float64. Here a float32 rounding of the weights alone moves
    float64 gradients by 3e-3, through ReLUs that switch, so another order of additions cannot be held to that."""
    golden = load("pifu", "golden_gradient.npz")
    given = {name: torch.from_numpy(value) for name, value in inputs(golden, "pifu_shape/").items()}
    network.train()
    network.zero_grad()
    with layers():
        predictions = network(given["image128"], given["points"], torch.from_numpy(golden["const/calib_test"]))
        loss = mean_squared_error(predictions, given["labels"])
        loss.backward()
    np.testing.assert_allclose(loss.detach(), golden["out/loss"][0], rtol=1e-5)
    check_gradients(network, golden, rtol=rtol)
    network.zero_grad()


def test_the_skips_own_normalisation_wins_over_its_alias() -> None:
    block = PifuShapeNetwork(NetworkOptions(num_stack=1)).image_filter.conv2
    state = fill(block.state_dict())
    state["bn4.weight"], state["downsample.0.weight"] = torch.full((64,), 2.0), torch.full((64,), 3.0)
    block.load_state_dict(state)
    assert (block.bn4.weight == 3).all() and block.downsample is not None and block.downsample[0] is block.bn4


SMALL = {"width": 0.25, "num_stack": 1, "hourglass_dim": 16, "mlp_dim": (17, 24, 12, 1), "load_size_px": 64}


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "batch"},
        {"num_stack": 3, "num_hourglass": 1},
        {"num_hourglass": 4},
        {"hg_down": "conv64"},
        {"hg_down": "conv128"},
        {"skip_hourglass": True, "mlp_dim": (33, 24, 12, 1)},
        {"no_residual": True},
        {"upsample_mode": "nearest"},
        {"align_corners": False},
        {"projection": "perspective"},
        {"width": 0.5},
    ],
    ids=lambda options: "-".join(options),
)
def test_every_option_runs_and_learns(options: dict) -> None:
    torch.manual_seed(3)
    network = PifuShapeNetwork(NetworkOptions(**{**SMALL, **options}))
    images, points = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 3, 40) * 1.6 - 0.8
    calibration = torch.diag(torch.tensor([1.0, -1, 1, 1])).repeat(2, 1, 1)
    calibration[:, 2, 3] = 2.0  # perspective needs points in front of the camera
    predictions = network(images, points, calibration)
    assert len(predictions) == network.options.num_stack and predictions[0].shape == (2, 1, 40)
    mean_squared_error(predictions, torch.ones(2, 1, 40)).backward()
    missing = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


def test_the_depth_feature_uses_the_nominal_size_not_the_images() -> None:
    torch.manual_seed(0)
    small, nominal = (PifuShapeNetwork(NetworkOptions(**{**SMALL, "load_size_px": size})) for size in (64, 128))
    nominal.load_state_dict(small.state_dict())
    images, calibration = torch.rand(1, 3, 64, 64), torch.eye(4)[None]
    points = torch.rand(1, 3, 50) - 0.5
    halved = points * torch.tensor([1.0, 1.0, 0.5])[:, None]
    small.eval(), nominal.eval()
    with torch.no_grad():
        expected = small(images, points, calibration)[0]
        torch.testing.assert_close(nominal(images, halved, calibration)[0], expected)


def test_views_are_averaged_and_equal_views_change_nothing() -> None:
    torch.manual_seed(0)
    network = PifuShapeNetwork(NetworkOptions(**SMALL)).eval()
    images, points = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 30) - 0.5
    calibration = torch.eye(4).repeat(2, 1, 1)
    with torch.no_grad():
        single = network(images, points, calibration)[0]
        twice = network(
            images.repeat_interleave(3, 0), points.repeat_interleave(3, 0), calibration.repeat_interleave(3, 0), num_views=3
        )
        mixed = network(images.flip(0), points[:1].repeat(2, 1, 1), calibration, num_views=2)[0]
        swapped = network(images, points[:1].repeat(2, 1, 1), calibration, num_views=2)[0]
    torch.testing.assert_close(twice[0], single)
    torch.testing.assert_close(mixed, swapped)
    assert mixed.shape == (1, 1, 30)


def test_bad_options_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="must start with 257"):
        NetworkOptions(mlp_dim=(300, 10, 1))
    with pytest.raises(ValueError, match="'group' or 'batch'"):
        NetworkOptions(norm="layer")  # type: ignore[arg-type]
    network = PifuShapeNetwork(NetworkOptions(**SMALL))
    with pytest.raises(ValueError, match="sides 16k"):
        network.features(torch.zeros(1, 3, 60, 64))
