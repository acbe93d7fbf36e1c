"""Colours from the colour network on every vertex, several pictures at once, and weights folders that hold both networks."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from people import camera, occupied, stored_view

from vitruvian.errors import InputError
from vitruvian.geometry.occupancy import occupancy
from vitruvian.methods.fields.look import View, look_at
from vitruvian.methods.fields.options import FieldOptions
from vitruvian.methods.pifu.colour_network import PifuColourNetwork
from vitruvian.methods.pifu.colour_options import ColourNetworkOptions
from vitruvian.methods.pifu.network import PifuShapeNetwork
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.reconstruct import PifuReconstructor
from vitruvian.methods.registry import load_reconstructor
from vitruvian.methods.weights import CARD, Card, load_weights, save_weights

SHAPE = NetworkOptions(width=0.125, num_stack=1, num_hourglass=1, hourglass_dim=8, mlp_dim=(9, 8, 1), load_size_px=64)
COLOUR = ColourNetworkOptions(width=0.125, shape_channels=8, mlp_dim=(41, 16, 8, 3), load_size_px=64)
CARDS = {
    name: Card(
        method="pifu",
        stage=name,
        recipe="test",
        options={"network": dataclasses.asdict(options), "image_size_px": 64},
        reconstruct={"resolution": 32, "start_stride": 2, "min_part": 0.0},
    )
    for name, options in (("shape", SHAPE), ("color", COLOUR))
}


class SeesTheHull(PifuShapeNetwork):
    """Inside is what every picture shows the person at, cut off at its depth of 0.7."""

    def __init__(self) -> None:
        super().__init__(SHAPE)

    def features(self, images):  # type: ignore[no-untyped-def]
        found = super().features(images)
        return type(found)([found.maps[-1]], (images.abs().amax(1, keepdim=True) > 0).float(), found.down)

    def query(self, features, points, calibration, *, num_views=1):  # type: ignore[no-untyped-def]
        assert len(features.stem) == len(points) == len(calibration) == num_views
        seen = calibration[:, :3, :3] @ points + calibration[:, :3, 3:]
        covered = F.grid_sample(features.stem, seen[:, :2].transpose(1, 2)[:, :, None], align_corners=False)[..., 0]
        return [torch.where(seen[:, 2:].abs() < 0.7, covered, 0.0).amin(0, keepdim=True)]


class PaintsByPlace(PifuColourNetwork):
    """Says the first view's position, in [-1, 1]; keeps what it was given."""

    def __init__(self) -> None:
        super().__init__(COLOUR)
        self.passes: list[int] = []

    def query(self, features, points, calibration, *, num_views=1):  # type: ignore[no-untyped-def]
        assert features.shape[1] == 40 and len(features) == len(points) == num_views
        self.passes.append(points.shape[2])
        return calibration[:1, :3, :3] @ points[:1] + calibration[:1, :3, 3:]


def reconstructor(colours: str, **options: object) -> PifuReconstructor:
    chosen = FieldOptions(**({"resolution": 48, "start_stride": 2, "min_part": 0.0, "colours": colours} | options))  # type: ignore[arg-type]
    return PifuReconstructor(SeesTheHull(), CARDS["color"], image_size_px=64, options=chosen, colour_network=PaintsByPlace())


def view(yaw: float) -> View:
    stored = stored_view(yaw=yaw)
    return View(picture=stored["rgb"], mask=stored["mask"], camera=stored["camera"])


@pytest.mark.parametrize("points_per_pass", [97, 50_000])
def test_every_vertex_gets_the_networks_colour(points_per_pass: int) -> None:
    """The original leaves the last vertex black, and all of a mesh of fewer than 10,000."""
    paints = reconstructor("network", points_per_pass=points_per_pass)
    mesh = paints.reconstruct_views([view(0.6)]).mesh
    assert mesh.vertex_colors is not None and 97 < mesh.num_vertices < 10_000 and mesh.num_vertices % 97
    network = paints.colour_network
    assert isinstance(network, PaintsByPlace)
    assert sum(network.passes) == mesh.num_vertices and max(network.passes) <= points_per_pass
    place = (mesh.vertices @ camera(0.6).rotation_33.T + camera(0.6).translation_m) * [1, -1, 1]
    expected = np.rint((0.5 * place + 0.5).clip(0, 1) * 255)
    assert np.abs(mesh.vertex_colors.astype(float) - expected).max() <= 1


