"""Changing a recipe by dotted paths."""

from dataclasses import replace

import pytest
from refine_stage import RefineStage, two_stages
from wave_stage import WaveStage, wave_recipe

from vitruvian.errors import InputError
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.stage import Recipe, Training
from vitruvian.train.overrides import apply_overrides, override_options, whole_paths

RECIPE = wave_recipe(WaveStage())


def test_values_reach_their_fields() -> None:
    changed = apply_overrides(
        RECIPE,
        ["training.epochs=7", "width=16", "fit.dropout=0", "training.drop_after_epochs=[2,5]", "training.optimizer=adamw",
         "training.samples_per_epoch=null", "training.clip_gradient_norm=1", "training.channels_last=true"],
    )  # fmt: skip
    training = replace(
        RECIPE.stages[0].training,
        epochs=7,
        drop_after_epochs=(2, 5),
        optimizer="adamw",
        clip_gradient_norm=1.0,
        channels_last=True,
    )
    assert changed.stages == (WaveStage(width=16, dropout=0.0, training=training),)
    assert RECIPE.stages == (WaveStage(),)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "'epoch' is not an option of Training. It has: epochs, batch_size"),
        ("wide=3", "'wide' is not an option of WaveStage. It has: .*width"),
        ("training=3", "is not of type"),
        ("training", "write PATH=VALUE"),
        ("training.epochs=many", "'many' is not of type"),
        ("training.epochs=2.5", "2.5 is not of type"),
        ("training.epochs=true", "True is not of type"),
        ("training.epochs=-1", "epochs must be at least 0"),
        ("training.optimizer=sgd", "'sgd' is not of type .*rmsprop"),
        ("training.epochs.more=1", "goes on below a plain value"),
        ("fit=1", "the path ends at WaveStage"),
        ("reconstruct.resolution=3", "goes on below a plain value"),
    ],
)
def test_mistakes_are_named(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        apply_overrides(RECIPE, [override])


def test_options_that_go_together_are_checked_together() -> None:
    recipe = Recipe(method="pymaf", name="test", protocols=("pymaf",), stages=(BodyStage(training=Training(
        epochs=1, batch_size=1, learning_rate=1.0)),))  # fmt: skip
    changed = apply_overrides(recipe, ["body_model=SMPL.pkl", "training.epochs=3", "body_data=folder"])
    stage = changed.stages[0]
    assert isinstance(stage, BodyStage) and (stage.body_model, stage.body_data, stage.training.epochs) == (
        "SMPL.pkl",
        "folder",
        3,
    )
    table = apply_overrides(recipe, ["options.first_points=table", "options.table_rows=9"]).stages[0]
    assert isinstance(table, BodyStage) and table.options.table_rows == 9
    for overrides in (["body_model=SMPL.pkl"], ["body_model=SMPL.pkl", "training.epochs=3"]):
        with pytest.raises(InputError, match=r"--set body_model=SMPL\.pkl: .*go together"):
            apply_overrides(recipe, overrides)
    with pytest.raises(InputError, match="epochs must be at least 0"):
        apply_overrides(recipe, ["training.epochs=-1", "training.batch_size=2"])
    whole = whole_paths(recipe, ["body_model=SMPL.pkl", "body_data=folder"], stages=["body"])
    assert whole == {"body.body_model": "SMPL.pkl", "body.body_data": "folder"}
    options = override_options(PymafNetworkOptions(), ["table_rows=9", "first_points=table"])
    assert options.first_points == "table"
    with pytest.raises(InputError, match="--set table_rows=9"):
        override_options(PymafNetworkOptions(), ["table_rows=9", "hidden=8"])


def test_what_several_stages_have_is_changed_in_all_and_what_one_has_in_it() -> None:
    recipe = two_stages(WaveStage(), RefineStage(), ExtraStage(), optional=("extra",))
    changed = apply_overrides(recipe, ["training.epochs=7", "once=false"])
    assert [stage.training.epochs for stage in changed.stages] == [7, 7, 4]
    assert changed.stages[1].once is False  # type: ignore[attr-defined]
    named = apply_overrides(recipe, ["training.epochs=7"], stages=("extra",))
    assert [stage.training.epochs for stage in named.stages] == [4, 4, 7]
    with pytest.raises(InputError, match="'twice' is not an option of WaveStage"):
        apply_overrides(recipe, ["twice=true"])
    with pytest.raises(InputError, match="'once' is not an option of WaveStage"):
        apply_overrides(recipe, ["once=true"], stages=("fit",))


class ExtraStage(WaveStage):
    name = "extra"
