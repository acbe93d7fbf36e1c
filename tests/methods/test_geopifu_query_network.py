"""The query network against the original's keys, look-ups, features, predictions, losses and gradients.

Tolerances: the original in float32 differs from itself in float64 by 7e-7; about ten times that is allowed in predictions and
look-ups, 1e-4 in features and (relative) in cross entropies, 1e-3 relative in gradients
with torch's layers, 1e-2 with the faster ones (``test_pifu_network`` says why).
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from fill import fill, load
from golden_checks import check_gradients, check_keys, given_tensors

from vitruvian.methods.cpu.fits import torch_layers
from vitruvian.methods.field_grid import evaluate_dense
from vitruvian.methods.geopifu.losses import weighted_cross_entropy
from vitruvian.methods.geopifu.query_network import GeoPifuQueryNetwork
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.geopifu.voxel_lookup import published_single_lookup, single_lookup, voxel_coordinates
from vitruvian.methods.grid import Grid
from vitruvian.methods.occupancy import mean_squared_error
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.project import orthogonal


@pytest.fixture(scope="module")
def network() -> GeoPifuQueryNetwork:
    network = GeoPifuQueryNetwork(QueryNetworkOptions())
    network.load_state_dict(fill(network.state_dict()) | {"displacments": network.displacments})
    return network


@pytest.fixture(scope="module")
def golden() -> dict:
    return load("geopifu/query")


@pytest.fixture(scope="module")
def given(golden: dict) -> dict[str, torch.Tensor]:
    calibrations = {name: torch.from_numpy(golden[f"const/{name}"]) for name in ("calib_front", "calib_right")}
    return given_tensors(golden, "geopifu_query/") | calibrations


def test_the_state_dict_has_the_published_keys_and_shapes(network: GeoPifuQueryNetwork) -> None:
    check_keys(network, "geopifu/query/keys.tsv")
    assert sum(p.numel() for p in network.parameters()) == 15_712_314


@pytest.mark.parametrize("view", ["front", "right"])
def test_lookups_equal_the_original(network: GeoPifuQueryNetwork, golden: dict, given: dict, view: str) -> None:
    projected = orthogonal(given["points"], given[f"calib_{view}"])
    np.testing.assert_allclose(projected, golden[f"out/projection_{view}"], atol=1e-6)
    read = network.read_voxels(given["deep_voxels"], projected)
    np.testing.assert_allclose(read[..., ::4], golden[f"out/sampled_multirange_{view}"], atol=1e-5)
    xyz = voxel_coordinates(projected)
    single = published_single_lookup(given["deep_voxels"], xyz)
    np.testing.assert_allclose(single[..., ::2], golden[f"out/sampled_single_{view}"], atol=1e-5)
    torch.testing.assert_close(single_lookup(given["deep_voxels"], xyz), read[:, ::7])


@pytest.mark.parametrize("size", [128, pytest.param(512, marks=pytest.mark.slow)])
def test_predictions_equal_the_original(network: GeoPifuQueryNetwork, golden: dict, given: dict, size: int) -> None:
    network.train()
    with torch.no_grad():
        features = network.features(given[f"image{size}"])
        stride = size // 64 if size == 512 else 4
        np.testing.assert_allclose(features.maps[-1][:, ::8, ::stride, ::stride], golden[f"out/s{size}/feat_last"], atol=1e-4)
        case = f"out/s{size}_front"
        predictions = network.query(features, given["points"], given["calib_front"], given["deep_voxels"])
        for stack, prediction in enumerate(predictions):
            np.testing.assert_allclose(prediction, golden[f"{case}/train_pred_stack{stack}"], atol=1e-5)
        mse, ce = mean_squared_error(predictions, given["labels"]), weighted_cross_entropy(predictions, given["labels"])
        np.testing.assert_allclose(mse, golden[f"{case}/loss_train_mse"][0], atol=1e-5)
        np.testing.assert_allclose(ce, golden[f"{case}/loss_train_ce"][0], rtol=1e-4)
        network.eval()
        for view in ("front", "right") if size == 128 else ("front",):
            (last,) = network.query(features, given["points"], given[f"calib_{view}"], given["deep_voxels"])
            np.testing.assert_allclose(last, golden[f"out/s{size}_{view}/pred_eval"], atol=1e-5)
            loss = mean_squared_error([last], given["labels"])
            np.testing.assert_allclose(loss, golden[f"out/s{size}_{view}/loss_eval"][0], atol=1e-5)


def test_a_grid_equals_the_original(network: GeoPifuQueryNetwork, golden: dict, given: dict) -> None:
    network.eval()
    grid = Grid(minimum=(-1 / 3, -1 / 2, -1 / 3), maximum=(1 / 3, 1 / 2, 1 / 3), resolution=(12, 18, 12))
    np.testing.assert_allclose(grid.matrix(), golden["out/s128_front/grid_matrix"], atol=1e-7)
    with torch.no_grad():
        features = network.features(given["image128"])

        def field(points: np.ndarray) -> np.ndarray:
            part = torch.from_numpy(points.T.copy())[None]
            return network.query(features, part, given["calib_front"], given["deep_voxels"])[0][0, 0].numpy()

        values = evaluate_dense(field, grid).values
    np.testing.assert_allclose(values, golden["out/s128_front/grid_12x18x12_occupancy"], atol=1e-5)


@pytest.mark.parametrize(("layers", "rtol"), [(torch_layers, 1e-3), (nullcontext, 1e-2)])
def test_gradients_equal_the_original(network: GeoPifuQueryNetwork, layers: Callable[[], Any], rtol: float) -> None:
    golden = load("geopifu/query", "golden_gradient.npz")
    given = given_tensors(golden, "geopifu_query/")
    network.train()
    network.zero_grad()
    calibration = torch.from_numpy(golden["const/calib_front"])
    with layers():
        predictions = network(given["image128"], given["points"], calibration, given["deep_voxels"])
        loss = mean_squared_error(predictions, given["labels"])
        loss.backward()
    np.testing.assert_allclose(loss.detach(), golden["out/loss"][0], rtol=1e-5)
    check_gradients(network, golden, rtol=rtol)
    network.zero_grad()


def small(**changes: object) -> NetworkOptions:
    values = {"width": 0.25, "num_stack": 2, "num_hourglass": 1, "hourglass_dim": 64, "mlp_dim": (65, 24, 12, 1)}
    return NetworkOptions(**(values | {"load_size_px": 32} | changes))  # type: ignore[arg-type]


TOWERS = {"fusion": "multi_loss", "mlp_dim_3d": (56, 16, 8, 1), "mlp_dim_joint": (16, 8, 1)}


@pytest.mark.parametrize(
    ("options", "num_predictions"),
    [
        (QueryNetworkOptions(image=small(), fusion="none"), 2),
        (QueryNetworkOptions(image=small(), fusion="early"), 2),
        (QueryNetworkOptions(image=small(), multi_range=False), 2),
        (QueryNetworkOptions(image=small(), multi_range=False, exchanged_fractions=True), 2),
        (QueryNetworkOptions(image=small(), fusion="late"), 2),
        (QueryNetworkOptions(image=small(), fusion="late", multi_range=False, late_channels=5), 2),
        (QueryNetworkOptions(image=small(), **TOWERS), 6),  # type: ignore[arg-type]
        (QueryNetworkOptions(image=small(skip_hourglass=True, mlp_dim=(81, 24, 1)), **TOWERS), 6),  # type: ignore[arg-type]
        (QueryNetworkOptions(image=small(recover_dim=True)), 3),
        (QueryNetworkOptions(image=small(recover_dim=True, upsample_mode="nearest")), 3),
    ],
    ids=lambda value: "" if isinstance(value, int) else None,
)
def test_every_option_runs_and_learns(options: QueryNetworkOptions, num_predictions: int) -> None:
    torch.manual_seed(3)
    network = GeoPifuQueryNetwork(options)
    images, points = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 3, 40) * 0.6 - 0.3
    calibration = torch.diag(torch.tensor([2.0, 2, -2, 1])).repeat(2, 1, 1)
    voxels = None if options.fusion == "none" else torch.rand(2, 8, 4, 6, 4)
    predictions = network(images, points, calibration, voxels)
    assert len(predictions) == num_predictions and all(p.shape == (2, 1, 40) for p in predictions)
    mean_squared_error(predictions, torch.ones(2, 1, 40)).backward()
    assert [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None] == []
    network.eval()
    with torch.no_grad():
        (last,) = network(images, points, calibration, voxels)
    torch.testing.assert_close(last, predictions[-1].detach())


def test_the_sizes_of_the_published_variants() -> None:
    towers = GeoPifuQueryNetwork(QueryNetworkOptions(fusion="multi_loss")).state_dict()
    shapes = {name: tuple(value.shape[:2]) for name, value in towers.items() if "features_" in name and "weight" in name}
    assert shapes["surface_classifier.features_2d_conv1.weight"] == (512, 1024 + 257)
    assert shapes["surface_classifier.features_3d_conv1.weight"] == (128, 256 + 56)
    assert shapes["surface_classifier.features_joint_conv0.weight"] == (256, 128 + 128 + 313)
    assert shapes["surface_classifier.features_joint_conv2.weight"] == (1, 128 + 313)
    late = GeoPifuQueryNetwork(QueryNetworkOptions(fusion="late")).state_dict()
    assert late["deepVoxels_fusion_network.fusion_fc_2.weight"].shape == (224, 112, 1)
    assert late["surface_classifier.conv0.weight"].shape == (1024, 313, 1)
    baseline = GeoPifuQueryNetwork(QueryNetworkOptions(fusion="none"))
    assert baseline.state_dict().keys() == PifuShapeNetwork(NetworkOptions()).state_dict().keys()


def test_without_voxels_it_is_pifus_shape_network() -> None:
    torch.manual_seed(0)
    ours = GeoPifuQueryNetwork(QueryNetworkOptions(image=small(), fusion="none")).eval()
    pifu = PifuShapeNetwork(small()).eval()
    pifu.load_state_dict(ours.state_dict())
    images, points, calibration = torch.rand(4, 3, 32, 32), torch.rand(4, 3, 20) - 0.5, torch.eye(4).repeat(4, 1, 1)
    with torch.no_grad():
        for views in (1, 2):
            expected = pifu(images, points, calibration, num_views=views)[0]
            torch.testing.assert_close(ours(images, points, calibration, num_views=views)[0], expected)


def test_views_have_voxels_of_their_own() -> None:
    torch.manual_seed(0)
    network = GeoPifuQueryNetwork(QueryNetworkOptions(image=small())).eval()
    images, voxels = torch.rand(2, 3, 32, 32), torch.rand(2, 8, 4, 6, 4)
    points, calibration = (torch.rand(1, 3, 20) - 0.5).repeat(2, 1, 1), torch.eye(4).repeat(2, 1, 1)
    with torch.no_grad():
        merged = network(images, points, calibration, voxels, num_views=2)[0]
        swapped = network(images.flip(0), points, calibration, voxels.flip(0), num_views=2)[0]
        mixed = network(images.flip(0), points, calibration, voxels, num_views=2)[0]
    assert merged.shape == (1, 1, 20)
    torch.testing.assert_close(merged, swapped)
    assert not torch.allclose(merged, mixed)


def test_bad_options_and_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="'multi_loss'"):
        QueryNetworkOptions(fusion="middle")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="multi_range=False"):
        QueryNetworkOptions(exchanged_fractions=True)
    with pytest.raises(ValueError, match="start with 8"):
        QueryNetworkOptions(fusion="multi_loss", multi_range=False)
    with pytest.raises(ValueError, match="must be 256"):
        NetworkOptions(recover_dim=True, hourglass_dim=64, mlp_dim=(65, 8, 1))
    network = GeoPifuQueryNetwork(QueryNetworkOptions(image=small()))
    images, points, calibration = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 20), torch.eye(4)[None]
    with pytest.raises(ValueError, match="not given"):
        network(images, points, calibration)
    with pytest.raises(ValueError, match="8 channels"):
        network(images, points, calibration, torch.rand(1, 4, 4, 6, 4))
    with pytest.raises(ValueError, match="same B"):
        network(images, points, calibration, torch.rand(2, 8, 4, 6, 4))
    towers = GeoPifuQueryNetwork(QueryNetworkOptions(image=small(), **TOWERS))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="single view"):
        towers(images, points, calibration, torch.rand(1, 8, 4, 6, 4), num_views=2)
