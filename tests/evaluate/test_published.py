"""The published measures against values of the original implementation."""

from pathlib import Path

import numpy as np
import pytest

from vitruvian.evaluate.metrics.published import (
    BOX_HALF_EXTENT,
    canonical_fit,
    normal_map_distances,
    published_vertex_metrics,
    vertex_distances,
)

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "published_metrics.npz")


def test_vertex_distances_equal_the_golden_values() -> None:
    distances = vertex_distances(GOLDEN["est_vertices"], GOLDEN["gt_vertices"])
    np.testing.assert_allclose(distances.truth_to_estimate, GOLDEN["chamfer_gt_to_est_squared"], atol=2e-5)
    np.testing.assert_allclose(distances.estimate_to_truth, GOLDEN["chamfer_est_to_gt_squared"], atol=2e-5)
    np.testing.assert_array_equal(distances.nearest_truth, GOLDEN["nearest_index_est_to_gt"])
    np.testing.assert_allclose([distances.chamfer_e4, distances.psd_e4], GOLDEN["CD_PSD_times_10000"], rtol=2e-6)


def test_canonical_fit_equals_the_golden_values() -> None:
    vertices = GOLDEN["mesh_vertices"] * np.float32([60, 100, 40]) + np.float32([3, 90, -5])
    mean, scale = canonical_fit(vertices)
    np.testing.assert_allclose(mean, GOLDEN["canonisation_mean"][0], rtol=2e-6)
    np.testing.assert_allclose(scale, GOLDEN["canonisation_scale"][0], rtol=2e-6)
    canonical = (vertices - mean) * scale
    np.testing.assert_allclose(canonical, GOLDEN["canonised_vertices"], atol=2e-5)
    slack = np.array(BOX_HALF_EXTENT) - np.abs(canonical).max(axis=0)
    assert slack.min() == pytest.approx(0, abs=1e-12) and (slack >= -1e-12).all()


def test_normal_map_distances_equal_the_golden_values() -> None:
    mask = GOLDEN["mask"][..., 0]
    got = normal_map_distances(GOLDEN["normal_est"], GOLDEN["normal_gt"], mask[::-1], mask)
    np.testing.assert_allclose(got, GOLDEN["normal_cosine_l2_error"], atol=2e-5)


def test_a_pixel_not_covered_costs_one_and_a_surplus_one_nothing() -> None:
    normals = np.broadcast_to(np.float32([0, 0, 1]), (4, 6, 3))
    truth = np.zeros((4, 6))
    truth[:, :4] = 1
    estimate = np.zeros((4, 6))
    estimate[:, 3:] = 1  # a quarter of the truth, and 8 pixels outside it
    assert normal_map_distances(normals, normals, estimate, truth) == pytest.approx((0.75, 0.75))
    assert normal_map_distances(-normals, normals, truth, truth) == pytest.approx((2.0, 2.0))
    with pytest.raises(ValueError, match="mask is empty"):
        normal_map_distances(normals, normals, truth, np.zeros((4, 6)))


def test_a_vector_without_direction_makes_the_original_say_nan() -> None:
    normals = np.broadcast_to(np.float32([0, 0, 1]), (4, 6, 3)).copy()
    normals[1, 2] = 0
    mask = np.ones((4, 6))
    other = np.broadcast_to(np.float32([0, 0, 1]), (4, 6, 3))
    assert np.isnan(normal_map_distances(normals, other, mask, mask)).all()
    mask[1, 2] = 0  # off both masks it does no harm
    assert normal_map_distances(normals, other, mask, mask) == (0.0, 0.0)


def test_a_body_is_no_distance_from_itself() -> None:
    truth = GOLDEN["gt_vertices"]
    assert published_vertex_metrics(truth, truth) == {"vertex_chamfer_e4": 0.0, "vertex_psd_e4": 0.0}


def test_a_body_without_extent_is_refused() -> None:
    with pytest.raises(ValueError, match="one point"):
        canonical_fit(np.ones((5, 3)))
