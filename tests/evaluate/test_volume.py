"""Volume IoU against solids whose overlap is known."""

import numpy as np
import pytest
from known_shapes import box, figure, joined, sphere, turned_inside_out

from vitruvian.evaluate.metrics.volume import is_closed, signed_volume_m3, solid_cells, union_grid, volume_iou
from vitruvian.geometry.mesh import Mesh


def test_two_spheres_share_a_lens() -> None:
    radius, distance = 0.4, 0.3
    lens = np.pi * (4 * radius + distance) * (2 * radius - distance) ** 2 / 12
    union = 2 * (4 / 3 * np.pi * radius**3) - lens
    value = volume_iou(sphere(radius), sphere(radius, (distance, 0, 0)), cell_m=0.006)
    assert value == pytest.approx(lens / union, abs=0.004)  # the icospheres are a little smaller than the spheres


def test_a_shifted_box() -> None:
    first, second = box((0.4, 1.6, 0.2)), box((0.4, 1.6, 0.2), (0.1, 0, 0))
    assert volume_iou(first, second, cell_m=0.005) == pytest.approx(0.3 / 0.5, abs=0.02)
    assert volume_iou(second, first, cell_m=0.005) == volume_iou(first, second, cell_m=0.005)


def test_the_same_body_gives_one_and_a_far_one_zero() -> None:
    person = figure()
    assert volume_iou(person, person) == 1.0
    assert volume_iou(sphere(0.2), sphere(0.2, (1, 0, 0))) == 0.0


def test_overlapping_parts_count_once() -> None:
    twice = joined(sphere(0.3), sphere(0.3, (0.05, 0, 0)))
    grid = union_grid(twice, twice)
    single = solid_cells(sphere(0.3), grid) | solid_cells(sphere(0.3, (0.05, 0, 0)), grid)
    np.testing.assert_array_equal(solid_cells(twice, grid), single)


def test_a_hole_is_closed_in_a_plausible_way() -> None:
    whole = sphere(0.4)
    pierced = Mesh(vertices=whole.vertices, faces=np.ascontiguousarray(whole.faces[20:]))
    assert is_closed(whole) and not is_closed(pierced)
    assert volume_iou(pierced, whole) > 0.99


def test_the_grid_covers_both_and_does_not_move_with_them() -> None:
    first, second = box((1, 1, 1)), box((1, 1, 1), (0.3, 0.2, 0.1))
    grid = union_grid(first, second, 0.01)
    high = grid.origin + 0.01 * np.array(grid.resolution)
    assert (grid.origin < -0.5).all() and (high > [0.8, 0.7, 0.6]).all()
    np.testing.assert_allclose(grid.origin / 0.01, np.round(grid.origin / 0.01), atol=1e-9)


def test_bad_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="metres"):
        union_grid(sphere(0.5), sphere(500.0))
    with pytest.raises(ValueError, match="positive"):
        union_grid(sphere(0.5), sphere(0.5), 0.0)
    with pytest.raises(ValueError, match="neither mesh has a volume"):
        volume_iou(sphere(0.001), sphere(0.001, (0.002, 0, 0)), cell_m=0.1)


def test_a_body_that_is_inside_out_is_refused() -> None:
    assert signed_volume_m3(box((0.5, 0.4, 0.3), (1, 2, 3))) == pytest.approx(0.06, rel=1e-5)
    with pytest.raises(ValueError, match=r"the reconstruction encloses -.* litres; is it inside out"):
        volume_iou(turned_inside_out(sphere(0.3)), sphere(0.3))
    with pytest.raises(ValueError, match="the truth encloses"):
        volume_iou(sphere(0.3), turned_inside_out(sphere(0.3)))
