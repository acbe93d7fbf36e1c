"""Geo-PIFu's look-ups, losses and index maps against the original's values, within its float32 noise (2e-5)."""

import numpy as np
import pytest
import torch
from fill import load
from golden_checks import given_tensors

from vitruvian.methods.geopifu.frames import (
    TO_VIEW,
    coarse_to_world,
    from_voxel_file,
    query_calibration,
    to_voxel_file,
    voxels_to_front,
    voxels_to_view,
)
from vitruvian.methods.geopifu.losses import adversarial_loss, mean_absolute_error, weighted_cross_entropy
from vitruvian.methods.geopifu.voxel_lookup import multi_range_lookup, published_single_lookup, range_offsets, single_lookup
from vitruvian.methods.pifu.project import orthogonal


@pytest.fixture(scope="module")
def golden() -> dict:
    return load("pifu", "functions.npz")


@pytest.fixture(scope="module")
def given(golden: dict) -> dict[str, torch.Tensor]:
    return given_tensors(golden, "geo_functions/")


def test_lookups(golden: dict, given: dict) -> None:
    read = multi_range_lookup(given["voxel_feat"], given["xyz"], range_offsets())
    np.testing.assert_allclose(read, golden["out/multirange_sampling"], atol=2e-5)
    single = published_single_lookup(given["voxel_feat"], given["xyz"])
    np.testing.assert_allclose(single, golden["out/single_sampling"], atol=2e-5)


def test_the_single_lookup_reads_the_voxel_at_the_point() -> None:
    """Centres of voxels read those voxels; between them a linear function is read exactly. The original's reads another."""
    depth, height, width = 4, 6, 5
    z, y, x = torch.meshgrid(torch.arange(4.0), torch.arange(6.0), torch.arange(5.0), indexing="ij")
    ramp = (100 * z + 10 * y + x)[None, None]
    index = torch.rand(1, 3, 200, generator=torch.manual_seed(0)) * (torch.tensor([width, height, depth]) - 1)[:, None]
    place = (2 * index / (torch.tensor([width, height, depth]) - 1)[:, None] - 1) / torch.tensor([6 / 5, 1, 6 / 4])[:, None]
    expected = 100 * index[:, 2:] + 10 * index[:, 1:2] + index[:, :1]
    torch.testing.assert_close(single_lookup(ramp, place), expected, atol=1e-3, rtol=1e-4)
    published = published_single_lookup(ramp, place)
    exchanged = expected + 99 * ((index[:, :1] % 1) - (index[:, 2:] % 1))
    torch.testing.assert_close(published, exchanged, atol=1e-3, rtol=1e-4)
    assert single_lookup(ramp, torch.full((1, 3, 1), 2.0)).item() == 0


def test_losses(golden: dict, given: dict) -> None:
    predictions, labels = given["preds"], given["labels"]
    np.testing.assert_allclose(mean_absolute_error(list(predictions), labels), golden["out/query_loss_l1"][0], rtol=2e-5)
    ce = weighted_cross_entropy(list(predictions), labels)
    np.testing.assert_allclose(ce, golden["out/query_loss_ce"][0], rtol=1e-5)
    np.testing.assert_allclose(ce, golden["out/coarse_loss_weight1000"][0], rtol=1e-5)
    lighter = weighted_cross_entropy(list(predictions), labels, weight=250.0)
    np.testing.assert_allclose(lighter, golden["out/coarse_loss_weight250"][0], rtol=1e-5)
    halves = [prediction.bfloat16() for prediction in predictions]
    assert weighted_cross_entropy(halves, labels).dtype == torch.float32
    np.testing.assert_allclose(weighted_cross_entropy(halves, labels), ce, rtol=0.02)
    for name, real in (("real", True), ("fake", False)):
        np.testing.assert_allclose(adversarial_loss(predictions[0], real=real), golden[f"out/gan_loss_{name}"][0], rtol=1e-5)


@pytest.mark.parametrize("view", range(4))
def test_voxels_of_other_views(golden: dict, given: dict, view: int) -> None:
    turned = voxels_to_view(given["cdhw"], view)
    assert np.array_equal(turned, golden[f"out/voxels_to_view_{view}"])
    assert torch.equal(voxels_to_front(turned, view), given["cdhw"])
    assert torch.equal(voxels_to_view(given["cdhw"][None], view)[0], turned)


def test_turned_voxels_are_what_the_turned_calibration_sees() -> None:
    """A voxel read through a view's calibration equals the same place read in voxels turned to that view."""
    voxels = torch.rand(1, 3, 4, 6, 4, generator=torch.manual_seed(1))
    points = torch.rand(1, 3, 50, generator=torch.manual_seed(2)) * 0.4 - 0.2
    front = single_lookup(voxels, orthogonal(points, query_calibration(0)[None]) * torch.tensor([1, 1, -1.0])[:, None])
    for view in range(4):
        seen = orthogonal(points, query_calibration(view)[None]) * torch.tensor([1, 1, -1.0])[:, None]
        torch.testing.assert_close(single_lookup(voxels_to_view(voxels, view), seen), front, atol=1e-5, rtol=1e-5)


def test_calibrations_equal_the_original() -> None:
    stored = load("geopifu/query")
    for view, name in enumerate(("front", "right")):
        np.testing.assert_allclose(query_calibration(view), stored[f"const/calib_{name}"][0], atol=1e-7)
    for view in range(4):
        turn = np.asarray(TO_VIEW[view])
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)


def test_points_turn_as_the_original_turns_them(golden: dict) -> None:
    points = golden["out/canonised_vertices"]
    for view in range(4):
        np.testing.assert_allclose((points @ np.array(TO_VIEW[view]).T)[::10], golden[f"out/view_rotated_{view}"], atol=2e-5)


def test_voxel_files_have_the_published_layout() -> None:
    """On disk the axes are feature, x, y, z."""
    voxels = torch.rand(8, 4, 6, 5, generator=torch.manual_seed(0))
    stored = to_voxel_file(voxels)
    assert stored.shape == (8, 5, 6, 4) and stored[3, 2, 5, 1] == voxels[3, 1, 5, 2]
    assert torch.equal(from_voxel_file(stored), voxels)


def test_coarse_vertices(golden: dict, given: dict) -> None:
    expected = golden["out/coarse_vertex_canonised"]
    np.testing.assert_allclose(coarse_to_world(given["mc_vertices"].numpy()), expected, atol=2e-5)


def test_unknown_views_are_refused() -> None:
    with pytest.raises(ValueError, match="0 to 3"):
        voxels_to_view(torch.zeros(1, 2, 3, 2), 4)
