"""The table of trials: for the terminal, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from vitruvian.train.progress import duration
from vitruvian.tune.progress import shown_value
from vitruvian.tune.report.shown import Sweep

HEAD = ("rank", "trial", "state")


def trials_csv(sweep: Sweep) -> str:
    """One row a trial, the best first; a column a parameter, a metric."""
    metrics = _metrics(sweep)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEAD, *sweep.parameters, "epochs", "seconds", *metrics])
    for rank, record in enumerate(sweep.records, start=1):
        outcome = record.outcome
        values = [_plain(record.entry.values.get(name)) for name in sweep.parameters]
        ends = [outcome.epochs, round(outcome.seconds, 1)] if outcome else [len(record.curve), ""]
        figures = [outcome.metrics.get(name, "") if outcome else "" for name in metrics]
        writer.writerow([rank, record.number, outcome.state if outcome else "open", *values, *ends, *figures])
    return text.getvalue()


def trials_json(sweep: Sweep) -> str:
    """All that is known of every trial, learning curves too."""
    rows = [
        {
            "rank": rank,
            **{name: value for name, value in asdict(record.entry).items() if name != "settings"},
            "set": dict(record.entry.settings),
            "outcome": None if record.outcome is None else asdict(record.outcome),
            "curve": [list(point) for point in record.curve],
        }
        for rank, record in enumerate(sweep.records, start=1)
    ]
    content = {
        "method": sweep.method,
        "recipe": sweep.recipe,
        "space": sweep.space,
        "stage": sweep.stage,
        "metric": sweep.metric,
        "mode": sweep.mode,
        "best": None if sweep.best is None else sweep.best.number,
        "parameters": {name: repr(parameter) for name, parameter in sweep.parameters.items()},
        "facts": dict(sweep.facts),
        "trials": rows,
    }
    return json.dumps(content, indent=1) + "\n"


def rows_of(sweep: Sweep) -> list[list[str]]:
    """Head and rows as short texts, for the terminal and the page."""
    rows = [["trial", sweep.metric, *sweep.parameters, "epochs", "time", ""]]
    for record in sweep.records:
        outcome = record.outcome
        score = "–" if record.score is None else f"{record.score:.4f}"
        empty = "as it is" if not record.entry.values else ""
        values = [shown_value(record.entry.values[name]) if name in record.entry.values else empty for name in sweep.parameters]
        state: str = "open" if outcome is None else "" if outcome.state == "finished" else outcome.state
        if sweep.best is not None and record.number == sweep.best.number:
            state = "best"
        ends = [str(outcome.epochs), duration(outcome.seconds)] if outcome else [str(len(record.curve)), "–"]
        rows.append([str(record.number), score, *values, *ends, state])
    return rows


def terminal_table(sweep: Sweep) -> str:
    """Columns of equal width."""
    rows = rows_of(sweep)
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _metrics(sweep: Sweep) -> list[str]:
    names = [name for record in sweep.records if record.outcome is not None for name in record.outcome.metrics]
    return list(dict.fromkeys([sweep.metric, *names]))


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list | tuple) else value
