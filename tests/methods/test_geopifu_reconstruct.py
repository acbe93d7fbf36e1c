"""Geo-PIFu from a picture to a mesh: in the right place, with both networks and with the coarse one alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from people import CENTRES, HALF_EXTENT_M, RADII, camera, stored_view

from vitruvian.errors import InputError
from vitruvian.methods.fields.look import View
from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.coarse_options import CoarseNetworkOptions
from vitruvian.methods.geopifu.coarse_stage import CoarseStage
from vitruvian.methods.geopifu.frames import coarse_to_world
from vitruvian.methods.geopifu.query_network import GeoPifuQueryNetwork
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.geopifu.query_stage import QueryStage
from vitruvian.methods.geopifu.recipes import PAPER_FIELD
from vitruvian.methods.geopifu.reconstruct import CoarseReconstructor, GeoPifuReconstructor, box_of
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.samples import SampleOptions
from vitruvian.methods.registry import load_reconstructor
from vitruvian.methods.stage import Training
from vitruvian.methods.weights import Card, save_weights

COARSE = CoarseNetworkOptions(input_height_px=96, input_width_px=64, num_stack=1, voxel_channels=4, width=0.125)
IMAGE = NetworkOptions(width=0.125, num_stack=1, hourglass_dim=8, mlp_dim=(9, 8, 1), load_size_px=64)
QUERY = QueryNetworkOptions(image=IMAGE, voxel_channels=4)
CARD = Card(method="geopifu", stage="query", recipe="test", options={})
PUBLISHED = np.array([(-1 / 3, -1 / 2, -1 / 3), (1 / 3, 1 / 2, 1 / 3)])
TRAINING = Training(epochs=1, batch_size=2, learning_rate=1e-3)


def balls(points: torch.Tensor, yaw: float) -> torch.Tensor:
    """(N, 3) places in the network's space in front of the camera of the tests -> (N,) occupancy of the balls."""
    centres = torch.from_numpy(camera(yaw).to_camera(CENTRES) / HALF_EXTENT_M) * torch.tensor([1, -1, 1])
    distance = (points[:, None] - centres).norm(dim=2) - torch.from_numpy(RADII) / HALF_EXTENT_M
    return torch.sigmoid(-30 * distance.amin(1)).float()


class KnowsTheBalls(GeoPifuQueryNetwork):
    def __init__(self, yaw: float = 0.0, *others: float) -> None:
        super().__init__(QUERY)
        self.yaw, self.others = yaw, others

    def query(self, features, points, calibration, voxels=None, *, num_views=1) -> list[torch.Tensor]:  # type: ignore[no-untyped-def]
        assert voxels is not None and voxels.shape == (num_views, 4, 8, 12, 8)
        seen = calibration[:, :3, :3] @ points + calibration[:, :3, 3:]
        for view, yaw in zip(seen, (self.yaw, *self.others), strict=True):
            torch.testing.assert_close(balls(view.T, yaw), balls(seen[0].T, self.yaw), atol=1e-3, rtol=1e-3)
        return [balls(seen[0].T, self.yaw)[None, None]]


class FillsTheBalls(GeoPifuCoarseNetwork):
    def __init__(self, yaw: float = 0.0) -> None:
        super().__init__(COARSE)
        self.yaw = yaw

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        depth, height, width = COARSE.occupancy_shape
        layer, row, column = (index.reshape(-1) for index in np.indices((depth, height, width)))
        seen = [2 * column + 1 - width, 2 * row + 1 - height, -(2 * layer + 1 - depth)]
        values = balls(torch.from_numpy(np.stack(seen, 1) / height), self.yaw)
        return [values.reshape(1, 1, depth, height, width)]


def field(**options: Any) -> FieldOptions:
    return FieldOptions(**({"resolution": 72, "min_part": 0.0} | options))


def distance_to_balls(vertices: np.ndarray) -> np.ndarray:
    return (np.linalg.norm(vertices[:, None] - CENTRES, axis=2) - RADII).min(1)


@pytest.mark.parametrize("evaluation", ["near_surface", "octree", "dense"])
@pytest.mark.parametrize("yaw", [0.0, 2.2])
def test_with_a_camera_the_mesh_is_in_its_world(evaluation: str, yaw: float) -> None:
    stored = stored_view(yaw=yaw)
    options = field(evaluation=evaluation, resolution=(64, 96, 64))
    maker = GeoPifuReconstructor(KnowsTheBalls(yaw), FillsTheBalls(yaw), CARD, image_size_px=64, options=options)
    np.testing.assert_allclose(maker.box, PUBLISHED)
    result = maker.reconstruct(stored["rgb"], stored["mask"], camera=stored["camera"])
    assert np.abs(distance_to_balls(result.mesh.vertices)).max() < 0.015
    a, b, c = (result.mesh.vertices[result.mesh.faces[:, k]].astype(float) for k in range(3))
    assert (a * np.cross(b, c)).sum() > 0  # outward
    assert result.mesh.vertex_colors is not None and len(np.unique(result.mesh.vertex_colors, axis=0)) >= 3


def test_several_pictures_are_seen_each_in_its_place() -> None:
    maker = GeoPifuReconstructor(KnowsTheBalls(0.3, 2.0), FillsTheBalls(), CARD, image_size_px=64, options=field())
    stored = [stored_view(yaw=yaw) for yaw in (0.3, 2.0)]
    views = [View(picture=one["rgb"], mask=one["mask"], camera=one["camera"]) for one in stored]
    assert np.abs(distance_to_balls(maker.reconstruct_views(views).mesh.vertices)).max() < 0.02


