"""PIFu's frame, camera, views and query points, as the released code has them."""

import dataclasses

import numpy as np
import pytest
from figures import ellipsoid, subject

from vitruvian.datagen.blocks import Member, Products, draws_of, make_subject, make_view
from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.items.mesh import baked_colors
from vitruvian.datagen.items.query_points import draw_points
from vitruvian.datagen.protocols import pifu
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.occupancy import winding_number
from vitruvian.shards.encode import decode_rgb
from vitruvian.shards.reader import ShardReader
from vitruvian.shards.writer import write_shard

PROTOCOL = pifu.PifuProtocol(views_per_subject=4, size_px=128, query_points=3400, voxel_resolution=32)
ALL = ("rgb", "mask", "normal", "depth", "mesh", "body", "solid_voxels", "query_points")
PRODUCTS = Products(items=ALL, seed=7, supersample=2)
MEMBER = Member(subject_id="figure0", index=3, split="train")


class OneSubject:
    """A source of one figure."""

    name = "test"

    def subject_ids(self) -> list[str]:
        return ["figure0"]

    def load(self, subject_id: str) -> Subject:
        return subject(0)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict:
    path = tmp_path_factory.mktemp("pifu") / "one.arrow"
    row = make_subject(OneSubject(), PROTOCOL, MEMBER, PRODUCTS)
    write_shard(path, [row], PRODUCTS.items)
    reader = ShardReader(path)
    return {**reader.subject(0, PRODUCTS.items), **reader.view(0, 1, PRODUCTS.items)}


def test_a_person_is_180_units_and_the_picture_sees_102_4_to_each_side() -> None:
    mesh = subject(0).mesh
    plan = PROTOCOL.plan(subject(0), index=0, split="train", seed=0)
    frame = plan.similarity
    assert np.ptp(mesh.vertices[:, 1]) * frame.units_per_metre == pytest.approx(180.0)
    feet = np.array([[frame.center_m[0], mesh.vertices[:, 1].min(), frame.center_m[2]]])
    for view in plan.views:
        u, v, depth = view.camera.project(feet)[0]
        assert (u, depth) == (pytest.approx(64.0), pytest.approx(0.0))
        assert v == pytest.approx((1 + 90 / 102.4) * 64)
        assert view.camera.to_camera(feet)[0] * view.camera.focal_px[0] / 64 == pytest.approx([0, -90 / 102.4, 0], abs=1e-9)


def test_a_positive_yaw_turns_the_front_to_the_viewers_right() -> None:
    frame = pifu.similarity(subject(0))
    nose = np.add(frame.center_m, [0, 0, 1])
    camera = pifu.camera(frame, np.pi / 2, 128)
    assert np.allclose(camera.to_camera(nose[None])[0], [1, 0, 0], atol=1e-9)


def test_views_are_whole_degrees_spread_evenly() -> None:
    assert pifu.yaws_deg(360, 0) == list(range(360))
    assert pifu.yaws_deg(4, 10) == [10, 100, 190, 280]
    assert pifu.yaws_deg(3, 0, 120) == [0, 40, 320]
    assert pifu.yaws_deg(3, 10, 120) == [10, 50, 330]
    assert sorted((yaw + 60) % 360 for yaw in pifu.yaws_deg(120, 0, 120)) == list(range(120))
    assert pifu.yaws_deg(7, 0) == [0, 51, 102, 154, 205, 257, 308]
    test_plan = PROTOCOL.plan(subject(0), index=5, split="test", seed=0)
    assert test_plan.views[0].yaw_rad == 0.0
    starts = {PROTOCOL.plan(subject(0), index=k, split="train", seed=0).views[0].yaw_rad for k in range(20)}
    assert len(starts) > 10 and max(starts) < np.pi / 2


def test_the_plan_is_a_function_of_seed_and_position() -> None:
    first = PROTOCOL.plan(subject(0), index=1, split="train", seed=0)
    assert first == PROTOCOL.plan(subject(0), index=1, split="train", seed=0)
    for other in ({"index": 2, "seed": 0}, {"index": 1, "seed": 1}):
        assert first.views != PROTOCOL.plan(subject(0), split="train", **other).views


def test_query_points_are_distributed_as_published() -> None:
    figure = subject(0)
    protocol = dataclasses.replace(PROTOCOL, query_points=34_000)
    context = SubjectContext(subject=figure, plan=protocol.plan(figure, index=0, split="train", seed=0), index=0, seed=0)
    points = draw_points(context)
    assert points.shape == (34_000, 3)
    frame = context.plan.similarity
    units = (points - frame.center_m) * frame.units_per_metre
    # Uniform points: of a region that the noisy surface cannot reach, the box's share of 1/17 of all points.
    far = (units[:, 1] > 120) & (units[:, 1] < 138)
    expected = 2000 * 18 / 256
    assert abs(far.sum() - expected) < 5 * np.sqrt(expected)
    # Noise: with the same draws but no noise, uniform points stay and surface points move by a normal of 5 units a axis.
    still = dataclasses.replace(context.plan, query=dataclasses.replace(context.plan.query, sigma=0.0))
    moved = units - (draw_points(dataclasses.replace(context, plan=still)) - frame.center_m) * frame.units_per_metre
    is_surface = np.abs(moved).max(axis=1) > 1e-9
    assert is_surface.sum() == 32_000
    assert np.abs(moved[is_surface].std(axis=0) - 5.0).max() < 0.1
    assert np.abs(moved[is_surface].mean(axis=0)).max() < 0.15
    # Random order: the first half looks like the second.
    halves = points[:17_000], points[17_000:]
    assert np.abs(halves[0].mean(axis=0) - halves[1].mean(axis=0)).max() < 0.02


