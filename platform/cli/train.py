"""``vitruvian train``: train a recipe on a data set."""

from __future__ import annotations

from vitruvian.cli.arguments import parse

DESCRIPTION = """Train a method's recipe on shards, with Ray Train, tracked in MLflow.

A killed or interrupted run continues from its last checkpoint when the same command is started again, with the losses that an
undisturbed run would have had."""


def main(arguments: list[str], program: str) -> int:
    """Train and say where the weights are."""
    from vitruvian.train.options import TrainOptions

    options = parse(TrainOptions, arguments, program, DESCRIPTION)

    from vitruvian.train.run import train  # torch takes its time: --help and typing errors need not wait for it

    result = train(options)
    print(f"weights: {result.weights}")
    return 0
