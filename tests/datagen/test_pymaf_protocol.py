"""The protocol pymaf: the published box and camera, labels that fit the picture, the published training sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from naked import naked_subject
from PIL import Image

from vitruvian.bodies import load_builtin
from vitruvian.bodies.builtin_charts import builtin_charts
from vitruvian.bodies.joint_sets import JOINT_SETS
from vitruvian.datagen.blocks import Block, Member, Products, make_block
from vitruvian.datagen.protocols.pymaf import PymafProtocol
from vitruvian.datagen.spin.augment import CropDraw
from vitruvian.datagen.spin.camera import AXES, crop_camera
from vitruvian.datagen.spin.crop import crop
from vitruvian.datagen.spin.iuv_maps import to_published
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.datagen.spin.sample import annotation, iuv_labels, solved_camera, training_sample
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.shards.reader import ShardReader
from vitruvian.shards.writer import write_shard

ITEMS = ("rgb", "mask", "iuv", "joints_3d", "joints_2d", "body")
DRAWS = (CropDraw(), CropDraw(flip=True, rotation_deg=25.0, scale=1.1), CropDraw(rotation_deg=-40.0, scale=0.9))


class NakedSource:
    name = "naked"

    def subject_ids(self) -> list[str]:
        return ["naked-000004"]

    def load(self, subject_id: str) -> Subject:
        return naked_subject(int(subject_id[-6:]))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two stored views of one person, made twice to the same bytes."""
    folder = tmp_path_factory.mktemp("pymaf")
    block = Block(number=0, members=(Member(subject_id="naked-000004", index=4, split="train"),))
    for name in ("first", "again"):
        made = make_block(
            NakedSource(), PymafProtocol(views_per_subject=2), block, Products(items=ITEMS, seed=2, supersample=1)
        )
        assert not made.quarantined
        write_shard(folder / f"{name}.arrow", iter(made.rows), ITEMS)
    assert (folder / "first.arrow").read_bytes() == (folder / "again.arrow").read_bytes()
    reader = ShardReader(folder / "first.arrow")
    return [{**reader.subject(0, ITEMS), **reader.view(0, view, ITEMS)} for view in range(2)]


def test_the_box_is_the_middle_of_the_picture(samples: list[dict[str, Any]]) -> None:
    for sample in samples:
        rows, columns = np.nonzero(sample["mask"])
        larger = max(np.ptp(rows), np.ptp(columns)) + 1
        assert abs(1.2 * larger - 224) <= 4
        assert abs((rows.min() + rows.max() + 1) / 2 - 160) <= 2 and abs((columns.min() + columns.max() + 1) / 2 - 160) <= 2
        assert annotation(sample)["scale"] * 200 == pytest.approx(224)
        assert sample["camera"].focal_px == (5000.0, 5000.0) and sample["iuv"].shape == (80, 80, 3)


def test_turns_and_elevations() -> None:
    subject = naked_subject(0)
    train = PymafProtocol(views_per_subject=300).plan(subject, index=0, split="train", seed=0).views
    up = np.stack([view.camera.rotation_33 @ [0, 1, 0] for view in train])
    elevation = np.degrees(np.arctan2(up[:, 2], up[:, 1]))
    assert -10 <= elevation.min() < -8 and 23 < elevation.max() <= 25
    test = PymafProtocol(views_per_subject=4).plan(subject, index=0, split="test", seed=0).views
    np.testing.assert_allclose([view.yaw_rad for view in test], np.radians([0, 90, 180, 270]))
    np.testing.assert_allclose([view.camera.rotation_33[1] for view in test], np.tile([0.0, 1.0, 0.0], (4, 1)))
    narrow = PymafProtocol(views_per_subject=4, arc_deg=120)
    within = [view.yaw_rad for view in narrow.plan(subject, index=0, split="test", seed=0).views]
    np.testing.assert_allclose(np.degrees(within), [0, 30, -60, -30])
    drawn = [view.yaw_rad for view in narrow.plan(subject, index=0, split="train", seed=0).views]
    assert np.abs(np.degrees(drawn)).max() <= 60


