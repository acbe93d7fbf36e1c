"""Geo-PIFu's draws, frame, camera and light, against the published numbers and the original renderer's pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from figures import subject

from vitruvian.datagen.backgrounds.kinds import stretched
from vitruvian.datagen.blocks import draws_of
from vitruvian.datagen.items.mask_from_voxels import seen_from
from vitruvian.datagen.items.solid_voxels import solid_voxels
from vitruvian.datagen.lights.shading import draw
from vitruvian.datagen.plan import Similarity
from vitruvian.datagen.protocols import geopifu
from vitruvian.datagen.protocols.geopifu_published import draw_published, silhouette_lines
from vitruvian.datagen.replays.geopifu_config import Draw, picture_number
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.geometry.interpolate import interpolated
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import Fragments, render

GOLDEN = Path(__file__).parents[1] / "golden"
BLACK = {"kind": "plain", "color": [0, 0, 0]}
PROTOCOL = geopifu.GeopifuProtocol()


def test_the_rotation_is_the_published_product_of_whole_degrees() -> None:
    golden = np.load(GOLDEN / "geopifu" / "render_case.npz")
    assert np.allclose(geopifu.rotation_of(-3, 2, 6), golden["rotation"], atol=1e-15)
    angles = np.random.default_rng(0).integers(-45, 46, (20, 3))
    for ax, ay, az in angles:
        rotation = geopifu.rotation_of(ax, ay, az)
        assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.linalg.det(rotation) > 0


def test_draws_follow_the_published_rules() -> None:
    rng = np.random.default_rng(1)
    names = [f"{category}/{key}.jpg" for category in "abcde" for key in range(7)]
    lefts, rights = [], []
    for _ in range(300):
        draws = geopifu.random_draws(rng, 4, "pictures", names)
        categories = [one.background["file"].split("/")[0] for one in draws]
        assert len(set(categories)) == 4
        for one in draws:
            left, right, back = one.sky_lights_deg
            assert back == 180 and (left, right) != (None, None)
            assert left is None or -90 <= left <= -3
            assert right is None or 3 <= right <= 90
            if left is not None and right is not None:
                assert -left > 40 and right > 40
            lefts.append(left)
            rights.append(right)
    alone = sum(left is None or right is None for left, right in zip(lefts, rights, strict=True)) / len(lefts)
    assert abs(alone - (1 - (50 / 88) ** 2)) < 0.05  # both stay only when both are drawn from 41..90 of 3..90
    assert min(x for x in lefts if x) == -90 and max(x for x in rights if x) == 90


@pytest.mark.parametrize(("degrees", "expected"), [((10, 20), (None, 20)), ((30, 30), (-30, None)), ((41, 5), (-41, None))])
def test_lamps_near_the_viewing_direction_are_thinned_out(degrees: tuple[int, int], expected: tuple) -> None:
    class Fixed:
        def __init__(self) -> None:
            self.values = iter(degrees)

        def integers(self, low: int, high: int) -> int:
            assert (low, high) == (3, 91)
            return next(self.values)

    assert geopifu.random_sky_lights(Fixed())[:2] == expected  # type: ignore[arg-type]


def test_a_draw_touches_the_box_and_stays_inside() -> None:
    figure = subject(0)
    for plan in PROTOCOL.plan(figure, index=0, split="train", seed=3).draws:
        units = plan.similarity.to_units(figure.mesh.vertices)
        share = np.abs(np.stack([units.min(0), units.max(0)])) / (0.85 * np.array([1 / 3, 1 / 2, 1 / 3]))
        assert share.max() == pytest.approx(1.0)
        assert np.allclose(plan.similarity.to_world(units), figure.mesh.vertices, atol=1e-6)


def test_views_are_quarter_turns_that_show_the_whole_volume() -> None:
    plan = PROTOCOL.plan(subject(0), index=0, split="train", seed=3)
    x, y, z = 0.1, 0.2, -0.3
    at = plan.similarity.to_world(np.array([[x, y, z]]))
    scale = plan.similarity.units_per_metre
    for view, turned in zip(plan.views, [(x, y, z), (z, y, -x), (-x, y, -z), (-z, y, x)], strict=True):
        assert (view.camera.width_px, view.camera.height_px) == (1024, 1536)
        # Published pixels are sampled at whole numbers: the pixel whose centre we call 512.5 is their number 512.
        column, row, depth = view.camera.project(at)[0] - [0.5, 0.5, 0]
        assert (column, row) == (pytest.approx(1536 * turned[0] + 512), pytest.approx(1536 * turned[1] + 768))
        assert depth * scale == pytest.approx(turned[2])
    assert [view.group for draws in plan.draws for view in draws.views] == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4


def test_plans_depend_on_seed_and_position_and_views_are_written_down() -> None:
    plan = PROTOCOL.plan(subject(0), index=5, split="train", seed=3)
    assert plan == PROTOCOL.plan(subject(0), index=5, split="train", seed=3)
    for other in ({"index": 4, "seed": 3}, {"index": 5, "seed": 4}):
        assert plan.views[0].light != PROTOCOL.plan(subject(0), split="train", **other).views[0].light
    for part in plan.draws:
        for view in part.views:
            assert View.from_description(view.camera, view.description()) == view
    numbers = [part.config["dataPrefix"] for part in plan.draws]  # type: ignore[index]
    assert numbers == [picture_number(5, k, 0) for k in range(4)] == [80, 84, 88, 92]


def golden_case() -> tuple[dict, Subject, list[View]]:
    """The published renderer's case as a subject and its first two views."""
    golden = dict(np.load(GOLDEN / "geopifu" / "render_case.npz"))
    world = golden["mesh_vertices_m"].astype(np.float64) @ geopifu.FROM_WORLD
    mesh = Mesh(
        vertices=np.ascontiguousarray(world, np.float32),
        faces=golden["faces"],
        vertex_colors=np.rint(golden["vertex_colors"] * 255).astype(np.uint8),
    )
    person = Subject(subject_id="golden", mesh=mesh, source="test", licence="CC0")
    left, right, back = (int(degrees) for degrees in golden["sky_light_deg"])
    rotation = tuple(golden["rotation"].reshape(-1).tolist())
    one = Draw(rotation=rotation, sky_lights_deg=(left, right, back), background=BLACK)
    plan = PROTOCOL.plan_of(person, [one], [{}])
    assert plan.similarity.units_per_metre == pytest.approx(float(golden["scale"]), abs=1e-7)
    return golden, person, list(plan.views[:2])


