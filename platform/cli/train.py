"""``vitruvian train``: train a recipe on a data set."""

from __future__ import annotations

import sys

from vitruvian.cli.arguments import parse

DESCRIPTION = """Train a method, with Ray Train, tracked in MLflow.

A recipe is a method's whole configuration: its data, its stages, their networks and schedules. Its stages run in order, and
each leaves a weights folder that is all a reconstruction needs. Without --data the recipe's own data set is generated first.

A killed or interrupted run continues when the same command is started again, wherever it was: in the data, in what one stage's
network says of the samples for the next one, or in a stage. It has the losses that an undisturbed run would have had.

  vitruvian train pifu                                            people, pictures, weights: minutes on two cores
  vitruvian train pifu --data runs/people --out runs/mine         on your own data set
  vitruvian train pifu --data s3://bucket/people --out s3://bucket/runs/mine    at URLs, also on several machines
  vitruvian train pymaf --data lists.json                         on lists of photographs, mixed as published (docs/pymaf.md)
  vitruvian train pifu --stages color                             one more stage, on the weights that are there
  vitruvian train pifu --recipe paper --set training.accumulate=2 a batch in two pieces, to save memory
  vitruvian train pifu --recipe paper --init runs/imported/shape --data runs/scans    go on from given weights"""


def main(arguments: list[str], program: str) -> int:
    """Train and say where the weights are."""
    from vitruvian.train.options import TrainOptions

    options = parse(TrainOptions, arguments, program, DESCRIPTION)

    from vitruvian.storage.folders import shown
    from vitruvian.train.run import train  # torch takes its time: --help and typing errors need not wait for it

    result = train(options)
    for stage in (*result.earlier, result):
        state = "" if stage.finished else " (not finished; the same command continues)"
        print(f"weights of {stage.stage}: {shown(stage.weights)}{state}")
    if unsent := next((stage.unsent for stage in (*result.earlier, result) if stage.unsent), ""):
        print(f"WARNING: MLflow does not have all of this training. {unsent}", file=sys.stderr)
        print("Nothing is lost: the same command sends what is missing once the store answers.", file=sys.stderr)
    return 0