@pytest.mark.parametrize("draw", DRAWS)
def test_the_published_sample_is_consistent(samples: list[dict[str, Any]], draw: CropDraw) -> None:
    for stored in samples:
        labels = annotation(stored)
        sample = training_sample(stored["rgb"], labels, draw)
        assert sample["img"].shape == (3, 224, 224) and sample["keypoints"].shape == (49, 3)
        camera = crop_camera(solved_camera(sample["pose_3d"][:, :3], sample["keypoints"]))
        projected = camera.project(sample["pose_3d"][:, :3] @ AXES)[:, :2] / 112 - 1
        assert np.abs(projected - sample["keypoints"][25:, :2]).max() < 2.5 / 112  # keypoints are whole pixels
        labels_drawn = iuv_labels(sample, load_builtin(), builtin_charts())
        mask = np.repeat(stored["mask"][..., None] * np.uint8(255), 3, axis=2)
        seen = crop(mask, labels["center"], labels["scale"] * draw.scale, rotation_deg=draw.rotation_deg)[..., 0] > 127
        seen = (seen[:, ::-1] if draw.flip else seen)[2::4, 2::4]
        drawn = labels_drawn[0] > 0
        assert (seen & drawn).sum() / (seen | drawn).sum() > 0.85
        if draw == CropDraw():
            published = to_published(stored["iuv"])[:, 12:68, 12:68]
            both = (published[0] > 0) & drawn
            assert (np.rint(24 * published[0]) == np.rint(24 * labels_drawn[0]))[both].mean() > 0.85


def test_a_list_line_of_a_stored_view(samples: list[dict[str, Any]]) -> None:
    labels = annotation(samples[0])
    assert {name: np.shape(value) for name, value in labels.items()} == {
        "center": (2,), "scale": (), "openpose": (25, 3), "part": (24, 3), "S": (24, 4), "pose": (72,), "shape": (10,),
    }  # fmt: skip
    nose = JOINT_SETS["j24"].index("nose")
    np.testing.assert_allclose(labels["part"][nose], labels["openpose"][0])
    np.testing.assert_allclose(labels["S"][14, :3], 0, atol=1e-6)
    assert labels["S"][13, 1] < 0 < labels["S"][0, 1] or labels["S"][13, 1] < labels["S"][0, 1]  # y points down
    with pytest.raises(ValueError, match="pymaf49"):
        annotation({**samples[0], "joint_set": "coco17"})


def test_photographs_of_a_published_list(samples: list[dict[str, Any]], tmp_path: Path) -> None:
    lines = [annotation(sample) for sample in samples]
    for k, sample in enumerate(samples):
        Image.fromarray(sample["rgb"]).save(tmp_path / f"{k}.png")
    arrays = {name: np.stack([line[name] for line in lines]) for name in lines[0]}
    names = np.array(["0.png", "1.png"])
    np.savez(tmp_path / "list.npz", imgname=names, gender=np.array(["m", "f"]), **arrays)
    read = PhotographList.read(tmp_path / "list.npz", tmp_path)
    assert len(read) == 2 and read.gender.tolist() == [0, 1] and read.has_smpl.all()
    for k, sample in enumerate(samples):
        got, expected = read.sample(k, DRAWS[1]), training_sample(sample["rgb"], lines[k], DRAWS[1])
        for name, value in expected.items():
            np.testing.assert_array_equal(got[name], value)
        assert got["imgname"] == f"{k}.png" and got["has_pose_3d"]
    few = {name: arrays[name] for name in ("center", "scale", "part")}
    np.savez(tmp_path / "few.npz", imgname=names, **few)
    bare = PhotographList.read(tmp_path / "few.npz", tmp_path).sample(0)
    assert not bare["has_smpl"] and not bare["has_pose_3d"] and bare["gender"] == -1 and not bare["pose"].any()
    np.savez(tmp_path / "bad.npz", imgname=names, center=arrays["center"], scale=arrays["scale"][:1])
    np.savez(tmp_path / "short.npz", imgname=names, center=arrays["center"])
    for name, said in (("bad", "'scale' has shape"), ("short", "lacks scale"), ("none", "no such file")):
        with pytest.raises(InputError, match=said):
            PhotographList.read(tmp_path / f"{name}.npz", tmp_path)
    with pytest.raises(InputError, match="not a readable picture"):
        PhotographList.read(tmp_path / "few.npz", tmp_path / "elsewhere").picture(0)
