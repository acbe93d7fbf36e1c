"""Grids filled three ways: the original's figures, and the same surface from a fraction of the points."""

import numpy as np
import pytest
import torch
from fill import fill, inputs, load
from skimage.measure import marching_cubes

from vitruvian.methods.field_grid import evaluate_dense, evaluate_near_surface, evaluate_octree
from vitruvian.methods.grid import Grid
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions


def two_balls(points: np.ndarray) -> np.ndarray:
    """The analytic field of the golden values."""
    values = []
    for centre, radius in (((0.03, 0.05, -0.02), 0.22), ((-0.05, -0.27, 0.06), 0.12)):
        distance = np.linalg.norm(points.astype(np.float64) - centre, axis=1)
        values.append(1 / (1 + np.exp(np.clip(40 * (distance - radius), -60, 60))))
    return np.max(values, axis=0).astype(np.float32)


def thin_limbs(points: np.ndarray) -> np.ndarray:
    """Four capsules 1.5 cells thick on a 64 grid that spread from a ball, as a person's arms and legs do; values 0 and 1."""
    inside = np.linalg.norm(points, axis=1) < 0.15
    for end in ((0.4, 0.42, 0.1), (-0.4, 0.42, -0.2), (0.2, -0.45, 0.05), (-0.25, -0.45, 0.3)):
        end_point = np.array(end)
        along = np.clip(points @ end_point / (end_point @ end_point), 0, 1)
        inside |= np.linalg.norm(points - along[:, None] * end_point, axis=1) < 0.75 / 64
    return inside.astype(np.float32)


class Counting:
    def __init__(self, field) -> None:
        self.field, self.points = field, []

    def __call__(self, points: np.ndarray) -> np.ndarray:
        self.points.append(points)
        return self.field(points)


@pytest.fixture(scope="module")
def golden() -> dict:
    return load("pifu", "functions.npz")


def golden_grid(golden: dict) -> Grid:
    nx, ny, nz = (round(float(value)) for value in golden["out/octree_settings"][:3])
    return Grid(minimum=(-1 / 3, -1 / 2, -1 / 3), maximum=(1 / 3, 1 / 2, 1 / 3), resolution=(nx, ny, nz))


def test_grid_positions(golden: dict) -> None:
    grid = golden_grid(golden)
    np.testing.assert_allclose(grid.matrix(), golden["out/grid_matrix"], atol=1e-7)
    indices = np.array([(0, 0, 0), [n - 1 for n in grid.resolution], (1, 2, 3)])
    np.testing.assert_allclose(grid.points(indices), golden["out/grid_corner_points"], atol=2e-7)


def test_dense_and_octree_equal_the_original(golden: dict) -> None:
    grid = golden_grid(golden)
    *_, initial, tolerance = golden["out/octree_settings"]
    dense = evaluate_dense(two_balls, grid)
    octree = evaluate_octree(two_balls, grid, initial_resolution=round(float(initial)), tolerance=float(tolerance))
    assert list(octree.evaluated_per_level) == golden["out/octree_points_evaluated_per_level"].tolist()
    np.testing.assert_allclose(dense.values[::3, ::3, ::3], golden["out/dense_volume_stride3"], atol=2e-5)
    np.testing.assert_allclose(octree.values[::3, ::3, ::3], golden["out/octree_volume_stride3"], atol=2e-5)
    difference = np.abs(dense.values.astype(np.float64) - octree.values).max()
    sums = [dense.values.sum(dtype=np.float64), octree.values.sum(dtype=np.float64), difference]
    np.testing.assert_allclose(sums, golden["out/volume_sums"][:3], rtol=1e-5)
    assert [(grid_values.values > 0.5).sum() for grid_values in (dense, octree)] == golden["out/volume_sums"][3:].tolist()
    for name, filled in (("dense", dense), ("octree", octree)):
        vertices, faces, _, _ = marching_cubes(filled.values, 0.5)
        world = vertices * grid.cell_size + np.array(grid.minimum)
        assert [len(vertices), len(faces)] == golden[f"out/marching_cubes_{name}_counts"].tolist()
        np.testing.assert_allclose(world[::50], golden[f"out/marching_cubes_{name}_world_vertices_stride50"], atol=2e-5)
        assert (faces[::50] == golden[f"out/marching_cubes_{name}_faces_stride50"]).all()


