"""What is refused before the first trial, and how the options of a sweep are settled."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sweep_parts import SPACE

from vitruvian.errors import InputError
from vitruvian.methods.registry import find_recipe
from vitruvian.methods.space import Choice, Range, Space
from vitruvian.methods.space_registry import find_space
from vitruvian.tune.claim import claim_sweep
from vitruvian.tune.options import TuneOptions
from vitruvian.tune.settle import parts_needed, settle


def options(**changes: Any) -> TuneOptions:
    return TuneOptions(**{"method": "pifu", "space": "schedule", **changes})


def pifu(**changes: Any) -> Any:
    recipe = find_recipe("pifu", "tiny")
    chosen = options(**changes)
    return settle(recipe, find_space("pifu", chosen.space).make(recipe), chosen)


def test_defaults_are_settled() -> None:
    settled = pifu()
    assert (settled.num_trials, settled.metric, settled.mode) == (12, "iou", "max")
    assert settled.proposals.baseline and set(settled.space.parameters) == {"rate", "fall", "drop", "warmup"}
    assert pifu(metric="mse").mode == "max" and pifu(metric="mse", mode="min").mode == "min"
    assert pifu(vary=("fall", "rate"), search="grid").num_trials == 13
    assert pifu(vary=("fall", "rate"), search="grid", trials=5).num_trials == 5
    assert pifu(vary=("fall",), search="grid", trials=50, baseline=False).num_trials == 4
    population = pifu(vary=("rate", "drop"), scheduler="pbt", trials=4)
    assert not population.proposals.baseline


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vary": ("rates",)}, "--vary rates: schedule has no such parameter; it has rate, fall, drop, warmup"),
        ({"space": "network", "scheduler": "pbt"}, "hourglass cannot change while a network is trained. Take another space"),
        ({"space": "losses", "scheduler": "pbt"}, "loss cannot change.*--vary rate"),
        ({"scheduler": "pbt", "search": "optuna"}, "population-based training begins with random values"),
        ({"scheduler": "pbt", "num_workers": 1}, "Leave --num-workers at 0"),
        ({"scheduler": "pbt", "trials": 1}, "a population has two at least"),
        ({"trials": 0}, "trials is 0; it must be at least 1"),
        ({"reduction": 1}, "reduction is 1; it must be at least 2"),
        ({"max_minutes": 0.0}, "max-minutes is 0.0"),
        ({"num_workers": 2, "gpus_per_trial": 1.0}, "gpus-per-trial cannot go with --num-workers"),
        ({"device": "cuda"}, "--gpus-per-trial 1"),
    ],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        pifu(**changes)


def test_values_that_the_recipe_does_not_take_are_refused_before_any_trial() -> None:
    recipe = find_recipe("pifu", "tiny")

    def refused(parameter: Range | Choice, message: str) -> None:
        space = Space(parameters={"x": parameter}, stages=("shape",), metric="iou")
        with pytest.raises(InputError, match=message):
            settle(recipe, space, options())

    refused(Range(path="shape.training.rate", low=0, high=1), r"does not take x = 0\.0\. .*'rate' is not an option")
    refused(Range(path="shape.training.learning_rate", low=-1, high=1), "learning_rate positive")
    refused(Choice(path="shape.options.num_hourglass", values=(2, 6)), "does not take x = 6.*multiple of")
    with pytest.raises(InputError, match="has no stage 'fit'"):
        settle(recipe, replace(SPACE, parameters={"x": Choice(path="shape.loss_type", values=("mse", "bce"))}), options())


def test_which_parts_trials_need() -> None:
    recipe = find_recipe("geopifu", "tiny")
    for name, needed in (("schedule", ("coarse",)), ("fusion", ("coarse",)), ("coarse", ())):
        assert parts_needed(recipe, find_space("geopifu", name).make(recipe)) == needed
    shape = find_recipe("pifu", "tiny")
    assert parts_needed(shape, find_space("pifu", "schedule").make(shape)) == ()


def test_a_folder_is_continued_by_the_same_sweep_only(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    key = claim_sweep(out, {"seed": 0, "space": {"a": (1, 2)}}, resume=True)
    assert claim_sweep(out, {"seed": 0, "space": {"a": (1, 2)}}, resume=True) == key
    with pytest.raises(InputError, match=r"2 differ, such as seed: 0 there, 1 now.*--no-resume"):
        claim_sweep(out, {"seed": 1, "space": {"a": (1, 3)}}, resume=True)
    (out / "trials" / "0000").mkdir(parents=True)
    assert claim_sweep(out, {"seed": 1}, resume=False) != key
    assert not (out / "trials").exists()
    (out / "sweep.json").write_text("{")
    with pytest.raises(InputError, match=r"sweep\.json: is damaged"):
        claim_sweep(out, {"seed": 1}, resume=True)
    other = tmp_path / "run"
    other.mkdir()
    (other / "run.json").write_text("{}")
    with pytest.raises(InputError, match="holds something else than a sweep"):
        claim_sweep(other, {"seed": 1}, resume=True)
