"""PyMAF's stage on drawn people: samples that fit together, a step that learns, metrics, pictures, recipes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.datagen.naked import naked_subject
from vitruvian.bodies.joint_sets import J24, OPENPOSE25
from vitruvian.bodies.regression_body import builtin_regression_body
from vitruvian.datagen.blocks import Block, Member, Products, make_block
from vitruvian.datagen.protocols.pymaf import PymafProtocol
from vitruvian.datagen.spin.augment import CropDraw, keypoints_in_crop
from vitruvian.datagen.spin.camera import AXES, crop_camera
from vitruvian.datagen.spin.crop import crop
from vitruvian.datagen.spin.sample import annotation, solved_camera
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.methods.pymaf.losses import LossWeights
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.recipes import RECIPES
from vitruvian.methods.pymaf.resnet import ResNet
from vitruvian.methods.pymaf.samples import PymafSampleOptions, direct_crop, drawn, iuv_labels, training_sample
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.stage import Training
from vitruvian.shards.reader import ShardReader
from vitruvian.shards.writer import write_shard

SMALL = PymafNetworkOptions(
    image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=64, dropout=0.0
)
STAGE = BodyStage(
    options=SMALL,
    samples=PymafSampleOptions(augment="none"),
    weights=LossWeights(coordinates=0.05),
    training=Training(epochs=1, batch_size=4, learning_rate=1e-3, optimizer="adam"),
)


class _Source:
    name = "naked"

    def load(self, subject_id: str) -> Subject:
        return naked_subject(int(subject_id[-6:]))

    def subject_ids(self) -> list[str]:
        return []


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two views of each of two people."""
    folder, samples = tmp_path_factory.mktemp("pymaf"), []
    for number in (2, 4):
        block = Block(number=0, members=(Member(subject_id=f"naked-{number:06d}", index=number, split="train"),))
        products = Products(items=STAGE.items, seed=2, supersample=1)
        made = make_block(_Source(), PymafProtocol(views_per_subject=2), block, products)
        write_shard(folder / f"{number}.arrow", iter(made.rows), STAGE.items)
        reader = ShardReader(folder / f"{number}.arrow")
        samples += [{**reader.subject(0, STAGE.items), **reader.view(0, view, STAGE.items)} for view in range(2)]
    return samples


def batch_of(stored: list[dict[str, Any]], stage: BodyStage = STAGE, *, training: bool = True) -> dict[str, torch.Tensor]:
    samples = [stage.sample(one, np.random.default_rng(k), training=training) for k, one in enumerate(stored)]
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}


def test_a_batch(stored: list[dict[str, Any]]) -> None:
    batch = batch_of(stored)
    assert {name: tuple(value.shape[1:]) for name, value in batch.items()} == {
        "image": (3, 64, 64), "keypoints": (49, 3), "joints": (24, 4), "pose": (72,), "betas": (10,), "iuv": (3, 16, 16),
        "has_smpl": (), "has_joints": (), "has_iuv": (),
    }  # fmt: skip
    assert all(value.dtype == torch.float32 for value in batch.values())
    assert "iuv" not in batch_of(stored, training=False)
    bare = dataclasses.replace(STAGE, options=dataclasses.replace(SMALL, auxiliary=False))
    assert "iuv" not in batch_of(stored, bare)


def test_exact_keypoints_are_those_of_the_labelled_body(stored: list[dict[str, Any]]) -> None:
    """The network's own body and camera, given the labels, land on the keypoints, whatever the draw."""
    network = STAGE.network()
    options = PymafSampleOptions()
    for seed, one in enumerate(stored):
        draw = drawn(options, np.random.default_rng(seed), training=True)
        sample = training_sample(one, options, draw, image_size_px=64)
        truth = STAGE._truth(network, {k: torch.from_numpy(sample[k])[None] for k in ("pose", "betas")})
        joints = truth.joints[0, 25:].numpy().astype(np.float64)
        joints -= joints[14]
        np.testing.assert_allclose(joints, sample["joints"][:, :3], atol=2e-3)
        camera = crop_camera(solved_camera(joints, sample["keypoints"]))
        seen = camera.project(joints @ AXES)[:, :2] / 112 - 1
        assert np.abs(seen - sample["keypoints"][25:, :2]).max() < 0.15 / 112


def test_whole_pixels_are_near_exact_ones(stored: list[dict[str, Any]]) -> None:
    labels = annotation(stored[0])
    keypoints = np.concatenate([labels["openpose"], labels["part"]])
    draw = CropDraw(flip=True, rotation_deg=20.0, scale=0.9)
    exact, whole = (keypoints_in_crop(keypoints, labels["center"], labels["scale"], draw, exact=e) for e in (True, False))
    assert 0 < np.abs(exact - whole)[:, :2].max() <= 1.01 * 2 / 224
    assert not np.allclose(exact[:, 0] * 112, np.rint(exact[:, 0] * 112))
    assert len(J24) + len(OPENPOSE25) == 49


@pytest.mark.parametrize("size", [64, 224])
def test_the_direct_crop_shows_what_the_published_one_shows(stored: list[dict[str, Any]], size: int) -> None:
    labels = annotation(stored[0])
    for rotation, tolerance in ((0.0, 6.0), (30.0, 8.0)):
        place = {"size_px": size, "rotation_deg": rotation}
        ours = direct_crop(stored[0]["rgb"], labels["center"], labels["scale"], **place).astype(float)
        published = crop(stored[0]["rgb"], labels["center"], labels["scale"], **place).astype(float)
        assert np.abs(ours - published).mean() < tolerance
        shifted = np.abs(ours[:, 2:] - published[:, :-2]).mean()
        assert np.abs(ours - published).mean() < shifted


