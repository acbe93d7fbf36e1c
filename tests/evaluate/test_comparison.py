"""What can be told between models: intervals that hold what they should, and no word when people are too few."""

import numpy as np
import pytest

from vitruvian.evaluate.comparison import bootstrap_interval, compare_models, paired_difference, verdict
from vitruvian.evaluate.results import ModelResult, SampleResult, summarize


def _model(name: str, ious: list[float | None], chamfer: float = 1.0) -> ModelResult:
    samples = [
        SampleResult(model=name, subject_id=f"p{k}", view_index=0, metrics={"iou": iou, "chamfer_cm": chamfer})
        if iou is not None
        else SampleResult(model=name, subject_id=f"p{k}", view_index=0, failure="none")
        for k, iou in enumerate(ious)
    ]
    return summarize(name, "weights", samples)


def test_a_clear_difference_has_a_winner_whichever_comes_first() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.5, 0.9, 12)
    worse, better = _model("A", base.tolist()), _model("B", (base + rng.normal(0.03, 0.01, 12)).tolist())
    for first, second in ((worse, better), (better, worse)):
        one = paired_difference(first, second, "iou")
        assert one is not None and one.better == "B" and "B is better" in verdict(one) and "12 people" in verdict(one)
        assert abs(one.mean) == pytest.approx(0.03, abs=0.01)


def test_noise_has_none() -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(0.5, 0.9, 12)
    one = paired_difference(_model("A", base.tolist()), _model("B", (base + rng.normal(0, 0.05, 12)).tolist()), "iou")
    assert one is not None and one.better is None and "cannot tell" in verdict(one)


def test_less_is_better_where_it_is() -> None:
    ious: list[float | None] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    near, far = _model("near", ious, 1.0), _model("far", ious, 2.0)
    one = paired_difference(near, far, "chamfer_cm")
    assert one is not None and one.mean == 1.0 and one.better == "near"


def test_few_people_tell_nothing() -> None:
    for count in (1, 2, 5):
        one = paired_difference(_model("A", [0.1] * count), _model("B", [0.9] * count), "iou")
        assert one is not None and one.better is None and "too few" in verdict(one)


def test_failures_count_as_the_worst_or_leave_the_person_out() -> None:
    first, second = _model("A", [0.8] * 7), _model("B", [0.8] * 6 + [None])
    by_name = {one.metric: one for one in compare_models([first, second])}
    assert by_name["iou"].differences[-1] == -0.8 and by_name["iou"].left_out == 0
    assert len(by_name["chamfer_cm"].subjects) == 6 and by_name["chamfer_cm"].left_out == 1


def test_intervals_of_small_samples_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for trial in range(400):
        low, high = bootstrap_interval(rng.normal(1.0, 1.0, 12), draws=2000, seed=trial)
        hits += low is not None and high is not None and low <= 1.0 <= high
    assert 0.92 <= hits / 400 <= 0.98


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).normal(size=8)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)
