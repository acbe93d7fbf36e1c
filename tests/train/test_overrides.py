"""Changing a recipe by dotted paths."""

from dataclasses import replace

import pytest
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
