"""``--init`` with a network whose options hold options: cards hold lists where these hold tuples."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from vitruvian.errors import InputError
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.stage import Recipe, Training
from vitruvian.methods.weights import Card, save_weights
from vitruvian.train.plan import plan_stages

SMALL = PymafNetworkOptions(
    image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=64
)
STAGE = BodyStage(options=SMALL, training=Training(epochs=1, batch_size=4, learning_rate=1e-3))


def test_weights_to_go_on_from_fit(tmp_path: Path) -> None:
    recipe = Recipe(method="pymaf", name="test", protocols=("pymaf",), stages=(STAGE,))
    card = Card(method="pymaf", stage="body", recipe="test", options=STAGE.card_options())
    save_weights(tmp_path / "weights", STAGE.network().state_dict(), card)
    init = (tmp_path / "weights",)
    (plan,) = plan_stages(recipe, tmp_path / "run", names=None, given={}, init=init)
    assert plan.init is not None
    other = dataclasses.replace(STAGE, options=dataclasses.replace(SMALL, hidden=32))
    with pytest.raises(InputError, match="hidden is 64 there, 32 here"):
        plan_stages(dataclasses.replace(recipe, stages=(other,)), tmp_path / "run", names=None, given={}, init=init)
