"""The pyramid network and the visual hull against the original's values (its own float32 noise is below 1e-6)."""

import numpy as np
import pytest
import torch
from fill import fill, load
from golden_checks import check_keys, given_tensors

from vitruvian.methods.pifu.conv_network import ConvNetworkOptions, ConvPifuNetwork, visual_hull
from vitruvian.methods.pifu.trunks import Trunk

GOLDEN_OPTIONS = ConvNetworkOptions(channels=(3, 16, 32, 64), mlp_dim=(116, 128, 64, 1))


@pytest.fixture(scope="module")
def golden() -> dict:
    return load("pifu/conv")


def test_the_pyramid_network_equals_the_original(golden: dict) -> None:
    network = ConvPifuNetwork(GOLDEN_OPTIONS)
    check_keys(network, "pifu/conv/keys_multiconv.tsv")
    network.load_state_dict(fill(network.state_dict()))
    given = given_tensors(golden, "pifu_conv/")
    with torch.no_grad():
        prediction = network(given["image_b2_96"], given["points"], torch.from_numpy(golden["const/calib_test"]))
    np.testing.assert_allclose(prediction, golden["out/multiconv/pred"], atol=1e-5)
    loss = (prediction - given["labels"]).square().mean()
    np.testing.assert_allclose(loss, golden["out/multiconv/loss_mse"][0], atol=1e-5)


def test_the_visual_hull_equals_the_original(golden: dict) -> None:
    given = given_tensors(golden, "pifu_conv/")
    calibration = torch.from_numpy(golden["const/calib_test"])
    points = given["points"][:1].repeat(2, 1, 1)
    hull = visual_hull(given["masks_v2"], points, calibration, num_views=2)
    np.testing.assert_allclose(hull, golden["out/vhull/pred"], atol=1e-5)
    four_channels = torch.cat([torch.rand(2, 3, 32, 32), given["masks_v2"]], dim=1)
    torch.testing.assert_close(visual_hull(four_channels, points, calibration, num_views=2), hull)


TRUNKS = {
    "resnet18": (11_176_512, (64, 64, 128, 256, 512), 2),
    "resnet34": (21_284_672, (64, 64, 128, 256, 512), 2),
    "resnet50": (23_508_032, (64, 256, 512, 1024, 2048), 2),
    "vgg16": (14_714_688, (64, 128, 256, 512, 512), 1),
}
"""Parameters as published, without the classifiers; channels of the levels; pixels along a cell of the finest."""


@pytest.mark.parametrize("trunk", TRUNKS)
def test_larger_trunks_have_their_published_sizes_and_learn(trunk: Trunk) -> None:
    torch.manual_seed(0)
    number, channels, stride = TRUNKS[trunk]
    network = ConvPifuNetwork(ConvNetworkOptions(trunk=trunk, mlp_dim=(sum(channels) + 1, 8, 1)))
    assert sum(p.numel() for p in network.image_filter.parameters()) == number
    images, points, calibration = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 20) - 0.5, torch.eye(4).repeat(2, 1, 1)
    maps = network.features(images)
    assert [level.shape for level in maps] == [(2, c, 64 // (stride << k), 64 // (stride << k)) for k, c in enumerate(channels)]
    prediction = network.query(maps, points, calibration)
    assert prediction.shape == (2, 1, 20)
    prediction.mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []
    if trunk == "resnet18":
        state = network.state_dict()
        assert state["image_filter.conv1.weight"].data_ptr() == state["image_filter.layer0.0.weight"].data_ptr()
        assert state["image_filter.layer2.0.downsample.1.running_var"].shape == (128,)


def test_views_are_averaged() -> None:
    torch.manual_seed(0)
    network = ConvPifuNetwork(GOLDEN_OPTIONS).eval()
    images, points, calibration = (
        torch.rand(2, 3, 48, 48),
        (torch.rand(1, 3, 20) - 0.5).repeat(2, 1, 1),
        torch.eye(4).repeat(2, 1, 1),
    )
    with torch.no_grad():
        merged = network(images, points, calibration, num_views=2)
        swapped = network(images.flip(0), points, calibration, num_views=2)
    assert merged.shape == (1, 1, 20)
    torch.testing.assert_close(merged, swapped)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="start with 52"):
        ConvNetworkOptions(channels=(3, 16, 32), mlp_dim=(40, 1))
    with pytest.raises(ValueError, match="resnet50, vgg16"):
        ConvNetworkOptions(trunk="alexnet")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs the picture's"):
        ConvNetworkOptions(channels=(3,))