def test_stored_labels_are_right_for_the_stored_points(sample: dict) -> None:
    points, labels = sample["query_points"], sample["query_labels"]
    mesh = subject(0).mesh
    assert len(points) == 3400 and 0.25 < labels.mean() < 0.75
    assert np.array_equal(winding_number(mesh.vertices, mesh.faces, points) > 0.5, labels)


def test_maps_agree_with_each_other_and_with_the_mesh(sample: dict) -> None:
    mask, depth, normal, camera = sample["mask"], sample["depth"], sample["normal"], sample["camera"]
    assert np.array_equal(np.isfinite(depth), mask) and np.array_equal(normal.any(axis=2), mask)
    assert 0.05 < mask.mean() < 0.4
    assert np.all(normal[mask][:, 2] > -0.2)
    rows, columns = np.nonzero(mask)
    x = (columns + 0.5 - camera.center_px[0]) / camera.focal_px[0]
    y = (camera.center_px[1] - rows - 0.5) / camera.focal_px[1]
    seen = camera.to_world(np.stack([x, y, -depth[mask]], axis=1))
    mesh = sample["mesh"]
    deeper = seen - 0.004 * (camera.rotation_33.T @ [0, 0, 1.0])
    nearer = seen + 0.004 * (camera.rotation_33.T @ [0, 0, 1.0])
    assert (winding_number(mesh.vertices, mesh.faces, deeper) > 0.5).mean() > 0.97
    assert (winding_number(mesh.vertices, mesh.faces, nearer) > 0.5).mean() < 0.005


def test_voxels_are_where_the_mesh_is(sample: dict) -> None:
    solid, origin, size = sample["solid_voxels"], sample["voxel_origin_m"], sample["voxel_size_m"]
    assert solid.shape == (32, 32, 32) and size * 32 * sample["units_per_metre"] == pytest.approx(204.8)
    centres = (np.argwhere(np.ones_like(solid)) + 0.5) * size + origin
    mesh = sample["mesh"]
    inside = winding_number(mesh.vertices, mesh.faces, centres) > 0.5
    assert np.array_equal(inside, solid.reshape(-1))


def test_a_view_can_be_drawn_again_from_what_is_stored(sample: dict) -> None:
    view = View.from_description(sample["camera"], sample["view"])
    (context,) = draws_of(subject(0), PROTOCOL.plan(subject(0), index=3, split="train", seed=7), index=3, seed=7)
    again = make_view(context, view, PRODUCTS)
    first = make_view(context, context.plan.views[1], PRODUCTS)
    assert again == first and again.description == sample["view"]


def test_the_light_stays_with_the_viewer() -> None:
    """A sphere under the same light looks the same from all sides."""
    ball = ellipsoid((0, 0.9, 0), (0.9, 0.9, 0.9), rings=24)
    round_subject = Subject(subject_id="ball", mesh=ball, source="test", licence="CC0")
    plan = PROTOCOL.plan(round_subject, index=0, split="test", seed=0)
    (context,) = draws_of(round_subject, plan, index=0, seed=0)
    pictures = []
    for view in plan.views:
        same_light = dataclasses.replace(view, light=plan.views[0].light, background={"kind": "plain", "color": [0, 0, 0]})
        row = make_view(context, same_light, Products(items=("rgb",), seed=0, supersample=1))
        pictures.append(decode_rgb(row.encoded["rgb"]))
    assert pictures[0].max() > 100
    for picture in pictures[1:]:
        assert np.abs(picture.astype(int) - pictures[0]).mean() < 1.0


def test_textures_are_baked_to_vertices() -> None:
    texture = np.zeros((2, 2, 3), np.uint8)
    texture[0, 0], texture[1, 1] = (255, 0, 0), (0, 0, 255)  # top left, bottom right
    mesh = Mesh(
        vertices=np.eye(3, dtype=np.float32),
        faces=np.array([[0, 1, 2]], np.int32),
        uvs=np.array([[0.9, 0.1], [0.1, 0.9], [1.0, 1.0]], np.float32),
        uv_faces=np.array([[1, 0, 2]], np.int32),
        texture=texture,
    )
    assert baked_colors(mesh).tolist() == [[255, 0, 0], [0, 0, 255], [0, 0, 0]]  # type: ignore[union-attr]


def test_the_centre_is_the_median_of_the_surface_wherever_its_vertices_crowd() -> None:
    """A strip from z = -1 to 1 that is cut finely beyond 0: its surface's median is 0, its vertices' is far beyond."""
    z = np.concatenate([[-1.0], np.linspace(0, 1, 41)])
    vertices = np.array([(0.0, y, depth) for depth in z for y in (0.0, 1.0)], np.float32)
    first = 2 * np.arange(len(z) - 1)
    faces = np.concatenate([np.stack([first, first + 1, first + 2], 1), np.stack([first + 1, first + 3, first + 2], 1)])
    strip = Subject(
        subject_id="strip", mesh=Mesh(vertices=vertices, faces=faces.astype(np.int32)), source="test", licence="CC0-1.0"
    )
    assert pifu.similarity(strip).center_m[2] == pytest.approx(0.0, abs=1e-6)
    assert pifu.similarity(strip, "vertices").center_m[2] == np.median(vertices[:, 2]) > 0.4
