"""``vitruvian datagen``: render and sample people into Arrow shards."""

from __future__ import annotations

from vitruvian.cli.arguments import parse


def main(arguments: list[str], program: str) -> int:
    """Generate a data set and say what is in it."""
    from vitruvian.datagen.options import DatagenOptions, guide

    options = parse(DatagenOptions, arguments, program, guide())

    from vitruvian.datagen.run import generate
    from vitruvian.shards.summary import summarise

    report = generate(options, progress=True)
    print(report)
    print(summarise(report.root))
    return 0
