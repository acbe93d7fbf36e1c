"""``vitruvian demo``: the whole way through the house, from no data at all to a page with reconstructed people."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vitruvian.cli.arguments import parse
from vitruvian.cli.counting import counting

if TYPE_CHECKING:
    from vitruvian.datagen.run import DatasetReport
    from vitruvian.evaluate.results import EvaluationReport
    from vitruvian.train.results import TrainResult

DESCRIPTION = """Generate people, train PIFu on them, reconstruct people it has not seen, and show it all on one page.

Nothing is downloaded and no registration is needed. The same command continues an interrupted demo. In the out folder:
report.html (open it), metrics.json, data/ (Arrow shards), train/ (weights, history), samples/ (meshes), mlflow.db."""

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How much of everything."""

    out: Path = Path("runs/demo")
    """Where everything goes."""
    num_subjects: int = 400
    """People to generate."""
    held_out: int = 12
    """How many of them training never sees; these are reconstructed and measured."""
    views_per_subject: int = 3
    """Pictures of each person."""
    arc_deg: int = 60
    """They are taken from the front and up to half of this to either side. 360, all around, takes longer to learn."""
    poses: str = "upright"
    """What people do: `upright` (stand and gesture) is quickly learned; `everyday` also sits, kneels and runs."""
    size_px: int = 256
    """Width and height of the pictures."""
    recipe: str = "tiny"
    """PIFu's recipe to train."""
    epochs: int | None = None
    """Epochs instead of the recipe's; fewer are faster and worse."""
    seed: int = 0
    """Everything random follows from it."""


@dataclass(slots=True)
class Steps:
    """Announces each step, times it and remembers how long it took."""

    total: int
    seconds: dict[str, float]

    def run(self, title: str, work: Callable[[], Result]) -> Result:
        print(f"\n[{len(self.seconds) + 1}/{self.total}] {title}", flush=True)
        start = time.perf_counter()
        result = work()
        self.seconds[title] = time.perf_counter() - start
        return result


def main(arguments: list[str], program: str) -> int:
    """Run the demo; 0 when the report is written."""
    options = parse(Options, arguments, program, DESCRIPTION)

    from vitruvian.datagen.run import DatagenOptions, generate
    from vitruvian.evaluate.evaluate import EvaluateOptions, evaluate
    from vitruvian.ray_local import start_ray
    from vitruvian.train.options import TrainOptions
    from vitruvian.train.run import train

    out = options.out
    datagen = DatagenOptions(
        out=out / "data",
        num_subjects=options.num_subjects,
        held_out=options.held_out,
        views_per_subject=options.views_per_subject,
        arc_deg=options.arc_deg,
        poses=options.poses,
        size_px=options.size_px,
        supersample=3,
        shadows=False,
        items=("mesh", "rgb", "mask", "query_points", "solid_voxels"),
        query_points=20_000,
        voxel_resolution=64,
        seed=options.seed,
    )
    training = TrainOptions(
        method="pifu",
        data=datagen.out,
        out=out / "train",
        recipe=options.recipe,
        epochs=options.epochs,
        seed=options.seed,
    )
    steps = Steps(total=4, seconds={})
    with start_ray():
        data = steps.run("People, pictures and query points: Ray actors into Arrow shards", lambda: generate(datagen))
        trained = steps.run(f"PIFu {options.recipe}: Ray Train, tracked in MLflow", lambda: train(training))
    judging = EvaluateOptions(
        data=datagen.out,
        weights=(str(trained.weights),),
        out=out,
        report=False,
        threads=2,
        mlflow_tracking_uri=trained.tracking_uri,
        mlflow_run_id=trained.run_id,
    )
    counted = counting("reconstructed")
    judged = steps.run("People it has never seen, each from one picture", lambda: evaluate(judging, progress=counted))
    page = steps.run("The report", lambda: _write_report(out, data, trained, judged, steps.seconds))
    _say_what_came_out(page, trained, judged, steps.seconds)
    return 0


def _write_report(
    out: Path, data: DatasetReport, trained: TrainResult, judged: EvaluationReport, seconds: dict[str, float]
) -> Path:
    from vitruvian.cli.story import training_facts, training_plots
    from vitruvian.evaluate.report import Duration, Fact, ReportData, write_report

    facts = [
        Fact(label="People", value=f"{data.num_subjects} built-in people, {data.num_samples} pictures", group="Data"),
        Fact(
            label="Size",
            value=f"{data.bytes / 1e6:.0f} MB, {data.bytes / data.num_samples / 1e3:.0f} kB a picture",
            group="Data",
        ),
        Fact(label="Fingerprint", value=data.fingerprint[:16], group="Data"),
        *training_facts(trained),
    ]
    durations = tuple(Duration(step=step, seconds=value) for step, value in seconds.items())
    page = out / "report.html"
    plots = training_plots(trained.history)
    write_report(page, ReportData(evaluation=judged, plots=plots, facts=tuple(facts), durations=durations))
    return page


def _say_what_came_out(page: Path, trained: TrainResult, judged: EvaluationReport, seconds: dict[str, float]) -> None:
    from vitruvian.mlflow_store import shown_uri

    print(f"\n{judged}\n")
    print(f"Time: {sum(seconds.values()) / 60:.1f} minutes ({', '.join(f'{value:.0f} s' for value in seconds.values())})")
    print(f"Open {page} in a browser.")
    print(f"Weights: {trained.weights}. Try: vitruvian reconstruct PHOTO --mask MASK --weights {trained.weights}")
    print(f"Tracking: mlflow ui --backend-store-uri {shown_uri(trained.tracking_uri)}")