def test_the_octree_halves_its_stride_and_skips_most_points() -> None:
    grid = Grid(minimum=(-0.5,) * 3, maximum=(0.5,) * 3, resolution=(128, 128, 128))
    octree = evaluate_octree(two_balls, grid, initial_resolution=32)
    assert len(octree.evaluated_per_level) == 3 and octree.num_evaluated < 0.3 * 128**3
    with pytest.raises(ValueError, match="evaluate densely"):
        evaluate_octree(two_balls, Grid(minimum=(0, 0, 0), maximum=(1, 1, 1), resolution=(48, 64, 64)))


@pytest.mark.parametrize("resolution", [(64, 64, 64), (61, 47, 70)])
@pytest.mark.parametrize("field", [two_balls, thin_limbs], ids=lambda field: field.__name__)
@pytest.mark.parametrize(("start_stride", "dilation"), [(8, 1), (4, 0), (1, 0)])
def test_near_the_surface_gives_the_mesh_of_dense(resolution: tuple, field, start_stride: int, dilation: int) -> None:
    grid = Grid(minimum=(-0.5, -0.5, -0.5), maximum=(0.5, 0.5, 0.5), resolution=resolution)
    counting = Counting(field)
    dense = evaluate_dense(field, grid)
    near = evaluate_near_surface(counting, grid, start_stride=start_stride, dilation=dilation)
    assert ((near.values > 0.5) == (dense.values > 0.5)).all()
    for ours, theirs in zip(marching_cubes(near.values, 0.5)[:2], marching_cubes(dense.values, 0.5)[:2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    asked = np.concatenate(counting.points)
    assert len(asked) == near.num_evaluated == len(np.unique(asked, axis=0))
    if start_stride > 1:
        assert near.num_evaluated < 0.5 * dense.num_evaluated


def test_the_cost_is_a_few_percent_of_dense() -> None:
    grid = Grid(minimum=(-0.5,) * 3, maximum=(0.5,) * 3, resolution=(128, 128, 128))
    assert evaluate_near_surface(two_balls, grid).num_evaluated < 0.05 * 128**3


def test_dense_evaluation_of_the_network_equals_the_original() -> None:
    golden = load("pifu")
    grid = Grid(minimum=(-1, -1, -1), maximum=(1, 1, 1), resolution=(16, 16, 16))
    np.testing.assert_allclose(grid.matrix(), golden["out/s128_calib_test/grid16_matrix"], atol=1e-6)
    network = PifuShapeNetwork(NetworkOptions())
    network.load_state_dict(fill(network.state_dict()))
    network.eval()
    calibration = torch.from_numpy(golden["const/calib_test"])
    with torch.no_grad():
        features = network.features(torch.from_numpy(inputs(golden, "pifu_shape/")["image128"]))

        def field(points: np.ndarray) -> np.ndarray:
            return network.query(features, torch.from_numpy(points.T)[None], calibration)[0][0, 0].numpy()

        dense = evaluate_dense(field, grid)
        fine = Grid(minimum=(-1, -1, -1), maximum=(1, 1, 1), resolution=(32, 32, 32))
        finer = evaluate_dense(field, fine)
        near = evaluate_near_surface(field, fine, start_stride=4, last_dilation=1)  # a random field is full of specks
    np.testing.assert_allclose(dense.values, golden["out/s128_calib_test/grid16_occupancy"], atol=1e-5)
    assert 0.05 < (finer.values > 0.5).mean() < 0.95
    for ours, theirs in zip(marching_cubes(near.values, 0.5)[:2], marching_cubes(finer.values, 0.5)[:2], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
