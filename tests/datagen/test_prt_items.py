"""Shadows, transfer, texture space and colour points of subjects, as protocols pifu and jiff make and store them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from figures import ellipsoid, figure, subject

from vitruvian.datagen.blocks import Member, Products, make_subject, make_view
from vitruvian.datagen.items.color_points import color_points, color_targets
from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.lights.transfer import transfer_of
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.protocols.pifu import PifuProtocol
from vitruvian.datagen.protocols.registry import make_protocol, with_protocol_defaults
from vitruvian.datagen.run import generate
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.errors import InputError
from vitruvian.geometry.closest_point import closest_point
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards import ShardDataset
from vitruvian.shards.encode import decode_rgb
from vitruvian.shards.reader import ShardReader
from vitruvian.shards.writer import write_shard

ITEMS = ("rgb", "mask", "depth", "mesh", "prt", "color_points", "uv_mask", "uv_normal", "uv_position", "uv_render")
PROTOCOL = PifuProtocol(views_per_subject=3, size_px=128, query_points=100, color_points=3000, background="black", name="jiff")
MEMBER = Member(subject_id="figure0", index=3, split="train")


def unwrapped_figure() -> Mesh:
    """The figure with a texture in two charts, front and back, and a seam between them."""
    mesh = figure(0)
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    place = (mesh.vertices[:, :2] - low[:2]) / (high - low)[:2]
    uvs = np.concatenate([place * [0.46, 0.96] + [0.02, 0.02], place * [0.46, 0.96] + [0.52, 0.02]]).astype(np.float32)
    back = mesh.face_normals()[:, 2] < 0
    uv_faces = (mesh.faces + mesh.num_vertices * back[:, None]).astype(np.int32)
    texture = np.random.default_rng(0).integers(120, 256, (8, 8, 3)).astype(np.uint8).repeat(32, 0).repeat(32, 1)
    return dataclasses.replace(mesh, vertex_colors=None, uvs=uvs, uv_faces=uv_faces, texture=texture)


class OneSubject:
    """A source of one figure."""

    name = "test"

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh

    def subject_ids(self) -> list[str]:
        return ["figure0"]

    def load(self, subject_id: str) -> Subject:
        return Subject(subject_id=subject_id, mesh=self.mesh, source="test", licence="CC0")


@pytest.fixture(scope="module", params=[False, True], ids=["ours", "published"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict:
    path = tmp_path_factory.mktemp("prt") / "one.arrow"
    protocol = dataclasses.replace(PROTOCOL, published=request.param)
    row = make_subject(OneSubject(unwrapped_figure()), protocol, MEMBER, Products(items=ITEMS, seed=7, supersample=1))
    write_shard(path, [row], ITEMS)
    reader = ShardReader(path)
    return {**reader.subject(0, ITEMS), **reader.view(0, 1, ITEMS), "published": request.param}


def view_of(sample: dict) -> View:
    return View.from_description(sample["camera"], sample["view"])


def test_stored_transfer_is_for_the_stored_mesh(sample: dict) -> None:
    coefficients, faces = sample["prt_coefficients"], sample["prt_faces"]
    if sample["published"]:
        assert faces.shape == sample["mesh"].faces.shape and faces.max() + 1 == len(coefficients) > sample["mesh"].num_vertices
    else:
        assert faces is None and len(coefficients) == sample["mesh"].num_vertices
    # No vertex sees more than all of the sky; those where the parts overlap see none.
    assert coefficients[:, 0].max() < 0.95 and (coefficients[:, 0] < 0.01).mean() > 0.02
    assert coefficients[:, 0].mean() > 0.5


def test_shadows_darken_what_is_in_the_way_and_nothing_else() -> None:
    row = {}
    for shadows in (True, False):
        plan = dataclasses.replace(PROTOCOL, shadows=shadows).plan(subject(0), index=0, split="test", seed=0)
        context = SubjectContext(subject=subject(0), plan=plan, index=0, seed=0)
        white = ((1.0 / 0.886227,) * 3,) + ((0.0,) * 3,) * 8
        view = dataclasses.replace(plan.views[0], light=dataclasses.replace(plan.views[0].light, coefficients=white))
        row[shadows] = decode_rgb(
            make_view(context, view, Products(items=("rgb",), seed=0, supersample=1)).encoded["rgb"]
        ).astype(int)  # fmt: skip
    darker = (row[False] - row[True]).sum(axis=2)
    lit = row[False].sum(axis=2) > 100
    assert darker[lit].min() > -40 and (darker[lit] > 60).mean() > 0.1 and (darker[lit] < 20).mean() > 0.1


def test_a_view_is_drawn_again_from_its_description(sample: dict) -> None:
    view = view_of(sample)
    assert view.light.shadows and view.description() == sample["view"]  # type: ignore[union-attr]


def test_color_points_have_the_colour_that_the_picture_shows(sample: dict) -> None:
    points, view, camera = sample["color_points"], view_of(sample), sample["camera"]
    assert len(points) == 3000
    near = closest_point(sample["mesh"].vertices, sample["mesh"].faces, points)
    off_units = near.distance * sample["units_per_metre"]
    assert off_units.mean() == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.15)
    u, v, depth = camera.project(points).T
    columns, rows = np.floor(u).astype(int), np.floor(v).astype(int)
    seen = sample["mask"][rows, columns] & (np.abs(sample["depth"][rows, columns] - depth) < 0.004)
    targets = color_targets(sample, view)
    off = np.abs(targets[seen].astype(int) - sample["rgb"][rows, columns][seen].astype(int))
    assert seen.sum() > 300 and np.median(off) <= 6


def test_the_texture_is_lit_as_the_picture_is(sample: dict) -> None:
    """Texels that the camera sees have the picture's colour."""
    mask, camera = sample["uv_mask"], sample["camera"]
    positions = sample["uv_position"][mask]
    u, v, depth = camera.project(positions).T
    columns, rows = np.floor(u).astype(int), np.floor(v).astype(int)
    seen = sample["mask"][rows, columns] & (np.abs(sample["depth"][rows, columns] - depth) < 0.002)
    off = np.abs(sample["uv_render"][mask][seen].astype(int) - sample["rgb"][rows, columns][seen].astype(int))
    assert seen.sum() > 500 and np.median(off) <= 6


