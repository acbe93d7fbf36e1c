"""Table, plots and page of a sweep."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from sweep_parts import DROPOUT, RATE, record

from vitruvian.tune.ranking import best_of, ranked
from vitruvian.tune.report.drawings import axis_marks, axis_share, sweep_drawings
from vitruvian.tune.report.page import page
from vitruvian.tune.report.shown import Sweep
from vitruvian.tune.report.table import terminal_table, trials_csv, trials_json
from vitruvian.tune.report.write import write_sweep_report

RECORDS = [
    record(0, 0.30),
    record(1, 0.25, rate=0.01, dropout=0.1),
    record(2, 0.20, "stopped", rate=0.02, dropout=0.0),
    record(3, None, "failed", rate=0.09, dropout=0.3),
    record(4, 0.25, rate=0.03, dropout=0.0),
]


def sweep(records: list = RECORDS) -> Sweep:  # type: ignore[type-arg]
    order = ranked(records, "min")
    return Sweep(
        method="pifu",
        recipe="tiny",
        space="<schedule>",
        parameters={"rate": RATE, "dropout": DROPOUT},
        stage="fit",
        metric="error",
        mode="min",
        records=tuple(order),
        best=best_of(records, "min"),
        facts={"Data": "<wave>"},
    )


def test_the_best_has_finished_and_of_equals_is_the_first() -> None:
    assert [one.number for one in ranked(RECORDS, "min")] == [1, 4, 0, 2, 3]
    assert [one.number for one in ranked(RECORDS, "max")] == [0, 1, 4, 2, 3]
    best = best_of(RECORDS, "min")
    assert best is not None and best.number == 1
    assert best_of(RECORDS[2:4], "min") is None


def test_the_tables_have_every_trial() -> None:
    rows = list(csv.DictReader(io.StringIO(trials_csv(sweep()))))
    assert [row["trial"] for row in rows] == ["1", "4", "0", "2", "3"]
    assert rows[0]["rate"] == "0.01" and rows[2]["rate"] == "" and rows[3]["state"] == "stopped"
    assert [row["error"] for row in rows] == ["0.25", "0.25", "0.3", "0.2", ""]
    content = json.loads(trials_json(sweep()))
    assert content["best"] == 1 and [trial["number"] for trial in content["trials"]] == [1, 4, 0, 2, 3]
    assert content["trials"][0]["set"] == {"fit.training.learning_rate": 0.01, "fit.dropout": 0.1}
    assert content["trials"][0]["curve"] == [[1, 0.5], [2, 0.25]]
    lines = terminal_table(sweep()).splitlines()
    assert lines[1].endswith("best") and lines[4].endswith("stopped") and "as it is" in lines[3]


def test_axes() -> None:
    assert axis_share(RATE, 1e-4) == 0 and axis_share(RATE, 0.1) == pytest.approx(1)
    assert axis_share(RATE, 10**-2.5) == pytest.approx(0.5)
    assert [axis_share(DROPOUT, value) for value in DROPOUT.values] == [0, 0.5, 1]
    assert [text for _, text in axis_marks(DROPOUT)] == ["0", "0.1", "0.3"]


def test_the_plots_show_what_they_should() -> None:
    drawn = sweep_drawings(sweep())
    assert list(drawn) == ["curves", "parallel", "parameter-rate", "parameter-dropout"]
    counts = {"curves": ("path", 5), "parallel": ("path", 3), "parameter-rate": ("circle", 3)}
    for name, (tag, count) in counts.items():
        root = ElementTree.fromstring(drawn[name].svg())
        assert len(root.findall(f".//{{http://www.w3.org/2000/svg}}{tag}")) == count, name
    lone = sweep_drawings(sweep([replace(RECORDS[0], curve=())]))
    assert lone == {}  # nothing to draw


def test_the_page_loads_nothing_and_escapes(tmp_path: Path) -> None:
    text = page(sweep())
    assert "<script" not in text and not re.search(r"(src|href)=\"(?!data:)", text)
    assert "&lt;schedule&gt;" in text and "<schedule>" not in text and "&lt;wave&gt;" in text
    assert "Best is <b>trial 1</b> with error <b>0.2500</b>" in text and "comes to 0.3000" in text
    assert "3 finished, 1 stopped early, 1 failed" in text
    assert "None has finished" in page(sweep(RECORDS[2:4]))
    assert write_sweep_report(tmp_path, sweep()).read_text() == text
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "trials.csv", "trials.json", "plots"}
    assert (tmp_path / "plots" / "parallel.svg").exists()
