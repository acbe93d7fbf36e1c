"""``vitruvian evaluate``: measure weights on held-out people, and compare models."""

from __future__ import annotations

from collections.abc import Sequence

from vitruvian.cli.arguments import parse
from vitruvian.cli.counting import counting

DESCRIPTION = """Reconstruct held-out people from single pictures, measure the meshes against the truth and write a report.

    vitruvian evaluate --data runs/people --weights runs/pifu runs/geopifu models:/pifu@paper --out runs/comparison

The report is one HTML file that opens offline: pictures, reconstructions and truth in 3D with their errors as colours, every
metric, and of several models which is better as far as these people can tell. Beside it lie table.csv, table.md, samples.csv,
metrics.json and plots/. The same command continues an interrupted evaluation. Models must not have been trained on these
people.

`vitruvian evaluate bodies --help`: weights that estimate bodies (PyMAF), on held-out people and published lists.
`vitruvian evaluate published --help`: the original programs' results, measured as Geo-PIFu's evaluation does."""

REPEATABLE = ("--weights", "--name")


def main(arguments: list[str], program: str) -> int:
    """Evaluate and print the table of means."""
    if arguments and arguments[0] == "published":
        from vitruvian.cli.evaluate_published import main as published

        return published(arguments[1:], f"{program} published")

    if arguments and arguments[0] == "bodies":
        from vitruvian.cli.evaluate_bodies import main as bodies

        return bodies(arguments[1:], f"{program} bodies")

    from vitruvian.evaluate.options import EvaluateOptions

    options = parse(EvaluateOptions, gathered(arguments, REPEATABLE), program, DESCRIPTION)

    from vitruvian.evaluate.comparison import compare_models, verdict
    from vitruvian.evaluate.evaluate import evaluate
    from vitruvian.evaluate.metrics.catalogue import METRICS

    report = evaluate(options, progress=counting("reconstructed"))
    if report.warning:
        print(f"WARNING: {report.warning}\n")
    print(report)
    for difference in compare_models(report.models, seed=options.seed):
        if METRICS[difference.metric].headline:
            pair = f"{difference.first} / {difference.second}: " if len(report.models) > 2 else ""
            print(f"{pair}{verdict(difference)}")
    if options.report:
        print(f"Open {options.out / 'report.html'} in a browser.")
    return 0


def gathered(arguments: Sequence[str], names: Sequence[str]) -> list[str]:
    """The arguments with each of these options written once, at its first place, with the values of all its occurrences."""
    values: dict[str, list[str]] = {name: [] for name in names}
    places: dict[str, int] = {}
    rest: list[str | None] = []
    current: str | None = None
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in values:
            current = name
            if name not in places:
                places[name] = len(rest)
                rest.append(None)
            if equals:
                values[name].append(value)
        elif argument.startswith("-") or current is None:
            current = None
            rest.append(argument)
        else:
            values[current].append(argument)
    written = {place: [name, *values[name]] for name, place in places.items()}
    return [part for place, text in enumerate(rest) for part in (written[place] if text is None else [text])]