def test_texels_lie_on_the_surface_with_its_normals(sample: dict) -> None:
    mask = sample["uv_mask"]
    assert mask.shape == (128, 128) and 0.2 < mask.mean() < 0.9
    assert not sample["uv_position"][~mask].any() and not sample["uv_normal"][~mask].any()
    near = closest_point(sample["mesh"].vertices, sample["mesh"].faces, sample["uv_position"][mask])
    assert near.distance.max() < 1e-4
    normals = sample["uv_normal"][mask] / 127.5 - 1
    faces = sample["mesh"].face_normals()[near.face_id]
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 0.02
    assert np.median(np.einsum("nc,nc->n", normals, faces)) > 0.95


def test_points_inside_of_the_body_are_no_colour_points() -> None:
    """The published sampling takes them, ours does not."""
    outer, inner = ellipsoid((0, 0.9, 0), (0.4, 0.9, 0.4)), ellipsoid((0, 0.9, 0), (0.3, 0.8, 0.3))
    both = Mesh(
        vertices=np.concatenate([outer.vertices, inner.vertices]),
        faces=np.concatenate([outer.faces, inner.faces + np.int32(outer.num_vertices)]),
    )
    row = make_subject(OneSubject(both), PROTOCOL, MEMBER, Products(items=("color_points",), seed=7, supersample=1))
    values = row.encoded["color_points"]
    plan = PROTOCOL.plan(OneSubject(both).load("a"), index=3, split="train", seed=7)
    context = SubjectContext(subject=OneSubject(both).load("a"), plan=plan, index=3, seed=7)
    assert not transfer_of(context).coefficients[outer.num_vertices :].any()
    assert values["count"] == 3000 and np.isclose(values["box_max_m"][0], 0.4, atol=0.01)


@pytest.mark.parametrize("shadows", [False, True])
def test_what_lies_under_something_is_no_colour_point_whatever_the_light(shadows: bool) -> None:
    outer, inner = ellipsoid((0, 0.9, 0), (0.4, 0.9, 0.4)), ellipsoid((0, 0.9, 0), (0.3, 0.8, 0.3))
    both = Mesh(
        vertices=np.concatenate([outer.vertices, inner.vertices]),
        faces=np.concatenate([outer.faces, inner.faces + np.int32(outer.num_vertices)]),
    )
    subject = OneSubject(both).load("a")
    plan = dataclasses.replace(PROTOCOL, shadows=shadows).plan(subject, index=3, split="train", seed=7)
    points = color_points(SubjectContext(subject=subject, plan=plan, index=3, seed=7))["color_points"]
    depth = np.linalg.norm((points - [0, 0.9, 0]) / [0.4, 0.9, 0.4], axis=1)
    assert len(points) == 3000 and depth.min() > 0.95


def test_meshes_without_texture_coordinates_are_refused_texture_space() -> None:
    with pytest.raises(InputError, match="no texture coordinates"):
        make_subject(OneSubject(figure(0)), PROTOCOL, MEMBER, Products(items=("uv_mask",), seed=0, supersample=1))


def test_jiff_is_360_views_with_shadows_and_its_own_noise() -> None:
    options = with_protocol_defaults(DatagenOptions(out=Path("x"), protocol="jiff"))
    protocol = make_protocol(options)
    plan = protocol.plan(subject(0), index=0, split="train", seed=0)
    assert protocol.name == "jiff" and plan.query.sigma == 3.5 and options.chosen("background") == "black"
    assert [round(np.degrees(view.yaw_rad)) for view in plan.views] == list(range(360))
    assert all(view.light.shadows for view in plan.views)  # type: ignore[union-attr]
    assert {"uv_render", "prt", "color_points"} < set(options.chosen("items"))


def test_published_is_the_original_s_views() -> None:
    options = with_protocol_defaults(DatagenOptions(out=Path("x"), protocol="pifu", published=True))
    assert (options.chosen("views_per_subject"), options.chosen("supersample"), options.chosen("background")) == (
        360,
        1,
        "black",
    )
    few = with_protocol_defaults(DatagenOptions(out=Path("x"), protocol="pifu", published=True, views_per_subject=5))
    plan = make_protocol(few).plan(subject(0), index=0, split="train", seed=3)
    assert [round(np.degrees(view.yaw_rad)) for view in plan.views] == [0, 72, 144, 216, 288] and plan.published


@pytest.mark.slow
def test_a_jiff_data_set_of_built_in_people(tmp_path: Path) -> None:
    options = DatagenOptions(
        out=tmp_path / "jiff", protocol="jiff", num_subjects=1, views_per_subject=2, size_px=64, query_points=300,
        color_points=500, num_actors=0,
    )  # fmt: skip
    report = generate(options, progress=False)
    assert not report.quarantined
    sample = ShardDataset(tmp_path / "jiff")[1]
    assert sample["uv_render"].shape == sample["rgb"].shape == (64, 64, 3) and len(sample["color_points"]) == 500
    assert sample["prt_coefficients"].shape == (sample["mesh"].num_vertices, 9)
    assert color_targets(sample, view_of(sample)).shape == (500, 3)
