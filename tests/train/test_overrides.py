"""Changing a recipe by dotted paths."""

from dataclasses import replace

import pytest
from refine_stage import RefineStage, two_stages
from wave_stage import WaveStage, wave_recipe

from vitruvian.errors import InputError
from vitruvian.train.overrides import apply_overrides

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
