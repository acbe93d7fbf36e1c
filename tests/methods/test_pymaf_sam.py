"""PyMAF-SAM: points of masks, networks that read them or a published table, the stage, reconstruction."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from fill import tensor

from vitruvian.datagen.spin.augment import CropDraw
from vitruvian.errors import InputError
from vitruvian.methods.published import recognise
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf_sam.mask_points import mask_points
from vitruvian.methods.pymaf_sam.recipes import RECIPES
from vitruvian.methods.pymaf_sam.reconstruct import PymafSamReconstructor, load_reconstructor
from vitruvian.methods.pymaf_sam.stage import MaskBodyStage
from vitruvian.methods.stage import Training
from vitruvian.methods.weights import Card, save_weights

SMALL = PymafNetworkOptions(
    image_size_px=64,
    blocks=(1, 1, 1, 1),
    width=0.125,
    map_channels=(16, 16, 16),
    mlp_layers=(8, 5),
    hidden=32,
    first_points="mask",
    num_foreground=40,
    num_background=4,
)
TABLE = dataclasses.replace(SMALL, first_points="table", table_rows=7)


def a_mask(size: int = 64) -> np.ndarray:
    mask = np.zeros((size, size), np.bool_)
    mask[10:50, 24:40] = True
    return mask


def test_points_lie_where_they_should() -> None:
    mask = a_mask()
    points = mask_points(mask, num_foreground=40, num_background=4)
    assert points.shape == (44, 2) and points.dtype == np.float32
    columns, rows = np.floor((points.astype(np.float64) + 1) * 32).astype(int).T
    np.testing.assert_array_equal(mask[rows, columns], [True] * 40 + [False] * 4)
    np.testing.assert_array_equal(points, mask_points(mask, num_foreground=40, num_background=4))
    assert np.ptp(rows[:40]) > 36  # from head to feet
    quarters = np.histogram2d(rows[:40], columns[:40], bins=[[10, 20, 30, 40, 50], [24, 32, 40]])[0]
    assert quarters.min() >= 4 and quarters.max() <= 6 and (np.diff(rows[:40]) >= 0).all()  # as many everywhere


def test_published_choice_and_stretching() -> None:
    rng = np.random.default_rng(0)
    points = mask_points(a_mask(), num_foreground=400, num_background=41, frame="stretched", rng=rng)
    for group in (points[:400], points[400:]):
        np.testing.assert_allclose([group.min(axis=0), group.max(axis=0)], [[-1, -1], [1, 1]], atol=1e-6)
    assert len(np.unique(points[:400], axis=0)) == 400  # without repetition


def test_small_and_empty_masks() -> None:
    mask = np.zeros((64, 64), np.bool_)
    mask[5, 5] = True
    assert mask_points(mask, num_foreground=10, num_background=4).shape == (14, 2)
    for nothing in (np.zeros((64, 64), np.bool_), np.ones((64, 64), np.bool_)):
        with pytest.raises(InputError, match="nobody, or everything"):
            mask_points(nothing, num_foreground=4, num_background=4)


def test_a_table_is_read_row_by_row() -> None:
    torch.manual_seed(0)
    network = PymafNetwork(TABLE).eval()
    network.masks_points.copy_(torch.from_numpy(tensor("table", (7, 44, 2), -1, 1)))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        given = network(images, points=network.masks_points[3:5]).estimates[-1].joints
        torch.testing.assert_close(network(images, first_row=3).estimates[-1].joints, given, rtol=0, atol=0)
        torch.testing.assert_close(
            network(images).estimates[-1].joints, network(images, first_row=0).estimates[-1].joints, rtol=0, atol=0
        )
        with pytest.raises(ValueError, match="7 rows"):
            network(torch.zeros(8, 3, 64, 64))
        with pytest.raises(ValueError, match="points are"):
            network(images, points=torch.zeros(2, 3, 2))
        with pytest.raises(ValueError, match="masks"):
            PymafNetwork(SMALL).eval()(images)
    network.train()
    torch.manual_seed(1)
    rows = {int(torch.randint(7 - 2 + 1, ())) for _ in range(50)}
    assert rows == set(range(6))  # both ends


def test_published_files_are_recognised() -> None:
    state = {"masks_points": torch.zeros(960, 441, 2), "maf_extractor.0.conv0.weight": torch.zeros(1)}
    assert recognise(state) == "pymaf_sam/body"
    assert recognise({"maf_extractor.0.conv0.weight": torch.zeros(1)}) == "pymaf/body"


def test_the_stage(tmp_path: Path) -> None:
    stage = MaskBodyStage(options=SMALL, training=Training(epochs=1, batch_size=2, learning_rate=1e-3))
    assert "mask" in stage.items and stage.method == "pymaf_sam"
    stored = {"mask": np.zeros((320, 320), np.bool_), "labels": {"center": np.array([160.0, 160.0]), "scale": 1.12}}
    stored["mask"][80:240, 140:180] = True
    plain, mirrored = (stage.points(stored, CropDraw(flip=flip))["points"] for flip in (False, True))
    assert plain.shape == (44, 2) and abs(plain[:40, 0].mean()) < 0.05
    np.testing.assert_allclose(sorted(mirrored[:40, 1]), sorted(plain[:40, 1]), atol=0.05)
    table = tensor("table", (7, 44, 2), -1, 1)
    np.save(tmp_path / "table.npy", table)
    published = MaskBodyStage(options=TABLE, table=str(tmp_path / "table.npy"), training=stage.training)
    np.testing.assert_array_equal(published.network().masks_points, table)
    assert published.points(stored, CropDraw()) == {} and "mask" not in published.items
    with pytest.raises(InputError, match="none is given"):
        dataclasses.replace(published, table="").network()
    with pytest.raises(InputError, match="item mask"):
        stage.points({"labels": stored["labels"]}, CropDraw())
    with pytest.raises(ValueError, match="first_points"):
        dataclasses.replace(stage, options=dataclasses.replace(SMALL, first_points="grid"))
    np.save(tmp_path / "table.npy", table[:3])
    with pytest.raises(InputError, match="table"):
        published.network()


def test_reconstruction(tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = Card(
        method="pymaf_sam", stage="body", recipe="test", options={"network": dataclasses.asdict(SMALL), "frame": "crop"}
    )
    save_weights(tmp_path, PymafNetwork(SMALL).state_dict(), card)
    reconstructor = load_reconstructor(tmp_path)
    picture = np.random.default_rng(0).integers(0, 256, (100, 120, 3), np.uint8)
    masks = [np.zeros((100, 120), np.bool_) for _ in range(2)]
    masks[0][10:90, 50:70] = masks[1][20:60, 50:70] = True
    box = (50.0, 10.0, 70.0, 90.0)
    first, second = (reconstructor.reconstruct(picture, mask=mask, box=box) for mask in masks)
    assert first.crop_px == second.crop_px and not np.array_equal(first.joints_px, second.joints_px)
    both = reconstructor.reconstruct_many([(picture, box), (picture, box)], masks=masks)
    np.testing.assert_allclose(both[1].joints_px, second.joints_px, atol=1e-3)
    with pytest.raises(InputError, match="Give a mask"):
        reconstructor.reconstruct(picture, box=box)
    table = PymafSamReconstructor(
        PymafNetwork(TABLE), dataclasses.replace(card, options={"network": dataclasses.asdict(TABLE)})
    )
    three = table.reconstruct_many([(picture, box)] * 3)
    np.testing.assert_allclose(three[2].joints_px, three[0].joints_px, atol=1e-3)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipes(name: str) -> None:
    recipe = RECIPES[name]()
    (stage,) = recipe.stages
    assert isinstance(stage, MaskBodyStage) and recipe.method == stage.method == "pymaf_sam"
    assert stage.options.first_points == ("table" if name == "published" else "mask") and stage.options.num_first_points == 441
    assert ("mask" in stage.items) == (name != "published")
