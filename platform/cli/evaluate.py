"""``vitruvian evaluate``: measure weights on held-out people."""

from __future__ import annotations

from vitruvian.cli.arguments import parse
from vitruvian.cli.counting import counting

DESCRIPTION = """Reconstruct held-out people from single pictures, measure the meshes against the truth and write a report.

The report is one HTML file that opens offline: pictures, reconstructions and truth in 3D, and every metric."""


def main(arguments: list[str], program: str) -> int:
    """Evaluate and print the table of means."""
    from vitruvian.evaluate.options import EvaluateOptions

    options = parse(EvaluateOptions, arguments, program, DESCRIPTION)

    from vitruvian.evaluate.evaluate import evaluate

    report = evaluate(options, progress=counting("reconstructed"))
    print(report)
    return 0
