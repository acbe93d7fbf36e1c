"""What runs cost: cores and GPUs that were held, times hours, times prices."""

from __future__ import annotations

from dataclasses import dataclass

from vitruvian.errors import InputError
from vitruvian.evaluate.runs.record import RunRecord, StageRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """Of an hour. The defaults are round figures near what clouds ask on demand; nothing is looked up."""

    core_hour: float = 0.04
    gpu_hour: float = 3.0
    currency: str = "USD"

    def __post_init__(self) -> None:
        for name, value in (("cpu-hour-price", self.core_hour), ("gpu-hour-price", self.gpu_hour)):
            if not 0 <= value < float("inf"):
                raise InputError(f"{name}: is {value}; give 0 or more.")
        if not self.currency.strip():
            raise InputError("currency: is empty; give a word such as EUR.")

    def of(self, core_hours: float, gpu_hours: float) -> float:
        return core_hours * self.core_hour + gpu_hours * self.gpu_hour

    def of_run(self, run: RunRecord) -> float | None:
        """All stages, with start-ups, measuring, and steps that were done twice; None if a stage was not recorded."""
        cores, gpus = run.total("core_hours"), run.total("gpu_hours")
        return None if cores is None else self.of(cores, gpus or 0.0)

    def per_second(self, stage: StageRecord) -> float | None:
        """The mean price of a second of a stage; None if it was not recorded."""
        cores, seconds = stage.usage("core_hours"), stage.usage("seconds")
        if cores is None or not seconds:
            return None
        return self.of(cores, stage.usage("gpu_hours") or 0.0) / seconds

    def __str__(self) -> str:
        return f"{self.core_hour:g} {self.currency} a CPU core hour, {self.gpu_hour:g} {self.currency} a GPU hour"