def bits(golden: dict, name: str) -> np.ndarray:
    return np.unpackbits(golden[f"{name}_bits"], count=1536 * 1024).reshape(1536, 1024) != 0


@pytest.mark.parametrize("side", [0, 1])
def test_pictures_are_the_originals(side: int) -> None:
    golden, person, views = golden_case()
    name, view, mesh = ("front", "right")[side], views[side], person.mesh
    lit = view.light.irradiance(mesh.vertices, mesh.vertex_normals(), view.camera) * golden["vertex_colors"]  # type: ignore[union-attr]
    assert np.abs(lit[::5] - golden[f"{name}_lit_vertex_colors"]).max() < 1e-4  # float32 vertices; exact ones agree to 1e-15
    drawn = draw(mesh, view, fields=("mask", "face_id", "color"))
    mask, lines = bits(golden, f"{name}_mask"), bits(golden, f"{name}_silhouette")
    if side == 0:
        assert (drawn.mask != bits(golden, "front_mask_fill_only")).sum() <= 10
    assert not ((drawn.mask != mask) & ~lines).any()
    rows = np.s_[::3, ::3]
    inside = mask[rows] & ~lines[rows]
    same = inside & (drawn.face_id[rows] == golden[f"{name}_face_index"])
    assert same.sum() > 0.999 * inside.sum()
    color = np.rint(drawn.color[rows][same] * 255)
    assert np.abs(color - golden[f"{name}_rgb"][same]).max() <= 1
    # The original interpolates the normals of the file, ours those of the faces. x right, y up, z towards the camera.
    normals = np.ascontiguousarray(golden["vertex_normals"] @ geopifu.FROM_WORLD, np.float32)
    normal = render(mesh, view.camera, vertex_normals=normals, fields=("normal",)).normal[rows][same]
    difference = np.abs(np.floor((normal * 0.5 + 0.5) * 255) - golden[f"{name}_normal_rgb"][same])[normal[:, 2] > 0]
    assert difference.max() <= 1


@pytest.mark.parametrize("side", [0, 1])
def test_frame_and_light_are_exact(side: int) -> None:
    """In double precision the formulas give the original's numbers."""
    exact = np.load(GOLDEN / "geopifu" / "exact_case.npz")
    rotation, scale, mean = exact["rotation"] @ geopifu.FROM_WORLD, float(exact["scale"]), geopifu.FROM_WORLD @ exact["mean"][0]
    frame = Similarity(units_per_metre=scale, center_m=tuple(mean.tolist()), rotation=tuple(rotation.reshape(-1).tolist()))
    world, normals = exact["vertices_m"] @ geopifu.FROM_WORLD, exact["normals"] @ geopifu.FROM_WORLD
    name = ("front", "right")[side]
    assert np.abs(frame.to_units(world) @ geopifu.TURNS[side].T - exact[f"{name}_vertices"]).max() < 1e-12
    lamps = geopifu.lamps(frame, [int(degrees) for degrees in exact["sky_light_deg"]])
    lit = lamps.irradiance(world, normals, geopifu.camera(frame, side, 1024)) * exact["colors"]
    assert np.abs(lit - exact[f"{name}_lit"]).max() < 1e-12


