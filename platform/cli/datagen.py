"""``vitruvian datagen``: render and sample people into Arrow shards."""

from __future__ import annotations

from vitruvian.cli.arguments import parse

DESCRIPTION = """Render and sample people into Arrow shards, with a pool of Ray actors.

Every block of subjects becomes one shard, a pure function of the seed: a killed or interrupted run continues when the same
command is started again, and ends with the same bytes. Subjects that cannot be used are set aside with the reason."""


def main(arguments: list[str], program: str) -> int:
    """Generate a data set and say what is in it."""
    from vitruvian.datagen.options import DatagenOptions

    options = parse(DatagenOptions, arguments, program, DESCRIPTION)

    from vitruvian.datagen.run import generate

    report = generate(options, progress=True)
    print(report)
    return 0
