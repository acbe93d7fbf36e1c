"""Projection, sampling, losses and accuracy against the original's values."""

import numpy as np
import pytest
import torch
from fill import inputs, load

from vitruvian.methods.occupancy import binary_cross_entropy, mean_squared_error, occupancy_accuracy
from vitruvian.methods.pifu.project import depth_feature, inside_image, orthogonal, perspective, sample_map
from vitruvian.methods.stage import Training
from vitruvian.train.schedule import learning_rate


@pytest.fixture(scope="module")
def golden() -> dict:
    return load("pifu", "functions.npz")


@pytest.fixture(scope="module")
def given(golden: dict) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(value) for name, value in inputs(golden, "geo_functions/").items()}


def test_sampling(golden: dict, given: dict) -> None:
    np.testing.assert_allclose(sample_map(given["feat"], given["uv"]), golden["out/index"], atol=2e-5)


def test_the_ends_of_the_range_are_pixel_centres() -> None:
    ramp = torch.arange(12.0).reshape(1, 1, 3, 4) + 1
    corners = torch.tensor([[[-1.0, 1, -1, 1], [-1.0, -1, 1, 1]]])
    assert sample_map(ramp, corners).tolist() == [[[1, 4, 9, 12]]]
    assert sample_map(ramp, torch.tensor([[[3.0], [0.0]]])).item() == 0


def test_projection(golden: dict, given: dict) -> None:
    calibration = given["calibs"].clone()
    np.testing.assert_allclose(orthogonal(given["points"], calibration), golden["out/orthogonal"], atol=2e-5)
    np.testing.assert_allclose(orthogonal(given["points"], calibration[:, :3]), golden["out/orthogonal"], atol=2e-5)
    calibration[:, 2, 3] += 10
    expected = golden["out/perspective_after_adding_10_to_calib_2_3"]
    np.testing.assert_allclose(perspective(given["points"], calibration), expected, atol=2e-5)


def test_depth(golden: dict, given: dict) -> None:
    z = depth_feature(given["points"][:, 2:3], load_size_px=512, z_size=200.0)
    np.testing.assert_allclose(z, golden["out/depth_normalised"], rtol=2e-5)


def test_borders_are_inside() -> None:
    xy = torch.tensor([[[-1.0, 1, 0, 1.0001], [1.0, -1, -1.1, 0]]])
    assert inside_image(xy).tolist() == [[[True, True, False, False]]]


def test_losses_and_accuracy(golden: dict, given: dict) -> None:
    predictions, labels = given["preds"], given["labels"]
    loss = mean_squared_error(list(predictions), labels)
    np.testing.assert_allclose(loss, golden["out/query_loss_mse"][0], rtol=2e-5)
    p, y = predictions[0].double(), labels.double()
    expected = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    np.testing.assert_allclose(binary_cross_entropy([predictions[0]], labels), expected, rtol=1e-5)
    cases = {"": (1.0, 1.0), "_both_empty": (0.4, 0.4), "_pred_empty": (0.4, 1.0)}
    for name, (prediction_factor, label_factor) in cases.items():
        whole = occupancy_accuracy(
            (predictions[0] * prediction_factor).reshape(1, 1, -1), (labels * label_factor).reshape(1, 1, -1)
        )
        np.testing.assert_allclose(torch.cat(whole), golden[f"out/iou_prec_recall{name}"], atol=2e-5)
    per_sample = occupancy_accuracy(predictions[0], labels)
    assert all(value.shape == (2,) for value in per_sample)


def test_the_learning_rate_drops_after_the_listed_epochs(golden: dict) -> None:
    training = Training(epochs=45, batch_size=1, learning_rate=1e-3, drop_after_epochs=(8, 23, 40), drop_factor=0.1)
    rates = [learning_rate(training, epoch=epoch, step=0, steps_per_epoch=10) for epoch in range(45)]
    np.testing.assert_allclose(rates, golden["out/lr_used_in_epoch_schedule_8_23_40_gamma_0.1"], rtol=1e-6)


def test_without_aligned_corners_a_point_reads_the_pixel_that_shows_it() -> None:
    image = torch.rand(1, 2, 6, 8, generator=torch.manual_seed(0))
    row, column = torch.meshgrid(torch.arange(6.0), torch.arange(8.0), indexing="ij")
    centres = torch.stack([(column + 0.5) / 4 - 1, (row + 0.5) / 3 - 1]).reshape(1, 2, -1)
    torch.testing.assert_close(sample_map(image, centres, align_corners=False)[0], image[0].flatten(1))
    assert not torch.allclose(sample_map(image, centres)[0], image[0].flatten(1), atol=0.05)
