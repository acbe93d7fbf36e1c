"""Averages, what failures count as, and metrics.json."""

from pathlib import Path

import pytest

from vitruvian.errors import InputError
from vitruvian.evaluate.evaluate import EvaluateOptions, choose_samples
from vitruvian.evaluate.models import model_names
from vitruvian.evaluate.results import EvaluationReport, SampleResult, load_evaluation, summarize


def _sample(subject: str, view: int = 0, failure: str | None = None, **metrics: float) -> SampleResult:
    return SampleResult(model="tiny", subject_id=subject, view_index=view, metrics=metrics, failure=failure)


SAMPLES = [
    _sample("a", 0, iou=0.9, chamfer_cm=1.0),
    _sample("a", 1, iou=0.7, chamfer_cm=2.0),
    _sample("b", 0, iou=0.8, chamfer_cm=6.0),
    _sample("c", 0, failure="no surface"),
]


def test_a_failure_counts_as_nothing_reconstructed() -> None:
    model = summarize("tiny", "weights", SAMPLES)
    assert (model.num_samples, model.num_failed) == (4, 1)
    assert model.mean["iou"] == pytest.approx((0.9 + 0.7 + 0.8 + 0) / 4)
    assert model.median["iou"] == pytest.approx(0.75)
    assert model.mean["chamfer_cm"] == pytest.approx(3.0) and model.median["chamfer_cm"] == 2.0
    assert model.measured["iou"] == 4 and model.measured["chamfer_cm"] == 3
    assert model.subjects["a"]["iou"] == pytest.approx(0.8)
    assert model.subjects["c"]["iou"] == 0.0 and "chamfer_cm" not in model.subjects["c"]


def test_there_is_no_average_of_nothing() -> None:
    with pytest.raises(ValueError, match="no sample"):
        summarize("tiny", "weights", [])


def test_saved_and_loaded_results_are_the_same(tmp_path: Path) -> None:
    report = EvaluationReport(
        folder=tmp_path,
        models=(summarize("tiny", "weights", SAMPLES),),
        samples=tuple(SAMPLES),
        settings={"cell_mm": 6.0},
        data={"fingerprint": "f"},
        seconds=1.5,
    )
    report.save()
    assert load_evaluation(tmp_path) == report
    assert report.to_json()["iou"] == report.iou == pytest.approx(0.6)
    assert "Volume IoU" in str(report) and "3/4" in str(report)


def test_errors_say_which_file_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metrics\.json: there is no such file"):
        load_evaluation(tmp_path)
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(InputError, match="is not JSON"):
        load_evaluation(tmp_path)
    (tmp_path / "metrics.json").write_text('{"format": 99}')
    with pytest.raises(InputError, match="evaluate again"):
        load_evaluation(tmp_path)


def test_views_are_spread_evenly_over_each_person() -> None:
    people = [range(0, 4), range(4, 8), range(8, 9)]
    assert choose_samples(people) == [0, 4, 8]
    assert choose_samples(people, views=2) == [0, 2, 4, 6, 8]
    assert choose_samples(people, views=None) == list(range(9))
    assert choose_samples(people, views=1, max_subjects=2) == [0, 4]


def test_models_are_told_apart_by_the_end_of_their_path() -> None:
    assert model_names(["/runs/a/weights"], ["PIFu tiny"]) == ["PIFu tiny"]
    folders, same = ["/runs/a/weights", "/runs/b/weights"], ["PIFu tiny", "PIFu tiny"]
    assert model_names(folders, ["PIFu tiny", "PIFu paper"]) == ["PIFu tiny", "PIFu paper"]
    assert model_names(folders, same) == ["a", "b"]
    assert model_names(["/runs/a/shape", "/runs/b/shape"], same) == ["a-shape", "b-shape"]
    assert model_names(["models:/pifu@tiny", "models:/pifu/3"], same) == ["pifu@tiny", "3"]
    with pytest.raises(InputError, match="twice"):
        model_names(["/runs/a", "/runs/b/../a"], same)


@pytest.mark.parametrize(
    "bad",
    [
        {"weights": ()},
        {"name": ("one", "two")},
        {"views": 0},
        {"max_subjects": 0},
        {"cell_mm": 0.0},
        {"surface_samples": 5},
        {"threads": 0},
    ],
)
def test_options_are_checked(bad: dict) -> None:
    good = {"data": Path("d"), "weights": ("w",), "out": Path("o")}
    EvaluateOptions(**good)
    with pytest.raises(InputError, match=next(iter(bad)).replace("_", "-")):
        EvaluateOptions(**{**good, **bad})
