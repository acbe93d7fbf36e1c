"""What a comparison leaves beside its page for other programs: tables, curves, everything as JSON, plots as SVG pictures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vitruvian.evaluate.runs.axes import Axis, place_on
from vitruvian.evaluate.runs.comparable import Remark
from vitruvian.evaluate.runs.cost import Prices
from vitruvian.evaluate.runs.differences import Difference
from vitruvian.evaluate.runs.figures import Figure
from vitruvian.evaluate.runs.record import HELD_OUT, RunRecord
from vitruvian.evaluate.runs.table import Row
from vitruvian.mlflow_store import shown_uri

PAGE, TABLE, DIFFERENCES, CURVES, ALL, PLOTS = (
    "comparison.html", "runs.csv", "differences.csv", "curves.csv", "comparison.json", "plots",
)  # fmt: skip


def write_files(
    out: Path,
    page: str,
    *,
    runs: Sequence[RunRecord],
    remarks: Sequence[Remark],
    differences: Sequence[Difference],
    rows: Sequence[Row],
    figures: Sequence[Figure],
    prices: Prices,
) -> None:
    """Write everything; plots of an earlier comparison in the folder go."""
    plots = {
        f"{figure.name}{f'-{axis}' if axis else ''}.svg": drawing.svg()
        for figure in figures
        for axis, drawing in figure.over.items()
    }
    folder = out / PLOTS
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        if old.name not in plots:
            old.unlink()
    contents = {
        PAGE: page,
        TABLE: runs_csv(runs, rows),
        DIFFERENCES: _csv(
            [("group", "name", *(run.name for run in runs)), *((d.group, d.name, *d.values) for d in differences)]
        ),
        CURVES: curves_csv(runs, prices),
        ALL: json.dumps(as_json(runs, remarks, differences, rows, prices), indent=2) + "\n",
        **{f"{PLOTS}/{name}": picture for name, picture in plots.items()},
    }
    for name, content in contents.items():
        temporary = out / f"{name}.tmp"
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(out / name)


def runs_csv(runs: Sequence[RunRecord], rows: Sequence[Row]) -> str:
    """One row a run, values as they were recorded."""
    head = ("run", *(row.key for row in rows))
    return _csv([head, *((run.name, *(_cell(row.values[k]) for row in rows)) for k, run in enumerate(runs))])


def curves_csv(runs: Sequence[RunRecord], prices: Prices) -> str:
    """One row a point of a curve: training loss, learning rate and held-out metrics, with epoch, seconds and cost there."""
    table: list[Sequence[object]] = [("run", "stage", "metric", "step", "epoch", "seconds", "cost", "value")]
    for run in runs:
        for stage in run.stages:
            places = [place_on(Axis(name=name, label=""), stage, prices) for name in ("epochs", "time", "cost")]
            for metric, points in stage.curves.items():
                if metric in ("train/loss", "train/learning_rate") or metric.startswith(HELD_OUT):
                    for step, value in points:
                        where = (_cell(place(step)) for place in places)
                        table.append((run.name, stage.stage, metric, step, *where, value))
    return _csv(table)


def as_json(
    runs: Sequence[RunRecord],
    remarks: Sequence[Remark],
    differences: Sequence[Difference],
    rows: Sequence[Row],
    prices: Prices,
) -> dict[str, Any]:
    """Everything but the curves."""
    return {
        "runs": [
            {
                "name": run.name,
                "run_id": run.run_id,
                "tracking_uri": shown_uri(run.uri),
                "kind": run.kind,
                "values": {row.key: row.values[k] for row in rows},
                "stages": [
                    {"run_id": s.run_id, "stage": s.stage, "status": s.status, "params": dict(s.params), "tags": _own(s.tags)}
                    for s in run.stages
                ],
            }
            for k, run in enumerate(runs)
        ],
        "remarks": [asdict(remark) for remark in remarks],
        "differences": [asdict(one) for one in differences],
        "best": {row.key: [runs[place].name for place in sorted(row.best)] for row in rows if row.best},
        "prices": asdict(prices),
    }


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name.startswith("vitruvian.")}


def _cell(value: object) -> object:
    return "" if value is None else value


def _csv(rows: Sequence[Sequence[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
