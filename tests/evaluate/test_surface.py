"""Surface distances against shapes whose distances are known."""

import numpy as np
import pytest
from known_shapes import box, figure, joined, sphere

from vitruvian.evaluate.metrics.surface import compare_surfaces, outer_surface


def test_concentric_spheres_are_their_difference_apart() -> None:
    comparison = compare_surfaces(sphere(0.315), sphere(0.3), num_samples=4000)
    values = comparison.metrics()
    for name in ("p2s_reconstruction_to_truth_cm", "p2s_truth_to_reconstruction_cm", "chamfer_cm"):
        assert values[name] == pytest.approx(1.5, abs=0.02), name
    assert values["fscore_1cm"] == 0.0 and values["fscore_2cm"] == 1.0
    assert values["normal_surface_deg"] < 2 and values["normal_consistency"] > 0.999


def test_a_box_shifted_by_a_centimetre() -> None:
    values = compare_surfaces(box((1, 1, 1), (0.01, 0, 0)), box((1, 1, 1)), num_samples=20_000).metrics()
    # Two of six faces moved by 1 cm, but for a rim that is nearer to a neighbour; the others slid in their own plane.
    assert values["p2s_reconstruction_to_truth_cm"] == pytest.approx(2 / 6, abs=0.01)
    assert values["p2s_truth_to_reconstruction_cm"] == pytest.approx(2 / 6, abs=0.01)


def test_each_direction_sees_its_own_fault() -> None:
    body, growth = sphere(0.3), sphere(0.05, (0.6, 0, 0), 3)
    surplus = compare_surfaces(joined(body, growth), body, num_samples=4000).metrics()
    assert surplus["p2s_truth_to_reconstruction_cm"] < 1e-3 < 0.1 < surplus["p2s_reconstruction_to_truth_cm"]
    missing = compare_surfaces(body, joined(body, growth), num_samples=4000).metrics()
    assert missing["p2s_reconstruction_to_truth_cm"] < 1e-3 < 0.1 < missing["p2s_truth_to_reconstruction_cm"]


def test_a_perfect_reconstruction_has_no_error() -> None:
    person = figure()
    values = compare_surfaces(person, person, num_samples=3000).metrics()
    assert values["chamfer_cm"] < 1e-4 and values["fscore_1cm"] == 1.0
    assert values["normal_surface_deg"] < 1.0 and values["normal_consistency"] > 0.995


def test_what_lies_inside_the_solid_does_not_count() -> None:
    body = sphere(0.3)
    lined = joined(body, sphere(0.2))  # as a body under clothes: a closed part within another
    outer = outer_surface(lined)
    assert outer.num_faces == body.num_faces
    values = compare_surfaces(body, lined, num_samples=3000).metrics()
    assert values["chamfer_cm"] < 1e-4
    assert values["normal_surface_deg"] < 0.1


def test_the_seed_decides_the_samples() -> None:
    first, second = figure(), sphere(0.5, (0, 0.8, 0))
    one = compare_surfaces(first, second, num_samples=1000, seed=3)
    again = compare_surfaces(first, second, num_samples=1000, seed=3)
    other = compare_surfaces(first, second, num_samples=1000, seed=4)
    np.testing.assert_array_equal(one.reconstruction_to_truth.distance_cm, again.reconstruction_to_truth.distance_cm)
    assert one.metrics() == again.metrics() != other.metrics()
    assert one.metrics()["chamfer_cm"] == pytest.approx(other.metrics()["chamfer_cm"], rel=0.05)