def test_iuv_labels_of_faces_and_corners(stored: list[dict[str, Any]]) -> None:
    sample = training_sample(stored[0], PymafSampleOptions(), CropDraw(), image_size_px=224)
    corners, faces = (iuv_labels(sample, builtin_regression_body(), pixels=56, kind=kind) for kind in ("corners", "faces"))
    np.testing.assert_array_equal(corners[0], faces[0])
    seen = corners[0] > 0
    assert seen.sum() > 150 and 0 < np.abs(corners[1:] - faces[1:])[:, seen].mean() < 0.02


def test_steps_learn(stored: list[dict[str, Any]]) -> None:
    torch.manual_seed(0)
    network, batch = STAGE.network().train(), batch_of(stored)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss, shown = STAGE.loss(network, batch)
        loss.backward()
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters())
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    assert {"pose", "keypoints", "joints", "iuv_u"} <= set(shown)


def test_metrics_know_the_truth(stored: list[dict[str, Any]]) -> None:
    batch = batch_of(stored, training=False)
    network = STAGE.network().eval()
    metrics = STAGE.metrics(network, batch)
    assert {name: tuple(value.shape) for name, value in metrics.items()} == dict.fromkeys(metrics, (4,))
    assert (metrics["pa_mpjpe_mm"] <= metrics["mpjpe_mm"]).all() and (metrics["pa_mpjpe_mm"] > 5).all()

    with torch.no_grad():
        output = network(batch["image"], surfaces="all")
    truth = STAGE._truth(network, batch)
    exact = output.estimates[-1]._replace(smpl_joints=truth.smpl_joints, vertices=truth.vertices)
    known = output._replace(estimates=[output.estimates[0], exact])
    network.forward = lambda *a, **k: known  # type: ignore[method-assign, assignment]
    perfect = STAGE.metrics(network, batch)
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm"):
        assert float(perfect[name].max()) < 1e-2
    torch.testing.assert_close(perfect["pa_mpjpe_mean_body_mm"], metrics["pa_mpjpe_mean_body_mm"])


def test_pictures(stored: list[dict[str, Any]]) -> None:
    network = STAGE.network().eval()
    preview = STAGE.pictures(network, batch_of(stored, training=False))["preview"]
    assert preview.shape == (4 * 224, 3 * 224, 3) and preview.dtype == np.uint8
    crops, overlay = preview[:, :224].astype(int), preview[:, 224:448].astype(int)
    assert 0.02 < (np.abs(crops - overlay).sum(axis=2) > 20).mean() < 0.5


def test_other_bodies_are_refused(stored: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="body_model"):
        STAGE.sample({**stored[0], "body_model": "smpl"}, np.random.default_rng(0), training=False)
    with pytest.raises(ValueError, match="go together"):
        dataclasses.replace(STAGE, body_model="SMPL_NEUTRAL.pkl")


def test_an_encoder_can_be_started_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(5)
    encoder = ResNet((1, 1, 1, 1), 8)
    state = encoder.state_dict() | {"fc.weight": torch.zeros(3, 3), "fc.bias": torch.zeros(3)}
    torch.save({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, tmp_path / "resnet.pth")
    network = dataclasses.replace(STAGE, encoder_weights=str(tmp_path / "resnet.pth")).network()
    assert torch.equal(network.feature_extractor.state_dict()["conv1.weight"], state["conv1.weight"])
    torch.save({"conv1.weight": torch.zeros(8, 3, 7, 7)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="encoder_weights"):
        dataclasses.replace(STAGE, encoder_weights=str(tmp_path / "other.pth")).network()


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipes(name: str) -> None:
    recipe = RECIPES[name]()
    (stage,) = recipe.stages
    assert isinstance(stage, BodyStage) and recipe.protocols == ("pymaf",)
    published = stage.options == PymafNetworkOptions()
    assert published == (name != "tiny")
    if published:
        assert (stage.training.batch_size, stage.training.learning_rate, stage.training.optimizer) == (64, 5e-5, "adam")
        assert stage.weights == LossWeights() and stage.samples.whole_pixels


@pytest.mark.parametrize("changes", [{"iterations": 1}, {"iterations": 2}, {"kernels": (3, 2, 4)}, {"auxiliary": False}])
def test_other_networks(changes: Mapping[str, Any]) -> None:
    network = PymafNetwork(dataclasses.replace(SMALL, **changes)).eval()
    with torch.no_grad():
        output = network(torch.zeros(1, 3, 64, 64))
    assert len(output.estimates) == network.options.iterations + 1
    assert (output.iuv is None) == (not network.options.auxiliary)
    if output.iuv is not None:
        assert output.iuv.u.shape == (1, 25, 16, 16)


@pytest.mark.parametrize(
    "changes",
    [
        {"iterations": 4},
        {"image_size_px": 100},
        {"kernels": (4, 4, 5)},
        {"mlp_layers": ()},
        {"dropout": 1.0},
        {"blocks": (1, 1)},
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="PymafNetworkOptions"):
        dataclasses.replace(SMALL, **changes)
