"""``vitruvian tune``: search a recipe's options."""

from __future__ import annotations

from vitruvian.cli.arguments import parse
from vitruvian.methods.space_registry import listed_spaces

DESCRIPTION = """Train a recipe many times with other options, on Ray Tune, and find the best.

A search space is a Python function beside the method; it says which options of a recipe to vary, and between which values.
Every trial is a whole training through the same loop as `vitruvian train`, tracked in MLflow below the sweep's run.

A killed or interrupted sweep continues when the same command is started again: trials that ended are not repeated, those that
ran go on at their checkpoints. A higher --trials adds to what is there. At the end there are a table, plots on one HTML page,
and the winner: registered under an alias, and as best.json, which `vitruvian train METHOD --recipe FILE` takes.

  vitruvian tune pifu --space schedule                                     12 trials, as many at a time as there are cores
  vitruvian tune pifu --space schedule --search optuna --scheduler asha --trials 40     stop what falls behind
  vitruvian tune pifu --space schedule --vary rate --scheduler pbt --trials 8           change the rate while it trains
  vitruvian tune geopifu --space fusion --part coarse=runs/geopifu-tiny    on a coarse network that is there

Search spaces (--space):
"""


def main(arguments: list[str], program: str) -> int:
    """Tune and print the table of trials."""
    from vitruvian.tune.options import TuneOptions

    options = parse(TuneOptions, arguments, program, DESCRIPTION + listed_spaces())

    from vitruvian.tune.report.table import terminal_table
    from vitruvian.tune.run import tune  # torch takes its time: --help and typing errors need not wait for it

    result = tune(options)
    print(terminal_table(result.sweep))
    if not result.finished:
        print("Not finished; the same command continues.")
    if result.best is not None:
        print(f"best: trial {result.best.number}, held-out {result.sweep.metric} {result.best.score:.4f}")
        print(f"recipe: {result.recipe_file}  (vitruvian train {options.method} --recipe {result.recipe_file})")
        print(f"weights: {result.weights}")
        if result.model is not None:
            print(f"registered: {result.model}, {result.model.rsplit('/', 1)[0]}@{options.alias}")
    print(f"Open {result.report} in a browser.")
    return 0
