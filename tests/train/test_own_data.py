"""Training a method with nothing but its name: its data set is generated first; real shards, the real split."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vitruvian.datagen.options import DatagenOptions
from vitruvian.errors import InputError
from vitruvian.methods.registry import METHODS, find_recipe
from vitruvian.methods.weights import read_card
from vitruvian.shards.dataset import ShardDataset
from vitruvian.train.data import ShardData
from vitruvian.train.options import TrainOptions
from vitruvian.train.overrides import apply_overrides
from vitruvian.train.run import train, train_recipe
from vitruvian.train.split_guard import check_split

SMALL = (
    "data.num_subjects=3", "data.held_out=1", "data.views_per_subject=1", "data.size_px=64", "data.supersample=1",
    "data.query_points=400", "data.voxel_resolution=16", "training.epochs=1", "training.validation_samples=1",
    "samples.num_points=50", "samples.num_ray_points=50", "samples.image_size_px=64",
)  # fmt: skip


@pytest.fixture(autouse=True)
def a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)


def small(**changes: Any) -> TrainOptions:
    given: dict[str, Any] = {"method": "pifu", "overrides": SMALL, "stages": ("shape",), "num_workers": 0, "cpus_per_worker": 1}
    return TrainOptions(**{**given, **changes})


@pytest.mark.slow
def test_a_method_by_its_name_alone(tmp_path: Path) -> None:
    result = train(small(), progress=False)
    data, out = tmp_path / "runs/data/pifu-tiny", tmp_path / "runs/pifu-tiny"
    assert result.finished and result.weights == out / "shape" / "weights"
    held_out = ShardDataset(data, split="test")
    assert len(held_out) == 1 and len(ShardDataset(data, split="train")) == 2
    card = read_card(result.weights)
    assert card.data_fingerprint == held_out.fingerprint and len(card.people) == 2
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*.arrow")}
    again = train(small(), progress=False)
    assert again.run_id == result.run_id
    assert before == {path: path.stat().st_mtime_ns for path in data.rglob("*.arrow")}
    (data / "manifest.jsonl").write_text("")  # as if it had been killed before its first block
    assert train(small(), progress=False).run_id == result.run_id  # the same bytes, so the same data

    # The last person of the manifest's training people is also held out.
    rows = [json.loads(line) for line in (data / "manifest.jsonl").read_text().splitlines()]
    name = next(subject["subject_id"] for row in rows for subject in row["subjects"] if subject["split"] == "train")
    for row in rows:
        for subject in row["subjects"]:
            if subject["split"] == "test":
                subject["subject_id"] = name
    (data / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match=rf"pifu-tiny: {name} is both to be trained on and held out"):
        check_split(ShardData(data))
    with pytest.raises(InputError, match="both to be trained on and held out"):
        recipe = apply_overrides(find_recipe("pifu", "tiny"), SMALL)
        train_recipe(recipe, ShardData(data), small(out=tmp_path / "other"), progress=False)


def test_a_recipe_without_data_of_its_own_asks_for_it(tmp_path: Path) -> None:
    from vitruvian.train.own_data import own_data

    recipe = replace(find_recipe("pifu", "tiny"), data=None)
    with pytest.raises(InputError, match=r"--data: pifu/tiny needs a data set.*vitruvian datagen --protocol pifu"):
        own_data(recipe, num_actors=0, tracking_uri="", progress=False)
    with pytest.raises(InputError, match=r"--set data.seed=1: pifu/tiny generates no data of its own"):
        apply_overrides(recipe, ["data.seed=1"])


@pytest.mark.parametrize("override", ["data=3", "data.out=here", "data.colour=red", "data.seed=x", "data.seed=-1", "data."])
def test_bad_data_options_are_refused(override: str) -> None:
    with pytest.raises(InputError, match=r"(--set data|--seed is -1)"):
        apply_overrides(find_recipe("pifu", "tiny"), [override])


def test_what_cannot_be_trained_is_refused_before_data_is_generated(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--stages shope"):
        train(small(stages=("shope",)), progress=False)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("method", "name"), [(method, name) for method, found in METHODS.items() for name in found.recipes])
def test_every_recipe_s_data_can_be_asked_for(method: str, name: str, tmp_path: Path) -> None:
    recipe = find_recipe(method, name)
    if recipe.data is not None:
        options = DatagenOptions(out=tmp_path, protocol=recipe.protocols[0], **recipe.data)
        needed = {item for stage in recipe.stages if stage.name not in recipe.optional_stages for item in stage.items}
        assert options.items is None or needed <= set(options.items)
