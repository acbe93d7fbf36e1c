"""Files of the report: ``report.html``, ``trials.csv``, ``trials.json`` and ``plots/*.svg``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitruvian.code_version import code_version
from vitruvian.tune.job import TrialJob
from vitruvian.tune.ledger import Record
from vitruvian.tune.report.drawings import sweep_drawings
from vitruvian.tune.report.page import page
from vitruvian.tune.report.shown import Sweep
from vitruvian.tune.report.table import trials_csv, trials_json


def sweep_of(job: TrialJob, records: Sequence[Record], best: Record | None) -> Sweep:
    """What is to be shown. ``records``: the best first."""
    options = job.options
    facts = {
        "Values": {"random": "drawn at random", "grid": "every combination", "optuna": "Optuna, TPE"}[options.search],
        "Scheduler": options.scheduler,
        "Judged by": f"held-out {job.metric}, {job.mode}, after the last epoch",
        "Epochs": str(job.epochs_of({})),
        "Data": job.data.name,
        "Fingerprint": job.data.fingerprint,
        "Seed": str(options.seed),
        "Code": code_version(),
        "MLflow run": job.parent_run_id,
    }
    return Sweep(
        method=options.method,
        recipe=job.recipe.name,
        space=options.space,
        parameters=job.space.parameters,
        stage=job.stage,
        metric=job.metric,
        mode=job.mode,
        records=tuple(records),
        best=best,
        facts=facts,
    )


def write_sweep_report(out: Path, sweep: Sweep) -> Path:
    """Write all files and return the page's path."""
    texts = {"report.html": page(sweep), "trials.csv": trials_csv(sweep), "trials.json": trials_json(sweep)}
    texts |= {f"plots/{name}.svg": drawing.svg() for name, drawing in sweep_drawings(sweep).items()}
    for name, text in texts.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    return out / "report.html"
