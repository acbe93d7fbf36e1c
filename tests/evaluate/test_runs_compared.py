"""Comparing runs, without a store: axes, drops, prices, what is best, what is said first, and the page in a browser."""

import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path

import pytest
from headless_browser import Browser, find_browser

from vitruvian.errors import InputError
from vitruvian.evaluate.runs.axes import axes_of, drops_of, place_on, placed
from vitruvian.evaluate.runs.comparable import find_remarks
from vitruvian.evaluate.runs.cost import Prices
from vitruvian.evaluate.runs.differences import find_differences
from vitruvian.evaluate.runs.drawings import Line, bars_drawing, reached_drawing, schedule_drawing
from vitruvian.evaluate.runs.figures import curve_figures, spending_figures
from vitruvian.evaluate.runs.measures import direction, winners
from vitruvian.evaluate.runs.page import comparison_page
from vitruvian.evaluate.runs.record import RunRecord, StageRecord
from vitruvian.evaluate.runs.table import table_rows

PRICES = Prices(core_hour=3.6, gpu_hour=7.2, currency="EUR")
TAGS = {
    "vitruvian.kind": "train",
    "vitruvian.method": "pifu",
    "vitruvian.data_fingerprint": "a" * 64,
    "vitruvian.code_diff": "none",
}


def stage(
    *, rates: tuple[float, ...] = (1.0,) * 8, iou: float = 0.5, tags: Mapping[str, str] = TAGS, **metrics: float
) -> StageRecord:
    """Eight steps in two epochs, two seconds a step, two cores."""
    used = {"usage/seconds": 20.0, "usage/cpu_seconds": 30.0, "usage/core_hours": 40 / 3600, "usage/attempts": 1.0}
    return StageRecord(
        run_id="1" * 32,
        run_name="tiny/shape",
        stage="shape",
        status="FINISHED",
        started=0.0,
        params={"training.batch_size": "4"},
        tags=tags,
        metrics={**used, **metrics},
        curves={
            "train/loss": tuple((k, 1.0 / (k + 1)) for k in range(8)),
            "train/learning_rate": tuple(enumerate(rates)),
            "train/seconds": tuple((k, 2.0 * k + 2) for k in range(8)),
            "epoch": ((3, 0.0), (7, 1.0)),
            "held_out/iou": ((3, iou - 0.1), (7, iou)),
        },
        seconds_recorded=True,
        models=(),
    )


def run(name: str, *stages: StageRecord) -> RunRecord:
    return RunRecord(name=name, reference=name, uri="", run_id=name, stages=stages, whole=stages[0])


def test_axes_of_a_run() -> None:
    one = stage()
    axes = {axis.name: axis for axis in axes_of([one], PRICES)}
    assert list(axes) == ["epochs", "steps", "time", "cost"] and axes["time"].label == "seconds of training"
    points = one.curves["held_out/iou"]
    assert placed(points, place_on(axes["epochs"], one, PRICES)) == [(1.0, 0.4), (2.0, 0.5)]
    assert placed(points, place_on(axes["steps"], one, PRICES)) == [(4.0, 0.4), (8.0, 0.5)]
    assert placed(points, place_on(axes["time"], one, PRICES)) == [(8.0, 0.4), (16.0, 0.5)]
    # two cores at 3.6 an hour: 0.002 a second
    assert [x for x, _ in placed(points, place_on(axes["cost"], one, PRICES))] == pytest.approx([0.016, 0.032])


def test_a_rate_is_dropped_when_it_was_level_before() -> None:
    assert drops_of(stage(rates=(1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01, 0.01))) == [3, 5]
    assert drops_of(stage(rates=(0.1, 0.5, 1.0, 0.8, 0.5, 0.25, 0.1, 0.01))) == []  # a warm-up, then a glide


def test_what_stages_cost_adds_up_and_unknown_stays_unknown() -> None:
    two = run("two", stage(), stage(**{"usage/gpu_hours": 0.5}))
    assert two.total("seconds") == 40.0 and two.total("gpu_hours") == 0.5
    assert PRICES.of_run(two) == pytest.approx(2 * 40 / 3600 * 3.6 + 0.5 * 7.2)
    bare = stage()
    bare.metrics.pop("usage/core_hours")  # type: ignore[attr-defined]
    assert PRICES.of_run(run("old", stage(), bare)) is None and PRICES.per_second(bare) is None
    assert "cost" not in [axis.name for axis in axes_of([stage(), bare], PRICES)]
    with pytest.raises(InputError, match="cpu-hour-price: is -1"):
        Prices(core_hour=-1)


def test_which_way_is_better() -> None:
    assert [direction(name) for name in ("iou", "ray_iou", "mse", "chamfer_cm", "normal_front_cosine", "novelty")] == [
        "higher", "higher", "lower", "lower", "lower", "",
    ]  # fmt: skip
    assert winners([0.5, None, 0.7, 0.7], "higher") == {2, 3} and winners([1.0, 1.0], "lower") == set() == winners(
        [1.0, 2.0], ""
    )


