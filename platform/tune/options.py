"""What a user can say about a sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from vitruvian.errors import InputError
from vitruvian.storage.url import Place
from vitruvian.train.recipe_names import recipe_label


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneOptions:
    """Options of ``vitruvian tune``."""

    method: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="METHOD")]
    """The published system to tune: pifu, geopifu, pymaf."""
    recipe: str = "tiny"
    """The recipe to start from, or a recipe file."""
    space: str = "schedule"
    """What to vary; the list above has them all."""
    vary: tuple[str, ...] | None = None
    """Only these of the space's parameters, for example: --vary rate fall. Default: all."""
    search: Literal["random", "optuna", "grid"] = "random"
    """How values are chosen: ``random``, ``optuna`` (its TPE sampler learns from the trials so far; needs the extra `tune`), or
    ``grid``, every combination."""
    trials: int | None = None
    """Trials in all, the recipe as it is among them. Default: 12; with ``grid`` all combinations. A later start with more adds
    to what is there."""
    grid_points: int = 3
    """With ``grid``: values of a parameter that is a range."""
    baseline: bool = True
    """Trial 0 is the recipe as it is. Not with ``pbt``."""
    scheduler: Literal["none", "asha", "median", "pbt"] = "none"
    """What happens while trials run. ``asha``: those behind the best third at a rung are stopped. ``median``: those worse than
    the median of the others. ``pbt`` (population-based training): the worst quarter takes over weights and values of the best,
    and changes the values a little; only for parameters that may change while a network is trained."""
    grace_epochs: int = 1
    """``asha``, ``median``: epochs that every trial has at least; for ``asha`` also the first rung."""
    reduction: int = 3
    """``asha``: each rung is so many times later than the one before, and one in so many goes on."""
    perturb_epochs: int = 1
    """``pbt``: epochs between two changes."""
    metric: str | None = None
    """Held-out metric by which trials are judged, after their last epoch. Default: the space's."""
    mode: Literal["max", "min"] | None = None
    """Whether more of it is better. Default: the space's; ``max`` for a metric of your own."""
    data: Place | None = None
    """The data set folder, or its URL. Default: the recipe's own, generated first if it is not there."""
    cache: Path | None = None
    """Read samples through this LMDB file, as in `vitruvian train`."""
    out: Path | None = None
    """Folder for trials, table, report and winner. With several machines on storage that all share. Default:
    runs/tune-METHOD-RECIPE-SPACE."""
    parts: Annotated[tuple[str, ...], tyro.conf.arg(name="part", metavar="NAME=FOLDER ...")] = ()
    """Weights of stages that the tuned one needs, for example: --part coarse=runs/geopifu-tiny. Default: trained once, before
    the trials."""
    init: tuple[Path, ...] = ()
    """Weights folders to start the tuned stage from."""
    epochs: int | None = None
    """Epochs of the tuned stage, instead of the recipe's."""
    batch_size: int | None = None
    """Samples a step, instead of the recipe's."""
    overrides: Annotated[tuple[str, ...], tyro.conf.arg(name="set", metavar="PATH=VALUE ...")] = ()
    """Any other option, the same for all trials, as in `vitruvian train`."""
    concurrent: int | None = None
    """Trials at a time. Default: as many as there are cores (or GPUs) for."""
    cpus_per_trial: int = 1
    """CPU cores of a trial; with --num-workers of each of its workers."""
    gpus_per_trial: float = 0.0
    """GPUs of a trial, also a part of one: 0.5 lets two trials share it. Not with --num-workers, where each worker takes one if
    --device says so."""
    num_workers: int = 0
    """0: each trial trains in a process of its own. More: each trial starts so many Ray Train workers, for large recipes on a
    cluster."""
    loader_threads: int | None = None
    """Threads that prepare samples, of each process that trains. Default: half its cores."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto``: a GPU if trials are given one."""
    seed: int = 0
    """Decides which values are tried; and initial weights, sample order and draws, which are the same in all trials."""
    resume: bool = True
    """Continue the sweep in the out folder. --no-resume removes it and starts afresh."""
    max_minutes: float | None = None
    """Stop after so long; the same command continues."""
    checkpoint_seconds: float = 30.0
    """Time between checkpoints within an epoch; each epoch ends with one."""
    max_restarts: int = 3
    """How often a trial that died is started again."""
    pictures_every: int = 0
    """Epochs between pictures of held-out samples; 0 for none."""
    register: bool = True
    """Make the winner's weights the newest version of the method's model in MLflow."""
    alias: str = "champion"
    """The alias that points at it."""
    tracking_uri: str | None = None
    """MLflow store. Default: the environment's MLFLOW_TRACKING_URI, else mlflow.db beside the out folder."""
    experiment: str | None = None
    """MLflow experiment. Default: the method's name."""

    def __post_init__(self) -> None:
        least_of = {
            "trials": 1,
            "grid_points": 1,
            "grace_epochs": 1,
            "reduction": 2,
            "perturb_epochs": 1,
            "epochs": 1,
            "batch_size": 1,
            "concurrent": 1,
            "cpus_per_trial": 1,
            "gpus_per_trial": 0,
            "num_workers": 0,
            "loader_threads": 0,
            "seed": 0,
            "checkpoint_seconds": 0,
            "max_restarts": 0,
            "pictures_every": 0,
        }
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name.replace('_', '-')} is {value}; it must be at least {least}.")
        if self.max_minutes is not None and self.max_minutes <= 0:
            raise InputError(f"max-minutes is {self.max_minutes}; it must be positive.")
        if self.scheduler == "pbt" and self.num_workers:
            raise InputError("scheduler is pbt, whose trials train in their own processes. Leave --num-workers at 0.")
        if self.scheduler == "pbt" and self.search != "random":
            raise InputError(f"search is {self.search}; population-based training begins with random values. Leave it out.")
        if self.scheduler == "pbt" and self.trials is not None and self.trials < 2:
            raise InputError(f"trials is {self.trials}; a population has two at least.")
        if self.num_workers and self.gpus_per_trial:
            raise InputError(
                "gpus-per-trial cannot go with --num-workers, where each worker takes a GPU. Leave one of them out."
            )
        if self.device == "cuda" and not self.num_workers and not self.gpus_per_trial:
            raise InputError("device is cuda, but trials get no GPU. Say how much of one: --gpus-per-trial 1")

    @property
    def folder(self) -> Path:
        """The out folder, absolute."""
        out = Path("runs") / f"tune-{self.method}-{recipe_label(self.recipe)}-{self.space}" if self.out is None else self.out
        return out.expanduser().absolute()

    @property
    def all_overrides(self) -> tuple[str, ...]:
        """``epochs`` and ``batch_size`` written as overrides, then the others."""
        short = {"training.epochs": self.epochs, "training.batch_size": self.batch_size}
        return (*(f"{path}={value}" for path, value in short.items() if value is not None), *self.overrides)
