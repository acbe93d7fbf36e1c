"""``compare``: from what a user names to a page, tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vitruvian.errors import InputError
from vitruvian.evaluate.runs.comparable import Remark, find_remarks
from vitruvian.evaluate.runs.differences import Difference, find_differences, stage_names
from vitruvian.evaluate.runs.figures import curve_figures, spending_figures
from vitruvian.evaluate.runs.files import PAGE, write_files
from vitruvian.evaluate.runs.find import find_runs
from vitruvian.evaluate.runs.options import CompareOptions
from vitruvian.evaluate.runs.page import comparison_page
from vitruvian.evaluate.runs.read import read_records
from vitruvian.evaluate.runs.record import RunRecord
from vitruvian.evaluate.runs.table import Row, table_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What came out."""

    runs: Sequence[RunRecord]
    remarks: Sequence[Remark]
    differences: Sequence[Difference]
    rows: Sequence[Row]
    page: Path


def compare(options: CompareOptions) -> Comparison:
    """Read the runs, compare them, write the folder. Raises ``InputError`` for runs and stores that are not there."""
    prices = options.prices
    places = find_runs(options.runs, experiments=options.experiment, tracking_uri=options.tracking_uri)
    if len(places) > options.max_runs:
        raise InputError(
            f"{len(places)} runs are meant; more than {options.max_runs} cannot be told apart in a plot. Name those to "
            "compare, or raise --max-runs."
        )
    runs = read_records(places, options.name)
    remarks, differences = find_remarks(runs), find_differences(runs)
    rows = table_rows(runs, prices, options.metrics)
    curves = [figure for stage in stage_names(runs) for figure in curve_figures(runs, stage, prices, options.metrics)]
    spending = spending_figures(runs, prices, options.metrics)
    out = options.out.expanduser().absolute()
    page = comparison_page(
        runs,
        title=options.title or _title(runs),
        remarks=remarks,
        differences=differences,
        rows=rows,
        curves=curves,
        spending=spending,
        prices=prices,
    )
    write_files(
        out,
        page,
        runs=runs,
        remarks=remarks,
        differences=differences,
        rows=rows,
        figures=[*curves, *spending],
        prices=prices,
    )
    return Comparison(runs=runs, remarks=remarks, differences=differences, rows=rows, page=out / PAGE)


def _title(runs: Sequence[RunRecord]) -> str:
    methods = dict.fromkeys(run.whole.tags.get("vitruvian.method", "") for run in runs)
    what = " and ".join(filter(None, methods))
    return f"{len(runs)} runs compared" if not what else f"{len(runs)} runs of {what} compared"