@pytest.mark.parametrize("yaw", [0.0, 2.2])
def test_the_coarse_volume_alone_gives_its_surface(yaw: float) -> None:
    stored = stored_view(yaw=yaw)
    maker = CoarseReconstructor(FillsTheBalls(yaw), CARD, image_size_px=64, options=field(resolution=(32, 48, 32)))
    vertices = maker.reconstruct(stored["rgb"], stored["mask"], camera=stored["camera"]).mesh.vertices
    assert np.abs(distance_to_balls(vertices)).max() < 0.03  # cells of 4 cm
    finer = maker.with_options(resolution=96).reconstruct(stored["rgb"], stored["mask"], camera=stored["camera"])
    assert np.abs(distance_to_balls(finer.mesh.vertices)).max() < 0.03


def test_published_vertices_lie_at_corners_of_cells() -> None:
    """The original's map from indices of the volume to its box, half a cell beside where the cells are."""
    stored, right = stored_view(), None
    for published in (False, True):
        maker = CoarseReconstructor(
            FillsTheBalls(), CARD, image_size_px=64, published_vertices=published, options=field(resolution=(32, 48, 32))
        )
        mesh = maker.reconstruct(stored["rgb"], stored["mask"], camera=stored["camera"]).mesh
        if right is None:
            right = mesh
    assert right is not None
    half = HALF_EXTENT_M / 48  # x right, y down, z into the scene
    np.testing.assert_allclose(mesh.vertices - right.vertices, np.tile([-half, half, half], (mesh.num_vertices, 1)), atol=1e-4)
    np.testing.assert_allclose(maker.box, PUBLISHED)
    np.testing.assert_allclose(coarse_to_world([[0, 0, 0]])[0], maker.box[0])


def test_the_published_grid_is_over_the_published_box() -> None:
    box = box_of(CoarseNetworkOptions())
    np.testing.assert_allclose(box, PUBLISHED)
    assert PAPER_FIELD.grid(box).resolution == FieldOptions(resolution=256).grid(box).resolution == (171, 256, 171)
    assert box_of(CoarseNetworkOptions(input_height_px=128, input_width_px=128)) == ((-0.5,) * 3, (0.5,) * 3)


def weights(folder: Path, *, part: bool = True, **changes: Any) -> Path:
    """A folder of untrained networks, coarse inside query."""
    coarse = CoarseStage(options=COARSE, samples=SampleOptions(image_size_px=64), training=TRAINING)
    query = QueryStage(options=QUERY, samples=SampleOptions(image_size_px=64), training=TRAINING, **changes)
    torch.manual_seed(0)
    for stage, parts in ((coarse, None), (query, {"coarse": folder / "c"} if part else None)):
        card = Card(
            method="geopifu",
            stage=stage.name,
            recipe="test",
            options=stage.card_options(),
            reconstruct=dataclasses.asdict(field(carve=True)),
        )
        save_weights(folder / stage.name[0], stage.network().state_dict(), card, parts=parts)
    return folder


def test_weights_folders_come_back_with_their_options(tmp_path: Path) -> None:
    weights(tmp_path, latents="once", coarse_image_size_px=48, side_per_height=1.3)
    maker = load_reconstructor(tmp_path / "q")
    assert isinstance(maker, GeoPifuReconstructor) and maker.coarse is not None
    assert (maker.image_size_px, maker.coarse_image_size_px, maker.side_per_height) == (64, 48, 1.3)
    assert maker.options == field(carve=True)
    alone = load_reconstructor(tmp_path / "c")
    assert isinstance(alone, CoarseReconstructor)
    assert alone.options.resolution == (32, 48, 32) and alone.options.evaluation == "dense"
    assert alone.side_per_height == pytest.approx(1 / 0.85) and alone.side_per_width == pytest.approx(1.5 / 0.85)


def test_a_query_network_without_its_coarse_one_is_refused(tmp_path: Path) -> None:
    weights(tmp_path, part=False)
    with pytest.raises(InputError, match="--part coarse=FOLDER"):
        load_reconstructor(tmp_path / "q")


@pytest.mark.slow
def test_both_networks_learn_a_person_and_give_it_back(tmp_path: Path) -> None:
    """Both stages, some seconds each, on one person; then from its picture alone to the mesh."""
    from test_geopifu_stages import batch_of, stored

    torch.manual_seed(1)
    options = dataclasses.replace(COARSE, input_height_px=64, input_width_px=64, upsampling=2)
    samples = SampleOptions(image_size_px=64, num_points=400, num_ray_points=400)
    coarse = CoarseStage(options=options, samples=SampleOptions(image_size_px=64), training=TRAINING)
    query = QueryStage(options=QUERY, samples=samples, training=TRAINING)
    person, rng = stored(), np.random.default_rng(0)
    networks: dict[str, Any] = {}
    for stage, steps in ((coarse, 25), (query, 60)):
        network = networks[stage.name] = stage.network()
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(steps):
            batch: Any = batch_of([stage.sample(person, rng, training=True)])
            with torch.no_grad():
                batch = stage.prepare(batch, networks, training=True)
            optimizer.zero_grad()
            loss, _ = stage.loss(network, batch)
            loss.backward()
            optimizer.step()
        network.eval()
        card = Card(
            method="geopifu",
            stage=stage.name,
            recipe="test",
            options=stage.card_options(),
            reconstruct=dataclasses.asdict(field(resolution=48, carve=True, start_stride=2, min_part=0.02)),
        )
        parts = {"coarse": tmp_path / "coarse"} if stage.needs else None
        save_weights(tmp_path / stage.name, network.state_dict(), card, parts=parts)
    result = load_reconstructor(tmp_path / "query").reconstruct(person["rgb"], person["mask"], camera=person["camera"])
    assert np.abs(distance_to_balls(result.mesh.vertices)).mean() < 0.06
    assert result.details["resolution"] == [48, 48, 48]
