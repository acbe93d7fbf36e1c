"""From a picture to a mesh: in the right place, whatever the camera, with a network that knows one shape."""

import dataclasses

import numpy as np
import pytest
import torch
from fill import fill
from people import CENTRES, HALF_EXTENT_M, RADII, camera, stored_view

from vitruvian.errors import InputError
from vitruvian.geometry.camera import Camera
from vitruvian.methods.fields.carve import carved
from vitruvian.methods.fields.look import ASSUMED_HEIGHT_M
from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.fields.placement import person_square
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.reconstruct import Y_DOWN, PifuReconstructor
from vitruvian.methods.weights import Card

OPTIONS = NetworkOptions(width=0.125, num_stack=1, hourglass_dim=8, mlp_dim=(9, 8, 1), load_size_px=64)
CARD = Card(method="pifu", stage="shape", recipe="test", options={})


class KnowsTheBalls(PifuShapeNetwork):
    """Answers with the balls as they are in front of the camera of the tests, turned by ``yaw``."""

    def __init__(self, yaw: float = 0.0) -> None:
        super().__init__(OPTIONS)
        self.centres = torch.from_numpy(camera(yaw).to_camera(CENTRES) / HALF_EXTENT_M) * torch.tensor([1, -1, 1])
        self.asked = 0

    def query(self, features, points, calibration, *, num_views=1) -> list[torch.Tensor]:  # type: ignore[no-untyped-def]
        self.asked += points.shape[2]
        seen = calibration[:, :3, :3] @ points + calibration[:, :3, 3:]
        distance = (seen[0].T[:, None] - self.centres).norm(dim=2) - torch.from_numpy(RADII) / HALF_EXTENT_M
        return [torch.sigmoid(-30 * distance.amin(1))[None, None].float()]


def reconstructor(network: PifuShapeNetwork, **options: object) -> PifuReconstructor:
    chosen = FieldOptions(**({"resolution": 64, "min_part": 0.0} | options))  # type: ignore[arg-type]
    return PifuReconstructor(network, CARD, image_size_px=64, options=chosen)


@pytest.mark.parametrize("evaluation", ["near_surface", "octree", "dense"])
@pytest.mark.parametrize("yaw", [0.0, 2.2])
def test_with_a_camera_the_mesh_is_in_its_world(evaluation: str, yaw: float) -> None:
    stored = stored_view(yaw=yaw)
    result = reconstructor(KnowsTheBalls(yaw), evaluation=evaluation).reconstruct(
        stored["rgb"], stored["mask"], camera=stored["camera"]
    )
    distance = (np.linalg.norm(result.mesh.vertices[:, None] - CENTRES, axis=2) - RADII).min(1)
    assert np.abs(distance).max() < 0.01
    a, b, c = (result.mesh.vertices[result.mesh.faces[:, k]].astype(float) for k in range(3))
    assert (a * np.cross(b, c)).sum() > 0  # outward
    assert result.camera == stored["camera"]
    assert result.mesh.vertex_colors is not None and len(np.unique(result.mesh.vertex_colors, axis=0)) >= 3
    assert list(result.timings_s) == ["prepare", "features", "field", "surface", "colours"]


@pytest.mark.parametrize("place", [(0, 0), (40, 9)])
def test_without_a_camera_the_mesh_stands_on_the_floor(place: tuple[int, int]) -> None:
    """The picture is a corner of a larger photograph; the network sees the square around the person all the same."""
    stored = stored_view(size_px=256)
    photograph = np.full((300, 340, 3), 90, np.uint8)
    mask = np.zeros((300, 340), bool)
    x, y = place
    photograph[y : y + 256, x : x + 256], mask[y : y + 256, x : x + 256] = stored["rgb"], stored["mask"]
    network = KnowsTheBalls()
    square = person_square(mask)
    # Where the network finds the balls in its square: their place in the photograph.
    uv = stored["camera"].project(CENTRES) + np.array([x, y, 0])
    scale = square.side_px / 2
    network.centres = torch.from_numpy(
        np.column_stack(
            [(uv[:, 0] - square.left_px) / scale - 1, (uv[:, 1] - square.top_px) / scale - 1, CENTRES[:, 2] * 128 / scale]
        )
    )
    network.query = _scaled(network, 128 / scale)  # type: ignore[method-assign]
    result = reconstructor(network, resolution=96).reconstruct(photograph, mask)
    vertices = result.mesh.vertices
    assert np.ptp(vertices[:, 1]) == pytest.approx(ASSUMED_HEIGHT_M, rel=0.02)
    assert vertices[:, 1].min() == pytest.approx(0, abs=0.02)
    assert (vertices[:, 0].max() + vertices[:, 0].min()) / 2 == pytest.approx(0, abs=0.02)
    pixel = result.camera.project(vertices)
    column, row = np.floor(pixel[:, 0]).astype(int), np.floor(pixel[:, 1]).astype(int)
    assert mask[row.clip(0, 299), column.clip(0, 339)].mean() > 0.9
    front = vertices[np.argmax(vertices[:, 2])]
    assert front[2] > 0