def test_the_table_has_the_last_and_the_best_and_marks_winners() -> None:
    rows = {row.key: row for row in table_rows([run("a", stage(iou=0.5)), run("b", stage(iou=0.7))], PRICES)}
    assert rows["shape/iou"].texts == ("0.5", "0.7") and rows["shape/iou"].best == {1}
    assert rows["seconds"].values == (20.0, 20.0) and not rows["seconds"].best
    assert rows["cost"].texts == ("0.04 EUR", "0.04 EUR") and rows["epochs"].texts == ("2", "2")
    assert "shape/iou/best" not in rows and "gpu_hours" not in rows
    assert rows["samples_per_second"].values == (2.0, 2.0)


def test_remarks_and_differences() -> None:
    a, other = stage(), stage(tags={**TAGS, "vitruvian.data_fingerprint": "b" * 64, "vitruvian.code_diff": "12ab"})
    assert find_remarks([run("a", a), run("b", stage())]) == [] == find_differences([run("a", a), run("b", stage())])
    remarks = find_remarks([run("a", a), run("b", other)])
    assert [remark.weight for remark in remarks] == ["warning", "warning"]
    assert remarks[0].text.startswith("b: the code had changes") and "a: aaaaaaaaaaaa; b: bbbbbbbbbbbb" in remarks[1].text
    assert [one.name for one in find_differences([run("a", a), run("b", other)])] == ["fingerprint", "uncommitted changes"]
    data = run("data", stage(tags={"vitruvian.kind": "datagen"}))
    assert "different work" in find_remarks([run("a", a), data])[0].text


def test_drawings_of_odd_values_are_still_drawings() -> None:
    assert schedule_drawing("t", [Line(0, "a", [(1.0, float("nan"))])], "steps") is None
    single = schedule_drawing("t", [Line(7, "<a>", [(1.0, 0.0)], [(1.0, 0.0)])], "steps")
    assert single is not None and "nan" not in single.body and "&lt;a&gt;" in single.html()
    assert "d1" in schedule_drawing("t", [Line(7, "a", [(1.0, 2.0), (2.0, 3.0)])], "steps").body  # type: ignore[union-attr]
    assert bars_drawing("t", []) is None and reached_drawing("t", [], "x") is None
    assert "nan" not in bars_drawing("t", [(0, "a", 0.0, "nothing")]).svg()  # type: ignore[union-attr]
    assert "nan" not in reached_drawing("t", [(0, "a", 0.0, 1.0), (1, "b", 0.0, 1.0)], "x").svg()  # type: ignore[union-attr]


def two_runs() -> tuple[list[RunRecord], str]:
    runs = [run("level", stage()), run("<b>dropped</b>", stage(rates=(1.0,) * 4 + (0.1,) * 4, iou=0.6))]
    text = comparison_page(
        runs,
        title="Two runs",
        remarks=find_remarks(runs),
        differences=find_differences(runs),
        rows=table_rows(runs, PRICES),
        curves=curve_figures(runs, "shape", PRICES),
        spending=spending_figures(runs, PRICES),
        prices=PRICES,
    )
    return runs, text


def test_the_page_has_every_row_of_the_table() -> None:
    runs, text = two_runs()
    table = text[text.index('<section id="table">') :]
    shown = re.findall(r'<tr><th scope="row">(.*?)(?: <i>.</i>)?</th>(.*?)</tr>', table[: table.index("</section>")])
    rows = table_rows(runs, PRICES)
    assert [title for title, _ in shown] == [row.title for row in rows]
    cells_shown = [tuple(map(unescape, re.findall(r"<td[^>]*>(.*?)</td>", cells))) for _, cells in shown]
    assert cells_shown == [row.texts for row in rows]
    marked = [{k for k, cell in enumerate(re.findall(r"<td([^>]*)>", cells)) if "best" in cell} for _, cells in shown]
    assert marked == [set(row.best) for row in rows]


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
@pytest.mark.parametrize("mobile", [False, True])
def test_the_page_in_a_browser(tmp_path: Path, mobile: bool) -> None:
    _, text = two_runs()
    (tmp_path / "page.html").write_text(text)
    executable = find_browser()
    assert executable is not None
    shown = "[...document.querySelectorAll('[data-over]')].filter(e => e.offsetParent).map(e => e.dataset.over).join()"
    with Browser(executable, width=390 if mobile else 1280, mobile=mobile, dark=mobile) as browser:
        browser.open(tmp_path / "page.html")
        assert browser.evaluate(shown) == "epochs,epochs"
        browser.evaluate("document.querySelector('[data-axis=cost]').click()")
        assert browser.evaluate(shown) == "cost,cost"
        assert browser.evaluate("document.querySelectorAll('#table td.best').length") == 1
        assert browser.evaluate("document.body.textContent.includes('<b>dropped</b>') && !document.querySelector('main b b')")
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert (
            not browser.errors and [address for address in browser.requests if not address.startswith(("file:", "data:"))] == []
        )
