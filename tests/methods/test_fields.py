"""Reconstruction from any field: the original's figures, frames of different methods, colours, several pictures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from fill import load
from people import CENTRES, HALF_EXTENT_M, RADII, stored_view
from torch import nn

from vitruvian.errors import InputError
from vitruvian.methods.field_grid import evaluate_octree
from vitruvian.methods.fields.look import Look, View
from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.fields.passes import in_passes
from vitruvian.methods.fields.reconstructor import FieldReconstructor, PersonField
from vitruvian.methods.grid import Grid
from vitruvian.methods.surface import closed_surface
from vitruvian.methods.weights import Card

CARD = Card(method="balls", stage="shape", recipe="test", options={})


class Balls(FieldReconstructor):
    """Knows the balls in the world, and answers in a frame of its own."""

    def __init__(self, box: Any, to_network: np.ndarray, *, coloured: bool = False, **options: Any) -> None:
        super().__init__(CARD, image_size_px=64, options=FieldOptions(**({"min_part": 0.0} | options)))
        self.box, self.to_network, self.coloured = box, to_network, coloured
        self.layer = nn.Linear(2, 2)

    def person_field(self, looks: Sequence[Look]) -> PersonField:
        to_world = np.linalg.inv(looks[0].calibration.astype(np.float64)) @ self.to_network

        def world(points: np.ndarray) -> np.ndarray:
            return points.astype(np.float64) @ to_world[:3, :3].T + to_world[:3, 3]

        def field(points: np.ndarray) -> np.ndarray:
            distance = (np.linalg.norm(world(points)[:, None] - CENTRES, axis=2) - RADII).min(1)
            return (1 / (1 + np.exp(np.clip(30 * distance / HALF_EXTENT_M, -50, 50)))).astype(np.float32)

        def colours(points: np.ndarray) -> np.ndarray:
            return np.clip(world(points) / 2 + 0.5, 0, 1).astype(np.float32)

        return PersonField(field=field, colours=colours if self.coloured else None)


PIFU = {"box": ((-1.0,) * 3, (1.0,) * 3), "to_network": np.diag([1.0, -1.0, 1.0, 1.0])}
GEOPIFU = {"box": ((-1 / 3, -1 / 2, -1 / 3), (1 / 3, 1 / 2, 1 / 3)), "to_network": np.diag([2.0, 2.0, -2.0, 1.0])}


class ManyBalls(Balls):
    max_views = None


def volume(mesh: Any) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def test_the_adaptive_grid_and_its_surface_equal_the_original() -> None:
    golden = load("jiff", "reconstruction.npz")
    centre, radius, matrix = golden["in_center"], golden["in_radius"], golden["out_grid_matrix"]
    minimum, cell = matrix[:3, 3], np.diag(matrix)[:3]
    grid = Grid(minimum=tuple(minimum), maximum=tuple(minimum + 128 * cell), resolution=(128, 128, 128))
    indices = np.argwhere(np.ones((4, 4, 4), bool)) * 32
    np.testing.assert_allclose(grid.points(indices), golden["out_grid_coords_sample"], atol=1e-4)

    def field(points: np.ndarray) -> np.ndarray:
        q = (points.astype(np.float64) - centre) / radius
        f = np.linalg.norm(q, axis=1) + 0.12 * np.sin(6 * q[:, 0] + 1) * np.sin(5 * q[:, 1])
        return (1 / (1 + np.exp(-25 * (1 - f)))).astype(np.float32)

    filled = evaluate_octree(field, grid)
    assert filled.num_evaluated == int(golden["out_points_evaluated"])
    np.testing.assert_allclose(filled.values[::4, ::4, ::4], golden["out_field_stride4"], atol=2e-5)
    np.testing.assert_allclose(filled.values[:, 64], golden["out_field_slab"], atol=2e-5)
    mesh = closed_surface(filled.values, grid, level=0.5)
    np.testing.assert_allclose(mesh.vertices.min(0), golden["out_vertex_min"], atol=1e-3)
    np.testing.assert_allclose(mesh.vertices.max(0), golden["out_vertex_max"], atol=1e-3)
    assert volume(mesh) == pytest.approx(float(golden["out_volume"]), rel=1e-3)
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    assert area == pytest.approx(float(golden["out_area"]), rel=1e-3)


def test_the_grid_follows_the_box() -> None:
    box = GEOPIFU["box"]
    assert FieldOptions(resolution=256).grid(box).resolution == (171, 256, 171)  # as published
    published = FieldOptions(resolution=(171, 256, 171)).grid(box)
    np.testing.assert_allclose(published.cell_size, [2 / 3 / 171, 1 / 256, 2 / 3 / 171])
    inner = FieldOptions(resolution=32, box=((0, 0, 0), (1, 2, 1))).grid(box)
    assert inner.resolution == (16, 32, 16) and inner.maximum == (1.0, 2.0, 1.0)
    for options, message in (
        ({"resolution": 8}, "16 to 1024"),
        ({"resolution": (64, 64)}, "one number or three"),
        ({"resolution": (48, 64, 64), "evaluation": "octree"}, "at least 64"),
        ({"colours": "grey"}, "'picture', 'network' or 'none'"),
        ({"start_stride": 3}, "power of two"),
        ({"level": 1.0}, "between 0 and 1"),
    ):
        with pytest.raises(ValueError, match=message):
            FieldOptions(**options)


@pytest.mark.parametrize("frame", [PIFU, GEOPIFU], ids=["pifu", "geopifu"])
@pytest.mark.parametrize("yaw", [0.0, 2.2])
def test_the_mesh_is_in_the_camera_s_world_whatever_the_method_s_frame(frame: dict, yaw: float) -> None:
    stored = stored_view(yaw=yaw)
    mesh = Balls(**frame, resolution=96).reconstruct(stored["rgb"], stored["mask"], camera=stored["camera"]).mesh
    distance = (np.linalg.norm(mesh.vertices[:, None] - CENTRES, axis=2) - RADII).min(1)
    assert np.abs(distance).max() < 0.01 and volume(mesh) > 0


@pytest.mark.parametrize("frame", [PIFU, GEOPIFU], ids=["pifu", "geopifu"])
def test_near_the_surface_the_mesh_is_that_of_dense(frame: dict) -> None:
    stored = stored_view()
    near, dense = (
        Balls(**frame, resolution=(43, 64, 50), evaluation=evaluation, start_stride=4).reconstruct(
            stored["rgb"], stored["mask"], camera=stored["camera"]
        )
        for evaluation in ("near_surface", "dense")
    )
    np.testing.assert_array_equal(near.mesh.faces, dense.mesh.faces)
    np.testing.assert_array_equal(near.mesh.vertices, dense.mesh.vertices)
    assert dense.details["num_evaluated"] == 43 * 64 * 50 > 3 * near.details["num_evaluated"]
    assert near.details["resolution"] == [43, 64, 50]


def test_colours_come_from_where_they_are_asked() -> None:
    stored = stored_view()
    asked = {"picture": stored["rgb"], "mask": stored["mask"], "camera": stored["camera"]}
    ours = Balls(**GEOPIFU, coloured=True, resolution=48)
    network = ours.with_options(colours="network").reconstruct(**asked).mesh
    expected = np.clip(network.vertices / 2 + 0.5, 0, 1) * 255
    np.testing.assert_allclose(network.vertex_colors, expected, atol=1.01)
    assert ours.with_options(colours="none").reconstruct(**asked).mesh.vertex_colors is None
    assert ours.options.colours == "picture"
    picture = ours.reconstruct(**asked).mesh
    assert picture.vertex_colors is not None and not np.array_equal(picture.vertex_colors, network.vertex_colors)
    with pytest.raises(InputError, match="have no colour network"):
        Balls(**GEOPIFU, resolution=48, colours="network").reconstruct(**asked)


def test_several_pictures_of_a_person() -> None:
    stored = [stored_view(yaw=yaw) for yaw in (0.0, 1.3)]
    views = [View(picture=view["rgb"], mask=view["mask"], camera=view["camera"]) for view in stored]
    ours = ManyBalls(**PIFU, resolution=64, carve=True)
    mesh = ours.reconstruct_views(views).mesh
    for view in stored:  # carved by both outlines
        columns, rows, _ = view["camera"].project(mesh.vertices).T
        assert view["mask"][np.floor(rows).astype(int), np.floor(columns).astype(int)].mean() > 0.9
    with pytest.raises(InputError, match="need a camera each"):
        ours.reconstruct_views([views[0], View(picture=views[1].picture, mask=views[1].mask)])
    with pytest.raises(InputError, match="takes at most 1"):
        Balls(**PIFU, resolution=64).reconstruct_views(views)
    with pytest.raises(InputError, match="none are given"):
        ours.reconstruct_views([])


def test_points_are_projected_into_every_picture() -> None:
    stored = [stored_view(yaw=yaw) for yaw in (0.0, 1.3)]
    seen: list[Sequence[Look]] = []

    class Remembers(ManyBalls):
        def person_field(self, looks: Sequence[Look]) -> PersonField:
            seen.append(looks)
            return super().person_field(looks)

    ours = Remembers(**GEOPIFU, resolution=32)
    ours.reconstruct_views([View(picture=view["rgb"], mask=view["mask"], camera=view["camera"]) for view in stored])
    points = np.array([[0.1, -0.2, 0.05, 1.0], [-0.2, 0.3, 0.1, 1.0]])
    world = points @ np.linalg.inv(np.linalg.inv(ours.to_network) @ seen[0][0].calibration).T
    for index, view in enumerate(stored):
        columns, rows, _ = view["camera"].project(world[:, :3]).T
        projected = points @ ours.to_view(seen[0], index).T
        np.testing.assert_allclose(projected[:, 0], columns / 64 - 1, atol=1e-5)
        np.testing.assert_allclose(projected[:, 1], rows / 64 - 1, atol=1e-5)


def test_passes_do_not_change_values() -> None:
    points = np.random.default_rng(0).normal(size=(101, 3)).astype(np.float32)
    one = in_passes(lambda part: part.sum(1, keepdim=True), device="cpu", points_per_pass=10)
    np.testing.assert_allclose(one(points), points.sum(1), rtol=1e-5)
    three = in_passes(lambda part: part * 2, device="cpu", points_per_pass=7, channels=3)
    np.testing.assert_array_equal(three(points), points * 2)
    assert one(points[:0]).shape == (0,) and three(points[:0]).shape == (0, 3)


def test_weights_have_a_fingerprint_and_a_device() -> None:
    torch.manual_seed(0)
    first, second = Balls(**PIFU), Balls(**PIFU)
    assert first.fingerprint == first.with_options(resolution=32).fingerprint != second.fingerprint
    assert first.to(torch.device("cpu")) is first