def _scaled(network: KnowsTheBalls, factor: float):  # type: ignore[no-untyped-def]
    def query(features, points, calibration, *, num_views=1):  # type: ignore[no-untyped-def]
        seen = calibration[:, :3, :3] @ points
        distance = (seen[0].T[:, None] - network.centres).norm(dim=2) - torch.from_numpy(RADII) / HALF_EXTENT_M * factor
        return [torch.sigmoid(-30 * distance.amin(1))[None, None].float()]

    return query


def test_near_the_surface_asks_little_and_gives_the_mesh_of_dense() -> None:
    stored = stored_view()
    meshes, asked = [], []
    for evaluation in ("near_surface", "dense"):
        network = KnowsTheBalls()
        result = reconstructor(network, evaluation=evaluation, resolution=96).reconstruct(
            stored["rgb"], stored["mask"], camera=stored["camera"]
        )
        meshes.append(result.mesh)
        asked.append(network.asked)
        assert network.asked == result.details["num_evaluated"]
    np.testing.assert_array_equal(meshes[0].faces, meshes[1].faces)
    np.testing.assert_array_equal(meshes[0].vertices, meshes[1].vertices)
    assert asked[0] < 0.06 * asked[1] and asked[1] == 96**3


def test_a_real_network_runs_and_specks_can_be_dropped() -> None:
    network = PifuShapeNetwork(OPTIONS)
    network.load_state_dict(fill(network.state_dict()))
    stored = stored_view()
    every, few = (
        reconstructor(network, min_part=share, resolution=48).reconstruct(
            stored["rgb"], stored["mask"], camera=stored["camera"]
        )
        for share in (0.0, 1.0)
    )
    again = reconstructor(network, min_part=0.0, resolution=48, points_per_pass=999).reconstruct(
        stored["rgb"], stored["mask"], camera=stored["camera"]
    )
    assert few.mesh.num_faces <= every.mesh.num_faces and few.mesh.num_faces > 100
    np.testing.assert_allclose(again.mesh.vertices, every.mesh.vertices, atol=1e-4)


def test_the_square_of_the_published_crop() -> None:
    mask = np.zeros((400, 300), bool)
    mask[50:350, 100:180] = True
    square = person_square(mask)
    assert (square.side_px, square.left_px, square.top_px) == (341, 140 - 341 / 2, 200 - 341 / 2)


def test_what_cannot_be_reconstructed_is_refused() -> None:
    stored = stored_view()
    rgb, mask, view = stored["rgb"], stored["mask"], stored["camera"]
    ours = reconstructor(KnowsTheBalls())
    with pytest.raises(InputError, match="picture: is float"):
        ours.reconstruct(rgb.astype(np.float32), mask)
    with pytest.raises(InputError, match="mask: is bool"):
        ours.reconstruct(rgb, mask[:-1])
    with pytest.raises(InputError, match="nobody is marked"):
        ours.reconstruct(rgb, np.zeros_like(mask))
    with pytest.raises(InputError, match="for 64x64 pixels"):
        ours.reconstruct(rgb, mask, camera=view.resized(64, 64))
    perspective = Camera(projection="perspective", width_px=128, height_px=128, focal_px=(99, 99), center_px=(64, 64))
    with pytest.raises(InputError, match="orthographic"):
        ours.reconstruct(rgb, mask, camera=perspective)
    network = KnowsTheBalls()
    network.centres = network.centres + 100
    with pytest.raises(InputError, match="sees nobody"):
        reconstructor(network).reconstruct(rgb, mask, camera=view)
    with pytest.raises(ValueError, match="at least 64"):
        FieldOptions(resolution=48, evaluation="octree")
    assert dataclasses.asdict(FieldOptions())["evaluation"] == "near_surface"


def test_carving_empties_what_the_picture_shows_beside_the_person() -> None:
    coverage = np.zeros((64, 64), np.float32)
    coverage[16:48, 24:40] = 1.0
    everywhere = carved(lambda points: np.full(len(points), 0.9, np.float32), coverage, Y_DOWN)
    points = np.random.default_rng(0).uniform(-1, 1, (4000, 3)).astype(np.float32)
    inside = (np.abs(points[:, 0]) < 0.25 - 1 / 64) & (np.abs(points[:, 1]) < 0.5 - 1 / 64)
    beside = (np.abs(points[:, 0]) > 0.25 + 1 / 32) | (np.abs(points[:, 1]) > 0.5 + 1 / 32)
    values = everywhere(points)
    assert (values[inside] == np.float32(0.9)).all()
    assert (values[beside] < 0.5).all()
    upper = np.array([[0.0, 0.4, 0.0], [0.0, -0.4, 0.0]], np.float32)
    coverage[32:] = 0.0  # only the upper half of the picture shows the person
    assert everywhere(upper).tolist() == pytest.approx([0.9, 0.0])
