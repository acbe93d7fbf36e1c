"""PyMAF-SAM learns from lists of photographs: with a folder of masks, or with a stored table and none."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Refuses
from vitruvian.cli.main import main
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.datagen.spin.list_masks import ListMasks, mask_names
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.errors import InputError
from vitruvian.evaluate.bodies import seen
from vitruvian.evaluate.coco import coco_keypoints
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf_sam.recipes import ITEMS
from vitruvian.methods.pymaf_sam.reconstruct import PymafSamReconstructor
from vitruvian.methods.pymaf_sam.stage import MaskBodyStage
from vitruvian.methods.registry import load_body_reconstructor
from vitruvian.methods.stage import Training
from vitruvian.shards import ShardDataset
from vitruvian.train.list_data import ListData

OPTIONS = PymafNetworkOptions(
    image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=32,
    first_points="mask", num_foreground=40, num_background=4,
)  # fmt: skip
STAGE = MaskBodyStage(options=OPTIONS, training=Training(epochs=1, batch_size=2, learning_rate=1e-3))
SMALL = [
    "options.image_size_px=64", "options.blocks=[1,1,1,1]", "options.width=0.125", "options.hidden=32",
    "options.mlp_layers=[8,5]", "options.map_channels=[16,16,16]", "options.num_foreground=40", "options.num_background=4",
    "training.validation_samples=1", "training.batch_size=2", "training.epochs=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people") / "data"
    options = DatagenOptions(
        out=folder, protocol="pymaf", num_subjects=3, held_out=1, views_per_subject=1, supersample=1, block_size=3,
        items=ITEMS, num_actors=0,
    )  # fmt: skip
    generate(options, progress=False)
    return folder


@pytest.fixture
def lists(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data as lists, with their masks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(["datagen", "export", str(data), "--layout", "spin", "--out", "lists"]) == 0
    return tmp_path / "lists" / "lists.json"


def test_points_of_listed_masks_are_those_of_the_shards(data: Path, lists: Path) -> None:
    for split in ("train", "test"):
        shards, listed = ShardDataset(data, items=STAGE.items, split=split), ListData(lists).open(STAGE, split)
        assert len(shards) == len(listed) > 0
        for k in range(len(shards)):
            ours, theirs = (
                STAGE.sample(one[k], np.random.default_rng(k), training=split == "train") for one in (shards, listed)
            )
            whole = listed.sets[0].masks.read(k, (320, 320))  # type: ignore[attr-defined]
            np.testing.assert_array_equal(whole, shards[k]["mask"])
            assert listed[k]["mask"].shape == listed[k]["rgb"].shape[:2]  # a JPEG that is read reduced has its mask reduced
            assert ours["points"].shape == theirs["points"].shape == (44, 2)
            between = np.linalg.norm(ours["points"][:40, None] - theirs["points"][None, :40], axis=-1)
            assert between.min(axis=1).max() < 0.2  # boxes are rounded in lists: other pixels, the same places
            np.testing.assert_allclose(theirs["points"][:40].mean(axis=0), ours["points"][:40].mean(axis=0), atol=0.03)


@pytest.mark.slow
def test_training(lists: Path, refuses: Refuses, capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "pymaf_sam", "--num-workers", "0", "--data", str(lists)]
    assert main([*train, "--out", "masked", "--set", *SMALL]) == 0
    masked = load_body_reconstructor(Path("masked"))
    assert isinstance(masked, PymafSamReconstructor) and masked.network.options.first_points == "mask"
    measure = ["evaluate", "bodies", "--pictures", "lists/images", "--list", "lists/test.npz", "--weights"]
    own = ["--masks", "lists/masks", "--out", "own.json", "--report", "own.html"]
    assert main([*measure, "masked", *own]) == 0
    refuses(["evaluate", "bodies", "--data", lists, "--masks", "lists/masks", "--weights", "x"], "--masks: goes with --list")
    found = json.loads(Path("own.json").read_text())["means"]
    assert found["pa_mpjpe_mm"] == pytest.approx(masked.card.metrics["pa_mpjpe_mm"], rel=0.1)

    content = json.loads(lists.read_text())
    for split in ("train", "test"):
        del content[split][0]["masks"]
    lists.write_text(json.dumps(content))
    refuses([*train, "--out", "none", "--set", *SMALL], "has no 'masks'", "masks find --list", "--recipe published")
    published = [*train, "--recipe", "published", "--out"]
    refuses([*published, "none", "--set", *SMALL], "none is given", "masks points")
    table = np.random.default_rng(0).uniform(-1, 1, (7, 44, 2)).astype(np.float32)
    np.save("table.npy", table)
    small = [*SMALL, "table=table.npy", "options.table_rows=7"]
    assert main([*published, "tabled", "--set", *small]) == 0
    reconstructor = load_body_reconstructor(Path("tabled"))
    assert isinstance(reconstructor, PymafSamReconstructor)
    np.testing.assert_array_equal(reconstructor.network.masks_points, table)
    assert main([*measure, "tabled", "--out", "tabled.json"]) == 0  # of the table everyone gets the first row
    photographs = PhotographList.read(Path("lists/test.npz"), Path("lists/images"))
    points = seen(reconstructor, photographs.picture(0), (160.0, 160.0, 224.0))[1]
    assert points is not None
    np.testing.assert_array_equal(points, table[0])
    assert coco_keypoints(reconstructor, photographs).shape == (1, 17, 3)
    given = ListMasks(Path("lists/masks"), photographs.names)
    assert coco_keypoints(masked, photographs, masks=given).shape == (1, 17, 3)


def test_masks_that_do_not_fit(lists: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks = lists.parent / "masks"
    file = next(masks.rglob("*_mask.png"))
    stored = ListMasks(masks, [str(file.relative_to(masks)).replace("_mask.png", ".jpg")])
    assert main(["datagen", "validate", str(lists)]) == 0
    whole = stored.read(0, (320, 320))
    half = stored.read(0, (160, 160), reduction=2)
    assert abs(half.mean() - whole.mean()) < 0.01
    with pytest.raises(InputError, match="320 x 320 pixels, its picture is not"):
        stored.read(0, (320, 300))
    others = sorted(masks.rglob("*_mask.png"))
    before = ListData(lists).fingerprint
    assert ListData(lists).fingerprint == before
    Image.fromarray(np.zeros((10, 20), np.uint8)).save(others[-1])
    assert ListData(lists).fingerprint != before  # other masks, other data
    others[0].unlink()
    file = others[1]
    stored = ListMasks(masks, [str(file.relative_to(masks)).replace("_mask.png", ".jpg")])
    file.write_bytes(b"no picture")
    capsys.readouterr()
    assert main(["datagen", "validate", str(lists)]) == 1
    said = capsys.readouterr().out
    assert "there is no such mask" in said and "its mask cannot be read" in said and "20 x 10 pixels, the picture 320" in said
    with pytest.raises(InputError, match="is not a readable mask"):
        stored.read(0, (320, 320))
    for path in masks.rglob("*_mask.png"):
        path.unlink()
    with pytest.raises(InputError, match="masks find"):
        ListData(lists).open(STAGE, "train")
    with pytest.raises(InputError, match="masks find"):
        ListData(lists).open(dataclasses.replace(STAGE, frame="stretched"), "test")
    assert mask_names(["a/b.jpg", "c.png", "a/b.jpg"]) == ["a/b_1_mask.png", "c_mask.png", "a/b_2_mask.png"]