def test_the_picture_or_nothing_may_colour_instead() -> None:
    plain = reconstructor("none").reconstruct_views([view(0.0)]).mesh
    pictured = reconstructor("picture")
    assert plain.vertex_colors is None and pictured.reconstruct_views([view(0.0)]).mesh.vertex_colors is not None
    assert isinstance(pictured.colour_network, PaintsByPlace) and pictured.colour_network.passes == []


def test_more_pictures_leave_less_room() -> None:
    """With V cameras the hull of V silhouettes: it holds the person and comes closer with every view."""
    sees = reconstructor("network")
    yaws = [0.5, 0.5 + np.pi / 2, 0.5 + np.pi / 4]
    points = np.random.default_rng(0).uniform((-0.7, 0, -0.7), (0.7, 1.8, 0.7), (20_000, 3))
    person = occupied(points)
    shares = []
    for number in (1, 2, 3):
        result = sees.reconstruct_views([view(yaw) for yaw in yaws[:number]])
        mesh = result.mesh
        assert result.camera == camera(0.5)
        assert mesh.vertex_colors is not None and mesh.vertex_colors.shape == mesh.vertices.shape
        inside = occupancy(mesh.vertices, mesh.faces, points.astype(np.float32))
        assert inside[person].mean() > 0.95
        shares.append(inside.mean())
    assert shares[0] > 1.3 * shares[1] > 1.3 * 1.02 * shares[2]


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(tmp_path / "shape", PifuShapeNetwork(SHAPE).state_dict(), CARDS["shape"])
    network = PifuColourNetwork(COLOUR)
    save_weights(tmp_path / "color", network.state_dict(), CARDS["color"], parts={"shape": tmp_path / "shape"})
    return tmp_path / "color"


def test_a_colour_networks_folder_reconstructs_in_its_colours(pair: Path) -> None:
    loaded = load_reconstructor(pair)
    assert isinstance(loaded, PifuReconstructor) and loaded.options.colours == "network"
    loaded.network.__class__ = SeesTheHull  # trained weights would see the person
    mesh = loaded.reconstruct_views([view(0.0)]).mesh
    # The same by hand: both networks on the same image, at the vertices.
    networks = PifuShapeNetwork(SHAPE).eval(), PifuColourNetwork(COLOUR).eval()
    for network, folder in zip(networks, (pair.parent / "shape", pair), strict=True):
        network.load_state_dict(load_weights(folder).state_dict)
    seen = look_at(view(0.0), image_size_px=64)
    image = torch.from_numpy(seen.image)[None]
    points = torch.from_numpy(mesh.vertices.T.copy())[None]
    with torch.no_grad():
        maps = networks[1].features(image, networks[0].features(image).maps[-1])
        colours = 0.5 * networks[1].query(maps, points, torch.from_numpy(seen.calibration)[None])[0].T + 0.5
    assert mesh.vertex_colors is not None
    assert np.abs(mesh.vertex_colors - 255 * colours.numpy()).max() < 1


def change(folder: Path, **values: object) -> None:
    card = json.loads((folder / CARD).read_text())
    card.update(values)
    (folder / CARD).write_text(json.dumps(card))


def test_what_the_card_says_of_colours_counts(pair: Path) -> None:
    change(pair, reconstruct={"colours": "none"})
    assert load_reconstructor(pair).options.colours == "none"  # type: ignore[attr-defined]


def test_a_colour_network_alone_says_how_to_give_it_a_shape(tmp_path: Path) -> None:
    save_weights(tmp_path, PifuColourNetwork(COLOUR).state_dict(), CARDS["color"])
    with pytest.raises(InputError, match=r"no shape network beside it.*--part shape=FOLDER"):
        load_reconstructor(tmp_path)


def test_networks_that_do_not_fit_are_refused(pair: Path, tmp_path: Path) -> None:
    card = dataclasses.replace(CARDS["color"], options={**CARDS["color"].options, "image_size_px": 32})
    save_weights(tmp_path / "other", PifuColourNetwork(COLOUR).state_dict(), card, parts={"shape": tmp_path / "shape"})
    with pytest.raises(InputError, match="not trained together"):
        load_reconstructor(tmp_path / "other")
    wide = dataclasses.replace(COLOUR, shape_channels=16, mlp_dim=(49, 16, 8, 3))
    options = {**CARDS["color"].options, "network": dataclasses.asdict(wide)}
    card = dataclasses.replace(CARDS["color"], options=options)
    save_weights(tmp_path / "wide", PifuColourNetwork(wide).state_dict(), card, parts={"shape": tmp_path / "shape"})
    with pytest.raises(InputError, match="not trained together"):
        load_reconstructor(tmp_path / "wide")
