"""What can be said about an evaluation. The command line is made from this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vitruvian.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateOptions:
    """Reconstruct held-out people from one picture each and compare with the truth."""

    data: Path
    """Data set folder (with ``dataset.json``)."""
    weights: tuple[Path, ...]
    """Weights folders (with ``card.json``); several are compared on the same pictures."""
    out: Path
    """Folder for ``metrics.json``, pictures and meshes."""
    split: str = "test"
    """Which people: ``test`` (held out) or ``train``."""
    max_subjects: int | None = None
    """At most so many people, the first of the split; all by default."""
    views: int | None = 1
    """Pictures a person, spread evenly over those stored; each is a sample of its own. None: all."""
    cell_mm: float = 6.0
    """Cell of the voxel grid on which the volume IoU is counted, millimetres."""
    surface_samples: int = 10_000
    """Points on each surface from which distances are measured."""
    seed: int = 0
    """Of the surface points."""
    threads: int = 1
    """Threads of the measuring kernels."""
    mlflow_tracking_uri: str | None = None
    """Where to log results; by default nothing is logged unless a run is given."""
    mlflow_run_id: str | None = None
    """The run to log into; by default a new one when a tracking address is given."""
    report: bool = True
    """Also write ``report.html``, one page with everything in it."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise InputError("weights: give at least one weights folder.")
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
