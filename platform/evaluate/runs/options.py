"""What can be said about a comparison. The command line is made from this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vitruvian.errors import InputError
from vitruvian.evaluate.runs.cost import Prices


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareOptions:
    """Compare runs that are recorded in MLflow."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN ...")] = ()
    """Runs: an id in MLflow or its beginning, a run's name, the folder of a training, of one of its stages or of a data set,
    ``models:/NAME@ALIAS``, or a sweep, which stands for its trials."""
    experiment: tuple[str, ...] = ()
    """All runs of these MLflow experiments, beside those that are named."""
    out: Path = Path("runs/comparison")
    """Folder for ``comparison.html``, ``runs.csv``, ``differences.csv``, ``curves.csv``, ``comparison.json`` and ``plots/``."""
    name: tuple[str, ...] = ()
    """What to call the runs, one name each in the same order. Default: their folders, or their names in MLflow."""
    metrics: tuple[str, ...] = ()
    """Only these held-out metrics, such as iou. Default: all."""
    title: str = ""
    """Of the page."""
    cpu_hour_price: float = Prices().core_hour
    """Of one CPU core for an hour. The default is a round figure near what clouds ask on demand."""
    gpu_hour_price: float = Prices().gpu_hour
    """Of one GPU for an hour; likewise."""
    currency: str = Prices().currency
    """Of the prices: any word."""
    max_runs: int = 24
    """More runs than this are refused."""
    tracking_uri: str | None = None
    """MLflow store. Default: what a folder says of itself, else the environment's MLFLOW_TRACKING_URI, else runs/mlflow.db."""

    def __post_init__(self) -> None:
        if not self.runs and not self.experiment:
            raise InputError("runs: name at least one run, or an experiment (--experiment NAME).")
        if self.max_runs < 1:
            raise InputError(f"max-runs: is {self.max_runs}; give at least 1.")
        _ = self.prices

    @property
    def prices(self) -> Prices:
        return Prices(core_hour=self.cpu_hour_price, gpu_hour=self.gpu_hour_price, currency=self.currency)
