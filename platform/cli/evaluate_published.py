"""``vitruvian evaluate published``: results of the original programs, measured as published."""

from __future__ import annotations

from vitruvian.cli.arguments import parse
from vitruvian.cli.counting import counting

DESCRIPTION = """Measure result files of the original Geo-PIFu and PIFu programs as Geo-PIFu's evaluation does.

    vitruvian datagen export runs/geopifu --layout geopifu --out exported
    (the original's test_shape_iccv.py --datasetDir exported/humanRender --resultsDir results ...)
    vitruvian evaluate published --results results --export exported

Leaves NUMBER_evalMetrics.json, NUMBER_evalMetrics_additional.json and avgEvalMetrics.json, as the original does. `vitruvian
evaluate` gives the same four measures for our models, on data of protocol geopifu."""


def main(arguments: list[str], program: str) -> int:
    """Measure and print the averages."""
    from vitruvian.evaluate.published_results import PublishedOptions, evaluate_published

    options = parse(PublishedOptions, arguments, program, DESCRIPTION)
    averages = evaluate_published(options, progress=counting("measured"))
    print(f"{averages.num_pictures} pictures")
    print(f"Vertex CD      {averages.chamfer_e4:10.4f}  x 1e-4, box of height 1")
    print(f"Vertex PSD     {averages.psd_e4:10.4f}  x 1e-4, box of height 1")
    print(f"Normal cosine  {averages.normal_cosine:10.6f}")
    print(f"Normal L2      {averages.normal_l2:10.6f}")
    return 0
