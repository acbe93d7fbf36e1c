"""``vitruvian doctor``: what is installed, which renderers, devices and optional parts work, and how to get what is missing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vitruvian.cli.arguments import parse
from vitruvian.cli.checks import Finding, Status, examine

SIGNS: dict[Status, str] = {
    "ok": "[green]ok[/]",
    "missing": "[yellow]not installed[/]",
    "broken": "[red]broken[/]",
    "warning": "[yellow]warning[/]",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What to print."""

    json: bool = False
    """Print one JSON object instead of tables, for scripts."""


def show(findings: list[Finding], console: Console) -> None:
    """A table a group."""
    for group in dict.fromkeys(finding.group for finding in findings):
        table = Table(title=group, title_justify="left", show_header=False, box=None, pad_edge=False, title_style="bold")
        table.add_column(min_width=15)
        table.add_column(min_width=14)
        table.add_column(overflow="fold")
        for finding in (f for f in findings if f.group == group):
            remedy = f"\n[dim]{escape(finding.remedy)}[/]" if finding.remedy else ""
            table.add_row(finding.name, SIGNS[finding.status], escape(finding.detail) + remedy)
        console.print(table)
        console.print()


def main(arguments: list[str], program: str) -> int:
    """0 when everything that is required works, else 1."""
    options = parse(Options, arguments, program, "Say what is installed, what works, and how to get what is missing.")
    findings = examine()
    healthy = all(finding.status == "ok" for finding in findings if finding.required)
    if options.json:
        print(json.dumps({"healthy": healthy, "findings": [asdict(finding) for finding in findings]}, indent=2))
        return 0 if healthy else 1
    show(findings, Console(highlight=False))
    print("Ready: all that is required works." if healthy else "Not ready: mend the lines of 'core' that are not ok.")
    return 0 if healthy else 1
