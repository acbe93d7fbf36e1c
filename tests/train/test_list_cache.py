"""Training on lists: the same samples and losses from a cache, and after an interruption in the middle of a mixture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitruvian.datagen.spin.crop import IMAGE_STD
from vitruvian.datagen.spin.list_samples import MixedSamples
from vitruvian.errors import InputError
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.samples import PymafSampleOptions
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.stage import Training
from vitruvian.train.list_data import ListData
from vitruvian.train.options import TrainOptions
from vitruvian.train.run import train

SMALL = PymafNetworkOptions(
    image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=32, dropout=0.0
)
STAGE = BodyStage(options=SMALL, training=Training(epochs=1, batch_size=2, learning_rate=1e-3))
COUNT = 5


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lists in shares and one held out, of the built-in body; people in the middle, at borders, large and small."""
    folder, rng = tmp_path_factory.mktemp("lists"), np.random.default_rng(4)
    content: dict[str, Any] = {"train": [], "test": []}
    for name, split in (("first", "train"), ("second", "train"), ("held", "test")):
        rows, columns = np.mgrid[:400, :600]
        names = [f"{name}{k}.{'png' if k == 1 else 'jpg'}" for k in range(COUNT)]
        for k, file in enumerate(names):
            waves = [np.sin(rows / (9 + k) + channel) * np.cos(columns / (13 - k)) for channel in range(3)]
            Image.fromarray((127.5 + 120 * np.stack(waves, axis=2)).astype(np.uint8)).save(folder / file, quality=95)
        center = np.array([[300, 200], [590, 60], [20, 390], [310, 190], [300.5, 210.25]])
        scale = np.array([0.4, 0.6, 1.3, 2.9, 0.2])
        part = np.concatenate([rng.normal(size=(COUNT, 24, 2)) * 60 + center[:, None], np.ones((COUNT, 24, 1))], axis=2)
        np.savez(
            folder / f"{name}.npz", imgname=np.array(names), center=center, scale=scale, part=part,
            openpose=np.concatenate([part, part[:, :1]], axis=1), pose=0.2 * rng.normal(size=(COUNT, 72)),
            shape=rng.normal(size=(COUNT, 10)), S=rng.normal(size=(COUNT, 24, 4)), body_model=np.array("builtin"),
        )  # fmt: skip
        share = {"share": 1 + len(content["train"])} if split == "train" else {}
        content[split].append({"name": name, "list": f"{name}.npz", "pictures": ".", **share})
    (folder / "lists.json").write_text(json.dumps(content))
    return folder / "lists.json"


def same_pictures(one: np.ndarray, other: np.ndarray, *, exactly: bool) -> None:
    """OpenCV 5 computes places in 32 bits, so a direct crop of a part of the picture may round a pixel the other way: one level
    of 255, two after the gains of the colours."""
    levels = np.abs(one - other) * 255 * np.array(IMAGE_STD)[:, None, None]
    assert levels.max() <= (1e-3 if exactly else 2 + 1e-3)
    assert np.count_nonzero(levels > 1e-3) <= one.size // 1000


@pytest.mark.parametrize("crops", ["direct", "published"])
def test_samples_are_the_same(lists: Path, tmp_path: Path, crops: Any) -> None:
    stage = replace(STAGE, samples=PymafSampleOptions(crops=crops))
    told: list[tuple[int, int]] = []
    cached = ListData(lists, tmp_path / "cache.lmdb")
    cached.fill(stage, threads=2, tell=lambda done, whole: told.append((done, whole)))
    assert told[-1] == (3 * COUNT, 3 * COUNT)
    ours, theirs = cached.open(stage, "train"), ListData(lists).open(stage, "train")
    assert len(ours) == len(theirs) and ours.order(seed=3, epoch=1).tolist() == theirs.order(seed=3, epoch=1).tolist()
    sizes = []
    for k in range(2 * COUNT):
        one, other = ours[k], theirs[k]
        sizes.append(one["rgb"].size / other["rgb"].size)
        for draw in range(6):
            samples = [stage.sample(stored, np.random.default_rng((k, draw)), training=True) for stored in (one, other)]
            assert samples[0].keys() == samples[1].keys()
            same_pictures(samples[0].pop("image"), samples[1].pop("image"), exactly=crops == "published")
            for key in samples[0]:
                np.testing.assert_allclose(samples[0][key], samples[1][key], atol=1e-4, err_msg=f"{key} of {k}")
    assert min(sizes) < 0.2 if crops == "direct" else sizes == [1.0] * 2 * COUNT
    before = (tmp_path / "cache.lmdb").stat().st_mtime_ns
    cached.fill(stage, threads=1)
    assert (tmp_path / "cache.lmdb").stat().st_mtime_ns == before
    other_stage = replace(stage, samples=PymafSampleOptions(crops="published" if crops == "direct" else "direct"))
    with pytest.raises(InputError, match="is no cache of these lists for this stage"):
        cached.open(other_stage, "train")
    cached.fill(other_stage, threads=1)
    assert len(cached.open(other_stage, "test")) == COUNT
    assert [path.name for path in tmp_path.iterdir()] == ["cache.lmdb"]


def test_a_picture_that_cannot_be_read_is_named(lists: Path, tmp_path: Path) -> None:
    content = json.loads(lists.read_text())
    for entry in (*content["train"], *content["test"]):
        entry.update(list=str(lists.parent / entry["list"]), pictures=str(tmp_path))
    for picture in lists.parent.glob("*[jp][pn]g"):
        (tmp_path / picture.name).write_bytes(picture.read_bytes()[: 400 if picture.name == "second2.jpg" else None])
    (tmp_path / "lists.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"second\.npz, row 2 \(second2\.jpg\)"):
        ListData(tmp_path / "lists.json", tmp_path / "cache.lmdb").fill(STAGE)
    assert not list(tmp_path.glob("cache.lmdb*"))


def losses(out: Path) -> list[float]:
    lines = [json.loads(line) for path in sorted(out.rglob("history.jsonl")) for line in path.read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.slow
def test_losses_of_a_mixture_with_a_cache_and_after_an_interruption(
    lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    small = ["options.image_size_px=64", "options.blocks=[1,1,1,1]", "options.width=0.125", "options.hidden=32",
             "options.mlp_layers=[8,5]", "options.map_channels=[16,16,16]", "training.validation_samples=2",
             "samples.augment=published"]  # fmt: skip

    def run(name: str, cache: Path | None = None) -> list[float]:
        options = TrainOptions(
            method="pymaf", data=lists, out=tmp_path / name, cache=cache, num_workers=0, cpus_per_worker=1, epochs=2,
            batch_size=2, pictures_every=0, overrides=tuple(small), checkpoint_seconds=0,
        )  # fmt: skip
        train(options, progress=False)
        return losses(tmp_path / name)

    calm = run("calm")
    assert len(calm) == 6
    np.testing.assert_allclose(run("cached", tmp_path / "cache.lmdb"), calm, rtol=1e-4)
    read = MixedSamples.__getitem__
    count = 0

    def failing(self: MixedSamples, index: int, /) -> Mapping[str, Any]:
        nonlocal count
        count += 1
        if count > 5:
            raise OSError("the disk went away")
        return read(self, index)

    with monkeypatch.context() as patched:
        patched.setattr(MixedSamples, "__getitem__", failing)
        with pytest.raises(Exception, match="the disk went away"):
            run("killed")
    assert len(losses(tmp_path / "killed")) < len(calm)
    assert run("killed") == calm
