"""A run as it is compared: what MLflow has of it, by stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Points = tuple[tuple[int, float], ...]
"""(step, value) in the order of steps, each step once."""
HELD_OUT = "held_out/"
EVALUATED = "heldout/"
"""Before the names of an evaluation's averages that were logged into a training's run."""
RATE, SECONDS = "train/learning_rate", "train/seconds"


@dataclass(frozen=True, kw_only=True, slots=True)
class StageRecord:
    """One run in MLflow: a stage of a training, or what else was recorded there."""

    run_id: str
    run_name: str
    stage: str
    """Empty for runs that are no stage of a training."""
    status: str
    """``FINISHED``, ``RUNNING``, ``FAILED`` or ``KILLED``."""
    started: float
    """``time.time()`` of its first start."""
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    """The last value of each."""
    curves: Mapping[str, Points]
    """Histories of a training's metrics."""
    seconds_recorded: bool
    """Whether ``SECONDS`` are the training's own; else they come from when MLflow heard of the steps, with all pauses."""
    models: tuple[str, ...]
    """Registered versions made of it: ``models:/pifu/3``."""

    @property
    def steps_per_epoch(self) -> int | None:
        """From the ends of epochs; None if none was reached."""
        ends = self.curves.get("epoch", ())
        return round((ends[-1][0] + 1) / (ends[-1][1] + 1)) if ends else None

    @property
    def num_steps(self) -> int:
        losses = self.curves.get("train/loss", ())
        return losses[-1][0] + 1 if losses else 0

    @property
    def num_epochs(self) -> int:
        ends = self.curves.get("epoch", ())
        return int(ends[-1][1]) + 1 if ends else 0

    @property
    def seconds(self) -> float | None:
        """Wall time over all attempts: as measured by its processes, else that of its steps, else None."""
        if "usage/seconds" in self.metrics:
            return self.metrics["usage/seconds"]
        steps = self.curves.get(SECONDS, ())
        return steps[-1][1] if steps else None

    def usage(self, name: str) -> float | None:
        return self.metrics.get(f"usage/{name}")

    def seconds_at(self) -> dict[int, float]:
        """Seconds of training when each step was done; they never fall, though a run that was set back repeats steps."""
        table: dict[int, float] = {}
        latest = 0.0
        for step, value in self.curves.get(SECONDS, ()):
            latest = max(latest, value)
            table[step] = latest
        return table


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """One of the compared runs."""

    name: str
    """Short, distinct, as shown."""
    reference: str
    """As the user named it."""
    uri: str
    """Its store."""
    run_id: str
    """Of the run above its stages, or of its only one."""
    stages: tuple[StageRecord, ...]
    """In the order of their start."""
    whole: StageRecord
    """The run above its stages, or its only one."""

    @property
    def kind(self) -> str:
        """What it records: ``train``, ``datagen``, ``evaluate`` or ``tune``; guessed of runs that do not say it."""
        said = self.whole.tags.get("vitruvian.kind")
        return said or ("train" if any(stage.stage for stage in self.stages) else "other")

    def total(self, name: str) -> float | None:
        """The sum over stages of something that is used up; None if a stage does not say."""
        values = [stage.seconds if name == "seconds" else stage.usage(name) for stage in self.stages]
        if name == "gpu_hours":  # recorded only where there is a GPU
            values = [0.0 if value is None and stage.usage("core_hours") is not None else value
                      for value, stage in zip(values, self.stages, strict=True)]  # fmt: skip
        known = [value for value in values if value is not None]
        return sum(known) if known and len(known) == len(values) else None

    def stage(self, name: str) -> StageRecord | None:
        return next((stage for stage in self.stages if stage.stage == name), None)
