"""What can be said about an evaluation. The command line is made from this."""

from __future__ import annotations

from dataclasses import dataclass

from vitruvian.errors import InputError
from vitruvian.storage.url import Place


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateOptions:
    """Reconstruct held-out people from one picture each and compare with the truth."""

    data: Place
    """Data set folder (with ``dataset.json``), or its URL."""
    weights: tuple[str, ...]
    """Models: weights folders (with ``card.json``), run folders of ``vitruvian train``, or entries of MLflow's registry such
    as ``models:/pifu@tiny``. Folders may be URLs. Several are compared on the same pictures; the option can be repeated."""
    out: Place
    """Folder, or URL, for ``metrics.json``, tables, plots, pictures, meshes and ``report.html``."""
    name: tuple[str, ...] = ()
    """What to call the models, one name each in the same order. Default: method and recipe, or their folders where these are
    alike."""
    split: str = "test"
    """Which people: ``test`` (held out) or ``train``."""
    allow_seen_people: bool = False
    """Judge models also on people whom they were trained on. The page then says so before any figure."""
    max_subjects: int | None = None
    """At most so many people, the first of the split; all by default."""
    views: int | None = 1
    """Pictures a person, spread evenly over those stored; each is a sample of its own. None: all."""
    cell_mm: float = 6.0
    """Cell of the voxel grid on which the volume IoU is counted, millimetres."""
    surface_samples: int = 10_000
    """Points on each surface from which distances are measured."""
    seed: int = 0
    """Of the surface points and of the bootstrap."""
    threads: int = 1
    """Threads of the measuring kernels."""
    resume: bool = True
    """Take results of an interrupted evaluation in the out folder that are of the same models, data and settings.
    --no-resume measures everything anew."""
    mlflow: bool = True
    """Log everything to MLflow."""
    mlflow_tracking_uri: str | None = None
    """MLflow store, also of ``models:/`` weights. Default: the environment's MLFLOW_TRACKING_URI, else mlflow.db beside the out
    folder."""
    mlflow_run_id: str | None = None
    """Log into this run, as ``heldout/iou`` and so on, instead of a comparison run of its own."""
    report: bool = True
    """Also write ``report.html``, one page with everything in it."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise InputError("weights: give at least one weights folder.")
        if self.name and len(self.name) != len(self.weights):
            raise InputError(f"name: {len(self.name)} names for {len(self.weights)} weights; give one each, in the same order.")
        if self.max_subjects is not None and self.max_subjects < 1:
            raise InputError(f"max-subjects: is {self.max_subjects}; give at least 1, or leave it out for all.")
        if self.views is not None and self.views < 1:
            raise InputError(f"views: is {self.views}; give at least 1 picture a person.")
        if not 0.5 <= self.cell_mm <= 100:
            raise InputError(f"cell-mm: is {self.cell_mm}; give 0.5 to 100 millimetres (6 is usual).")
        if self.surface_samples < 100:
            raise InputError(f"surface-samples: is {self.surface_samples}; give at least 100.")
        if self.threads < 1:
            raise InputError(f"threads: is {self.threads}; give at least 1.")
