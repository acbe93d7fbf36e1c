"""``vitruvian compare``: runs side by side: what differs, what it brought, what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitruvian.cli.arguments import parse

if TYPE_CHECKING:
    from vitruvian.evaluate.runs.compare import Comparison

DESCRIPTION = """Compare runs that are recorded in MLflow: metrics against schedule, time and cost.

  vitruvian compare runs/pifu-tiny runs/mine                       two trainings, by their folders
  vitruvian compare models:/pifu@tiny models:/pifu@champion        what is behind registered models
  vitruvian compare 3f2a 91bc --cpu-hour-price 0.05 --currency EUR by the beginning of their ids
  vitruvian compare --experiment pifu --out runs/all               every run of an experiment
  vitruvian compare SWEEP                                          the trials of a sweep, by its id or name

It says first whether the runs can be compared at all (the same data, held-out people, metrics, committed code) and what differs
between them, only that. Then a table, and curves of losses and held-out metrics over epochs, steps, time and cost with the
learning rate below. The page is one HTML file that opens offline; beside it lie CSV, JSON and SVG files for other programs.

Cost is cores and GPUs that a run's workers held, times hours, times the prices given. Default prices are round figures."""

MAX_COLUMNS = 6
"""Runs side by side in a terminal; more are listed one below the other."""


def main(arguments: list[str], program: str) -> int:
    """Compare and print the table."""
    from vitruvian.evaluate.runs.options import CompareOptions

    options = parse(CompareOptions, arguments, program, DESCRIPTION)

    from vitruvian.evaluate.runs.compare import compare

    comparison = compare(options)
    show(comparison)
    print(f"Open {comparison.page} in a browser.")
    return 0


def show(comparison: Comparison) -> None:
    """Remarks, what differs, and the table."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    for remark in comparison.remarks:
        style, word = ("bold red", "WARNING") if remark.weight == "warning" else ("yellow", "note")
        console.print(f"[{style}]{word}:[/] {escape(remark.text)}", soft_wrap=True)
    runs, few = comparison.runs, len(comparison.runs) <= MAX_COLUMNS

    def table(title: str) -> Table:
        made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        made.add_column("")
        for run in runs:
            made.add_column(escape(run.name), justify="right", overflow="fold")
        return made

    if few and len(runs) > 1:
        differing = table("What differs")
        for one in comparison.differences:
            differing.add_row(escape(f"{one.group}: {one.name}"), *map(escape, one.values))
        console.print(differing if comparison.differences else "Nothing that was recorded differs.")
    if few:
        side_by_side = table("Side by side")
        for row in comparison.rows:
            cells = [f"[bold]{escape(text)}[/]" if k in row.best else escape(text) for k, text in enumerate(row.texts)]
            side_by_side.add_row(escape(row.shown_title), *cells)
        console.print(side_by_side)
        return
    listed = Table(box=None, pad_edge=False)
    shown = [row for row in comparison.rows if row.group != "Run" and not row.key.endswith("/best")][:MAX_COLUMNS]
    for title in ("run", *(row.shown_title for row in shown)):
        listed.add_column(escape(title), overflow="fold")
    for k, run in enumerate(runs):
        listed.add_row(escape(run.name), *(f"[bold]{r.texts[k]}[/]" if k in r.best else r.texts[k] for r in shown))
    console.print(listed)
