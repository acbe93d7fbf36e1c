"""What a user can say about a training run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from vitruvian.errors import InputError
from vitruvian.storage.url import Place, Url
from vitruvian.train.recipe_names import recipe_label


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions:
    """Options of ``vitruvian train``."""

    method: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="METHOD")]
    """The published system to train: pifu, ..."""
    recipe: str = "tiny"
    """Its configuration: ``tiny`` takes minutes on a laptop, ``paper`` is what was published, ``fast`` is ours at that size. Or
    a file that changes one of these, such as the best.json of `vitruvian tune`."""
    data: Place | None = None
    """The data set folder (as ``vitruvian datagen`` leaves it), or its URL. For pymaf also a lists.json that names lists of
    photographs, or a folder with one. Default: the recipe's own data set in runs/data/METHOD-RECIPE (of a run at a URL: in
    data/METHOD-RECIPE beside it), generated first if it is not there."""
    cache: Path | None = None
    """Read samples through this LMDB file, which holds them decoded; made first if it is not there or is of other data (see
    `vitruvian datagen cache`). Changes nothing but speed. Workers on several machines need it on each. Default: read shards."""
    out: Place | None = None
    """Folder, or URL, for weights, checkpoints and history. With several machines: a URL, or a folder that all of them see.
    Default: runs/METHOD-RECIPE."""
    stages: tuple[str, ...] | None = None
    """The stages to train. Default: all that the recipe does not call optional."""
    parts: Annotated[tuple[str, ...], tyro.conf.arg(name="part", metavar="NAME=FOLDER ...")] = ()
    """Weights to use for a stage instead of training it, for example: --part coarse=runs/other/coarse/weights"""
    init: tuple[Place, ...] = ()
    """Weights folders to start stages from, for example imported ones; their cards say of which stage they are."""
    epochs: int | None = None
    """Epochs of every stage, instead of the recipe's. For one stage: --set NAME.training.epochs=N"""
    batch_size: int | None = None
    """Samples a step over all workers, instead of the recipe's."""
    overrides: Annotated[tuple[str, ...], tyro.conf.arg(name="set", metavar="PATH=VALUE ...")] = ()
    """Any other option of the recipe, for example: --set training.learning_rate=1e-4 samples.num_points=2000
    data.num_subjects=100"""
    num_workers: int | None = None
    """Ray Train workers that share each batch. 0: train in this process, without Ray. Default: one for each GPU of this
    machine; without GPUs two, where there are cores for them."""
    cpus_per_worker: int | None = None
    """CPU cores a worker computes with. Default: all cores of the machine or cluster, shared evenly."""
    loader_threads: int | None = None
    """Threads a worker prepares samples with. Default: half its cores, at most 8."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto``: a GPU for each worker if there are that many."""
    seed: int = 0
    """Decides initial weights, sample order and every random draw."""
    resume: bool = True
    """Continue the run in the out folder. --no-resume removes its stages that are to be trained, and those that use their
    networks, and starts afresh. The data set stays."""
    checkpoint_seconds: float = 30.0
    """Time between checkpoints; 0 saves after every step."""
    max_minutes: float | None = None
    """Stop training after so long, over all stages, with a checkpoint and the weights so far; the same command continues. The
    time to generate data counts, but is not cut short."""
    max_restarts: int = 3
    """How often workers that died are replaced."""
    pictures_every: int = 1
    """Epochs between pictures of held-out samples; 0 for none."""
    tracking_uri: str | None = None
    """MLflow store. Default: the environment's MLFLOW_TRACKING_URI, else mlflow.db beside the out folder."""
    experiment: str | None = None
    """MLflow experiment. Default: the method's name."""

    def __post_init__(self) -> None:
        least_of = {"epochs": 0, "batch_size": 1, "num_workers": 0, "cpus_per_worker": 1, "loader_threads": 0}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name.replace('_', '-')} is {value}; it must be at least {least}.")
        for name in ("seed", "checkpoint_seconds", "max_restarts", "pictures_every"):
            if getattr(self, name) < 0:
                raise InputError(f"{name.replace('_', '-')} is {getattr(self, name)}; it must be at least 0.")
        if self.max_minutes is not None and self.max_minutes <= 0:
            raise InputError(f"max-minutes is {self.max_minutes}; it must be positive.")

    @property
    def folder(self) -> Path:
        """The out folder, absolute. ValueError for a URL, of which ``run_copy.local_run`` makes a folder."""
        out = Path("runs") / f"{self.method}-{recipe_label(self.recipe)}" if self.out is None else self.out
        if isinstance(out, Url):
            raise ValueError(f"TrainOptions: {out} is no local folder.")
        return out.expanduser().absolute()

    @property
    def all_overrides(self) -> tuple[str, ...]:
        """``epochs`` and ``batch_size`` written as overrides, then the others."""
        short = {"training.epochs": self.epochs, "training.batch_size": self.batch_size}
        return (*(f"{path}={value}" for path, value in short.items() if value is not None), *self.overrides)
