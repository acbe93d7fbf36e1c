"""What training leaves, for those who go on from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """What training a stage leaves; of a whole run, its last stage's."""

    stage: str
    weights: Path
    """Folder of ``weights.safetensors`` and ``card.json``, with the weights of its parts in sub-folders."""
    history: Path
    """Every step and epoch, one JSON line each (see ``history``)."""
    pictures: Path
    """Folder of the stage's pictures, ``epoch-NNNN-NAME.png``; may not exist."""
    metrics: Mapping[str, float]
    """Held-out metrics after the last epoch."""
    seconds: float
    """Time spent training, over all attempts."""
    finished: bool
    """False if ``max_minutes`` ended it early."""
    run_id: str
    tracking_uri: str
    model: str | None
    """The weights in MLflow's registry, as ``models:/NAME/VERSION``; None if not finished."""
    parent_run_id: str | None = None
    """The MLflow run above those of the stages, where the recipe has several."""
    unsent: str = ""
    """Why MLflow does not have all of it; the same command sends the rest. Empty: it has."""
    earlier: tuple[TrainResult, ...] = field(default=())
    """Those of the stages before it."""