def test_backgrounds_are_stretched_cropped_and_cut_off_as_published() -> None:
    exact = np.load(GOLDEN / "geopifu" / "exact_case.npz")
    picture = stretched(exact["background_source"], 1024, 1536)[np.ix_(exact["background_rows"], exact["background_columns"])]
    difference = np.abs((picture * 255).astype(np.uint8).astype(int) - exact["background_rgb"])[exact["background_mask"]]
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01


@pytest.mark.parametrize("side", [0, 1])
def test_normals_from_weights_of_eight_bits_are_the_originals(side: int) -> None:
    golden, person, views = golden_case()
    name = ("front", "right")[side]
    turned = golden["vertex_normals"] @ geopifu.FROM_WORLD @ views[side].camera.rotation_33.T
    drawn = Fragments(
        face_id=np.ascontiguousarray(golden[f"{name}_face_index"]),
        depth_m=np.zeros(0, np.float32),
        barycentrics=golden[f"{name}_bary_u8"].astype(np.float32) / np.float32(255),
    )
    normal = interpolated(np.ascontiguousarray(turned, np.float32), person.mesh.faces, drawn)
    length = np.linalg.norm(normal, axis=2, keepdims=True)
    unit = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
    shown = unit[..., 2] > 0
    difference = np.abs(np.floor((unit * 0.5 + 0.5) * 255) - golden[f"{name}_normal_rgb"])[shown]
    assert (difference.max(axis=1) > 1).sum() <= 10 and shown.sum() > 10_000


@pytest.mark.parametrize("side", [0, 1])
def test_the_published_switch_draws_the_originals_silhouettes(side: int) -> None:
    golden, person, views = golden_case()
    name, view = ("front", "right")[side], views[side]
    mask, lines = bits(golden, f"{name}_mask"), bits(golden, f"{name}_silhouette")
    scale = float(golden["scale"])
    seen = draw_published(person.mesh, view, scale)
    plain = draw(person.mesh, view, fields=("mask",))
    assert (seen.mask != mask).sum() < 0.002 * mask.sum() < 0.5 * (plain.mask != mask).sum()
    assert set(np.unique(np.rint(seen.barycentrics * 255) - seen.barycentrics * 255)) <= {0.0} or np.allclose(
        seen.barycentrics * 255, np.rint(seen.barycentrics * 255), atol=1e-4
    )
    edges, _ = silhouette_lines(person.mesh.vertices, person.mesh.faces, view.camera, scale)
    assert 1000 < len(edges) < 4000 and lines.sum() > 5000


@pytest.mark.parametrize(("pose", "published"), [("identity", True), ("rot", True), ("identity", False), ("rot", False)])
def test_voxels_are_the_originals(pose: str, published: bool) -> None:
    golden = np.load(GOLDEN / "geometry" / "voxelizer_case.npz")
    raw = np.load(GOLDEN / "geopifu" / "voxelizer_case.npz")
    world = raw["vertices_m"].astype(np.float64) @ geopifu.FROM_WORLD
    mesh = Mesh(vertices=np.ascontiguousarray(world, np.float32), faces=golden["faces"])
    person = Subject(subject_id="golden", mesh=mesh, source="test", licence="CC0")
    turn = np.eye(3) if pose == "identity" else geopifu.rotation_of(10, -35, 7)
    one = Draw(rotation=tuple(turn.reshape(-1).tolist()), sky_lights_deg=(None, 50, 180), background=BLACK)
    plan = dataclasses.replace(PROTOCOL, published=published).plan_of(person, [one], [{}])
    (context,) = draws_of(person, plan, index=0, seed=0)
    made = solid_voxels(context)["solid_voxels"]
    expected = np.unpackbits(golden[f"{pose}_solid_bits"], count=made.size).reshape(made.shape) != 0
    assert made.shape == (128, 192, 128) and (made != expected).sum() <= 4  # vertices pass through float32 metres
    # The other views' grids are permutations: RIGHT[a, b, c] = G[127 - c, b, a], and so on.
    front = expected
    right = front[::-1].transpose(2, 1, 0)
    back, left = front[::-1, :, ::-1], front[:, :, ::-1].transpose(2, 1, 0)
    for turned, turn_33 in zip((front, right, back, left), geopifu.TURNS, strict=True):
        assert np.array_equal(seen_from(front, turn_33), turned.any(axis=2).T)
