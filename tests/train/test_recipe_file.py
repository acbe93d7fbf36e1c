"""Recipe files: what they change, what they are called, and what is wrong with those that people write by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vitruvian.errors import InputError
from vitruvian.methods.registry import find_recipe
from vitruvian.train.options import TrainOptions
from vitruvian.train.recipe_file import RecipeFile, load_recipe, read_recipe_file, write_recipe_file
from vitruvian.train.run import train

GOOD: dict[str, Any] = {"method": "pifu", "recipe": "tiny", "set": {"shape.training.learning_rate": 0.002}}


def written(tmp_path: Path, content: Any, name: str = "best.json") -> str:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_a_file_changes_a_recipe_and_gives_it_a_name(tmp_path: Path) -> None:
    tiny = find_recipe("pifu", "tiny")
    path = written(tmp_path, {**GOOD, "set": {**GOOD["set"], "shape.options.upsample_mode": "bicubic"}})
    recipe = load_recipe("pifu", path)
    shape = recipe.stage("shape")
    assert (recipe.name, shape.training.learning_rate) == ("best", 0.002)
    assert shape.options.upsample_mode == "bicubic"  # type: ignore[attr-defined]
    assert recipe.stage("color") == tiny.stage("color") and recipe.data == tiny.data
    assert replace(shape.training, learning_rate=tiny.stage("shape").training.learning_rate) == tiny.stage("shape").training
    assert load_recipe("pifu", written(tmp_path, {**GOOD, "name": "quick"})).name == "quick"
    assert load_recipe("pifu", "tiny") == tiny
    assert recipe.extra["data_name"] == "tiny"
    other_data = load_recipe("pifu", written(tmp_path, {**GOOD, "set": {"data.num_subjects": 5}}))
    assert other_data.extra["data_name"] == "best" and other_data.data is not None and other_data.data["num_subjects"] == 5


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    values = {"shape.training.drop_after_epochs": [1, 2], "shape.training.schedule": "drops"}
    content = RecipeFile(method="pifu", recipe="tiny", set=values, name="tuned", notes="n", made_from={"score": 0.5})
    path = tmp_path / "new" / "best.json"
    write_recipe_file(path, content)
    assert read_recipe_file(path) == content
    assert load_recipe("pifu", str(path)).stage("shape").training.drop_after_epochs == (1, 2)


def test_a_stage_that_needs_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    content = {"method": "geopifu", "recipe": "paper-baseline", "set": {"query.options.fusion": "early"}}
    with pytest.raises(InputError, match="no earlier stage trains it"):
        load_recipe("geopifu", written(tmp_path, content))


def test_folders_are_named_after_the_file() -> None:
    assert TrainOptions(method="pifu", recipe="runs/sweep/best.json").folder.name == "pifu-best"
    assert TrainOptions(method="pifu", recipe="tiny").folder.name == "pifu-tiny"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"best\.json: is not JSON \(line 1"),
        ([1], "must hold a JSON object with method, recipe, set"),
        ({"method": "pifu", "recipe": "tiny"}, r'has no "set"'),
        ({**GOOD, "sett": {}}, r'"sett" means nothing here.*options go into "set"'),
        ({**GOOD, "set": [1]}, r'"set" is \[1\]; it must be an object'),
        ({**GOOD, "method": 3}, '"method" is 3; it must be a text'),
        ({**GOOD, "method": "geopifu"}, r"is for geopifu, not for pifu.*vitruvian train geopifu"),
        ({**GOOD, "recipe": "huge"}, "has no recipe 'huge'; choose from fast, paper, tiny"),
        ({**GOOD, "set": {"shape.training.rate": 1}}, r"best\.json: shape\.training\.rate=1: 'rate' is not an option"),
        ({**GOOD, "set": {"shape.training.learning_rate": "fast"}}, "is not of type"),
        ({**GOOD, "set": {"shape.training.learning_rate": -1}}, "learning_rate positive"),
        ({**GOOD, "name": "tiny"}, "the name of a recipe of pifu itself"),
        ({**GOOD, "name": "v2"}, "is no name for a recipe"),
        ({**GOOD, "name": "my best"}, "is no name for a recipe"),
    ],
)
def test_malformed_files_are_explained(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_recipe("pifu", written(tmp_path, content))
    assert str(caught.value).startswith("--recipe ")


def test_train_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.json: there is no such file"):
        train(TrainOptions(method="pifu", recipe=str(tmp_path / "nowhere.json"), out=tmp_path / "run"))
