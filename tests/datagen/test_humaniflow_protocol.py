"""The protocol humaniflow: published camera and lamp, bodies without clothes, the same bytes again, training inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from naked import naked_subject
from PIL import Image
from smpl_stand_in import smpl_like

from vitruvian.bodies import load_builtin, pose_body
from vitruvian.bodies.builtin_charts import builtin_charts
from vitruvian.bodies.charts import PART_NAMES
from vitruvian.datagen.backgrounds.kinds import draw_background
from vitruvian.datagen.blocks import Block, Member, Products, draws_of, make_block, make_view
from vitruvian.datagen.body_textures.atlas import atlas_map, atlas_uvs, textured_body
from vitruvian.datagen.body_textures.library import TextureLibrary
from vitruvian.datagen.body_textures.paint import paint_body
from vitruvian.datagen.protocols.humaniflow import HumaniflowProtocol, anchor_of
from vitruvian.datagen.proxy.augment import ProxyAugmentation
from vitruvian.datagen.proxy.heatmaps import heatmap_peaks
from vitruvian.datagen.proxy.sample import training_input
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards.items import ITEMS as CATALOGUE
from vitruvian.shards.reader import ShardReader
from vitruvian.shards.writer import write_shard

ITEMS = ("rgb", "mask", "iuv", "joints_3d", "joints_2d", "body", "part_labels")
PRODUCTS = Products(items=ITEMS, seed=5, supersample=1)
QUIET = ProxyAugmentation(
    part_probability=(0.0,) * 24, box_probability=0, swap_probability=0, jitter_px=0, removal_probability=0,
    bottom_probability=0, top_probability=0, side_probability=0, gain=(1.0, 1.0),
)  # fmt: skip


def dressed(seed: int) -> Subject:
    """A subject whose mesh is not its body: a brick stands beside it."""
    naked = naked_subject(seed)
    count = len(naked.mesh.vertices)
    brick = np.array([[0.5, 0, 0], [0.6, 0, 0], [0.5, 0.1, 0], [0.5, 0, 0.1]], np.float32)
    faces = count + np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    mesh = Mesh(
        vertices=np.concatenate([naked.mesh.vertices, brick]),
        faces=np.ascontiguousarray(np.concatenate([naked.mesh.faces, faces])),
    )
    return dataclasses.replace(naked, mesh=mesh)


class DressedSource:
    name = "dressed"

    def subject_ids(self) -> list[str]:
        return [f"naked-{k:06d}" for k in range(3)]

    def load(self, subject_id: str) -> Subject:
        return dressed(int(subject_id[-6:]))


def stored(tmp_path: Path, protocol: HumaniflowProtocol, name: str = "x") -> list[dict[str, Any]]:
    members = tuple(Member(subject_id=f"naked-{k:06d}", index=k, split="train") for k in range(2))
    made = make_block(DressedSource(), protocol, Block(number=0, members=members), PRODUCTS)
    assert not made.quarantined
    write_shard(tmp_path / f"{name}.arrow", iter(made.rows), ITEMS)
    reader = ShardReader(tmp_path / f"{name}.arrow")
    return [{**reader.subject(row, ITEMS), **reader.view(row, 0, ITEMS)} for row in range(reader.num_rows)]


def test_the_camera_is_the_published_one() -> None:
    protocol, subject = HumaniflowProtocol(views_per_subject=400), naked_subject(0)
    views = protocol.plan(subject, index=0, split="train", seed=1).views
    pelvis = np.stack([view.camera.to_camera(anchor_of(subject)[0][None])[0] for view in views])
    np.testing.assert_allclose(pelvis[:, :2].std(axis=0), 0.05, rtol=0.2)
    np.testing.assert_allclose(pelvis[:, :2].mean(axis=0), 0, atol=0.01)
    assert -3.0 <= pelvis[:, 2].min() < -2.95 and -2.05 < pelvis[:, 2].max() <= -2.0
    assert {view.camera.focal_px for view in views} == {(300.0, 300.0)} and views[0].camera.center_px == (128.0, 128.0)
    yaws = np.array([view.yaw_rad for view in views])
    assert yaws.min() < -3 and yaws.max() > 3
    lamps = [view.light for view in views]
    reach = np.array([np.linalg.norm(np.array(lamp.position_m) - place) for lamp, place in zip(lamps, pelvis, strict=True)])
    assert reach.min() >= 0.05 and 2.8 < reach.max() <= 3.0
    assert all(0.4 <= lamp.ambient <= 0.8 and 0.4 <= lamp.diffuse <= 0.8 and 0 <= lamp.specular <= 0.5 for lamp in lamps)


def test_the_published_camera_holds_the_origin_of_an_smpl_body() -> None:
    subject = naked_subject(0)
    subject = dataclasses.replace(subject, body=dataclasses.replace(subject.body, model="smpl"))
    views = HumaniflowProtocol(views_per_subject=200).plan(subject, index=0, split="train", seed=1).views
    origin = subject.body_parameters["translation_m"]
    seen = np.stack([view.camera.to_camera(origin[None])[0] for view in views])
    np.testing.assert_allclose(seen.mean(axis=0), [0, 0.2, -2.5], atol=0.08)


def test_the_body_alone_is_drawn_with_another_shape_and_a_texture() -> None:
    protocol, subject = HumaniflowProtocol(), dressed(1)
    drawn = protocol.prepare(subject, index=7, seed=3)
    again, other = (protocol.prepare(subject, index=index, seed=3) for index in (7, 8))
    assert drawn.mesh.num_vertices == load_builtin().num_vertices and drawn.mesh.face_labels.max() == 24
    assert list(drawn.attributes["labels"]) == list(PART_NAMES)
    np.testing.assert_array_equal(drawn.mesh.texture, again.mesh.texture)
    assert (drawn.mesh.texture != other.mesh.texture).any()
    betas = np.stack([protocol.prepare(subject, index=k, seed=3).body_parameters["betas"] for k in range(15)])
    assert 1.0 < betas.std() < 1.5
    np.testing.assert_array_equal(drawn.body_parameters["body_pose"], subject.body_parameters["body_pose"])
    parameters = dict(drawn.body_parameters)
    posed = pose_body(load_builtin(), translation=parameters.pop("translation_m"), **parameters)
    np.testing.assert_allclose(posed.joints, drawn.joints_m, atol=2e-6)
    np.testing.assert_allclose(posed.vertices, drawn.body.vertices, atol=2e-6)
    assert abs(float(drawn.mesh.vertices[:, 1].min())) < 1e-6


def test_a_body_that_its_source_painted_stays_and_one_unknown_is_refused() -> None:
    painted = naked_subject(2)
    assert HumaniflowProtocol().prepare(painted, index=0, seed=0) is painted
    with pytest.raises(InputError, match="knows no body"):
        HumaniflowProtocol().prepare(dataclasses.replace(painted, body=None), index=0, seed=0)


def test_blocks_are_the_same_bytes_and_views_can_be_drawn_again(tmp_path: Path) -> None:
    protocol = HumaniflowProtocol(size_px=96)
    first = stored(tmp_path, protocol)
    stored(tmp_path, protocol, "again")
    assert (tmp_path / "x.arrow").read_bytes() == (tmp_path / "again.arrow").read_bytes()
    subject = protocol.prepare(dressed(0), index=0, seed=5)
    view = protocol.plan(subject, index=0, split="train", seed=5).views[0]
    assert View.from_description(first[0]["camera"], first[0]["view"]) == view
    assert first[0]["view"]["light"]["kind"] == "phong"
    np.testing.assert_array_equal(first[0]["part_labels"], first[0]["iuv"][..., 0])
    np.testing.assert_array_equal(first[0]["part_labels"] > 0, first[0]["mask"])


def test_background_pictures_are_stretched_whole(tmp_path: Path) -> None:
    halves = np.zeros((40, 90, 3), np.uint8)
    halves[:, 45:] = 200
    Image.fromarray(halves).save(tmp_path / "halves.png")
    protocol = HumaniflowProtocol(background="pictures", background_folder=tmp_path, background_pictures=("halves.png",))
    view = protocol.plan(naked_subject(0), index=0, split="train", seed=0).views[0]
    drawn = draw_background(view.background, 256, 256, tmp_path)
    np.testing.assert_array_equal(drawn[:, :120], 0)
    np.testing.assert_array_equal(drawn[:, 136:], 200)


def test_training_inputs(tmp_path: Path) -> None:
    sample = stored(tmp_path, HumaniflowProtocol())[0]
    plain = training_input(sample, np.random.default_rng(1), options=QUIET)
    assert plain.proxy.shape == (18, 256, 256)
    peaks, seen = heatmap_peaks(plain.proxy[1:])
    np.testing.assert_array_equal(seen, plain.visible)
    assert plain.visible.sum() >= 8
    np.testing.assert_allclose(peaks[seen], plain.joints_px[seen], atol=0.51)
    zoom = 256 / plain.box.side
    moved = (sample["joints_2d"] - [plain.box.column - plain.box.side / 2, plain.box.row - plain.box.side / 2]) * zoom
    np.testing.assert_allclose(plain.joints_px, moved, atol=1e-4)
    first, again, other = (training_input(sample, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.proxy, again.proxy)
    assert (first.proxy != other.proxy).any()
    with pytest.raises(ValueError, match="coco17"):
        training_input({**sample, "joint_set": "smpl24"}, np.random.default_rng(0))


def test_an_smpl_body_is_painted_and_mapped_by_the_charts_of_densepose(tmp_path: Path) -> None:
    subject = smpl_like(tmp_path)
    with pytest.raises(InputError, match="UV_Processed"):
        HumaniflowProtocol().prepare(subject, index=0, seed=0)
    protocol = HumaniflowProtocol(data_folder=tmp_path, size_px=128)
    drawn = protocol.prepare(subject, index=0, seed=0)
    np.testing.assert_array_equal(drawn.body_parameters["betas"], subject.body_parameters["betas"])
    assert drawn.mesh.num_vertices == 6890 and drawn.mesh.texture.std() > 20
    plan = protocol.plan(drawn, index=0, split="train", seed=0)
    made = [
        make_view(context, view, PRODUCTS) for context in draws_of(drawn, plan, index=0, seed=0) for view in context.plan.views
    ]
    for name in ("iuv", "part_labels"):
        column = pa.array([made[0].encoded[name]], CATALOGUE[name].arrow_type)
        picture = CATALOGUE[name].decode(column[0])[name]
        parts = picture[..., 0] if name == "iuv" else picture
        assert len(np.unique(parts)) > 12 and (parts > 0).mean() > 0.02


def test_the_atlas_shows_every_part_in_its_tile() -> None:
    subject, charts = naked_subject(0), builtin_charts()
    shown = atlas_map(subject.body, charts, 40)
    assert shown.part.shape == (240, 160)
    for part in range(1, 25):
        column, row = divmod(part - 1, 6)
        assert (shown.part[row * 40 : row * 40 + 40, column * 40 : column * 40 + 40] == part).all(), part
    uvs = atlas_uvs(charts)
    texel = np.clip((uvs * [160, -240] + [0, 240]).astype(int), 0, [159, 239])
    rest = subject.body.rest_vertices[charts.body_vertices]
    assert np.median(np.linalg.norm(shown.position[texel[:, 1], texel[:, 0]] - rest, axis=1)) < 0.02
    texture = paint_body(subject.body, charts, np.random.default_rng(3), tile_px=40)
    np.testing.assert_array_equal(texture, paint_body(subject.body, charts, np.random.default_rng(3), tile_px=40))
    assert texture.std() > 20
    with pytest.raises(ValueError, match="square tiles"):
        textured_body(subject.body, charts, texture[:, :100])


def test_published_textures_are_read_one_at_a_time(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grey, color = rng.integers(0, 256, (2, 12, 8, 3)).astype(np.uint8), rng.integers(0, 256, (5, 12, 8, 3)).astype(np.uint8)
    np.savez(tmp_path / "textures.npz", grey=grey, nongrey=color.astype(np.float32))
    library = TextureLibrary.open(tmp_path / "textures.npz")
    names = []
    for _ in range(300):
        texture, name = library.draw(rng)
        kind, number = name.split()
        np.testing.assert_array_equal(texture, (grey if kind == "grey" else color)[int(number)])
        names.append(name)
    assert len(set(names)) == 7 and 0.01 < np.mean([name.startswith("grey") for name in names]) < 0.1
    drawn = HumaniflowProtocol(textures=library).prepare(naked_subject(0), index=0, seed=0)
    assert drawn.mesh.texture.shape == (12, 8, 3) and drawn.attributes["texture"].split()[0] in ("grey", "nongrey")
    for name, arrays, said in (
        ("packed", None, "compressed"),
        ("half", {"grey": grey}, "lacks the array 'nongrey'"),
        ("wrong", {"grey": grey, "nongrey": color[:, :10]}, "shape"),
    ):
        path = tmp_path / f"{name}.npz"
        if arrays is None:
            np.savez_compressed(path, grey=grey, nongrey=color)
        else:
            np.savez(path, **arrays)
        with pytest.raises(InputError, match=said):
            TextureLibrary.open(path)
    with pytest.raises(InputError, match="no such file"):
        TextureLibrary.open(tmp_path / "none.npz")
