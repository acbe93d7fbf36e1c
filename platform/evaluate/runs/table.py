"""The table of a comparison: a column a run, the same rows in the terminal, the page and the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vitruvian.evaluate.report.tables import seconds_text
from vitruvian.evaluate.runs.cost import Prices
from vitruvian.evaluate.runs.differences import MISSING, stage_names
from vitruvian.evaluate.runs.figures import money
from vitruvian.evaluate.runs.measures import best, direction, evaluated, evaluated_names, held_out_names, last, winners
from vitruvian.evaluate.runs.record import RunRecord, StageRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line."""

    group: str
    title: str
    key: str
    """In files."""
    values: tuple[float | str | None, ...]
    """Of each run."""
    texts: tuple[str, ...]
    """As they are shown."""
    best: frozenset[int] = frozenset()
    """The places of the best values, where it can be told."""
    way: str = ""
    """``higher`` or ``lower`` is better; empty: neither, or it cannot be told."""

    @property
    def shown_title(self) -> str:
        return self.title + {"higher": " ↑", "lower": " ↓", "": ""}[self.way]


def table_rows(runs: Sequence[RunRecord], prices: Prices, chosen: Sequence[str] = ()) -> list[Row]:
    """All rows that any of the runs has a value for."""
    rows = []
    for stage in stage_names(runs):
        rows += _metrics(runs, stage, chosen)
    for name in evaluated_names(runs, chosen):
        values = [evaluated(run).get(name) for run in runs]
        rows.append(_numbers("Evaluated on held-out people", name, f"evaluated/{name}", values, _digits, way=direction(name)))
    rows += _spending(runs, prices)
    rows += _state(runs)
    return [row for row in rows if any(value is not None for value in row.values)]


def _metrics(runs: Sequence[RunRecord], stage: str, chosen: Sequence[str]) -> list[Row]:
    records = [run.stage(stage) for run in runs]
    group = f"Held out, {stage}" if len(stage_names(runs)) > 1 else "Held out"
    rows = []
    for name in held_out_names(records, chosen):
        way, prefix = direction(name), f"{stage}/" if stage else ""
        rows.append(
            _numbers(group, f"{name}, last epoch", f"{prefix}{name}", [last(r, name) for r in records], _digits, way=way)
        )
        tops = [best(record, name) for record in records]
        if any(top is not None and top[1] != last(record, name) for top, record in zip(tops, records, strict=True)):
            texts = [
                MISSING if top is None else f"{_digits(top[1])} {_when(r, top[0])}"
                for top, r in zip(tops, records, strict=True)
            ]
            values = tuple(None if top is None else top[1] for top in tops)
            rows.append(
                Row(group=group, title=f"{name}, best epoch", key=f"{prefix}{name}/best", values=values, texts=tuple(texts),
                    best=frozenset(winners(values, way)), way=way)
            )  # fmt: skip
    losses = [_tail_mean(record) for record in records]
    rows.append(
        _numbers(
            group.replace("Held out", "Training"), "loss, mean of the last epoch", f"{stage}/loss".lstrip("/"), losses, _digits
        )
    )
    return rows


def _spending(runs: Sequence[RunRecord], prices: Prices) -> list[Row]:
    group = "Time and cost"

    def totals(name: str) -> list[float | None]:
        return [run.total(name) for run in runs]

    rates = [run.stages[-1].usage("samples_per_second") or _rate(run.stages[-1]) for run in runs]
    peaks = [max((v for s in run.stages if (v := s.usage("peak_memory_bytes")) is not None), default=None) for run in runs]
    gpu_peaks = [max((v for s in run.stages if (v := s.usage("peak_gpu_memory_bytes"))), default=None) for run in runs]
    gpu_hours = [value or None for value in totals("gpu_hours")]
    return [
        _numbers(group, "wall time, all attempts", "seconds", totals("seconds"), seconds_text, way="lower"),
        _numbers(group, "CPU time of all workers", "cpu_seconds", totals("cpu_seconds"), seconds_text, way="lower"),
        _numbers(group, "CPU core hours held", "core_hours", totals("core_hours"), lambda v: f"{v:.3g}", way="lower"),
        _numbers(group, "GPU hours held", "gpu_hours", gpu_hours, lambda v: f"{v:.3g}", way="lower"),
        _numbers(
            group,
            f"cost ({prices.currency})",
            "cost",
            [prices.of_run(r) for r in runs],
            lambda v: money(v, prices),
            way="lower",
        ),
        _numbers(group, "samples a second", "samples_per_second", rates, lambda v: f"{v:.1f}", way="higher"),
        _numbers(
            group, "memory of the largest process", "peak_memory_bytes", peaks, lambda v: f"{v / 1e9:.2f} GB", way="lower"
        ),
        _numbers(group, "GPU memory", "peak_gpu_memory_bytes", gpu_peaks, lambda v: f"{v / 1e9:.2f} GB", way="lower"),
    ]


def _state(runs: Sequence[RunRecord]) -> list[Row]:
    group = "Run"
    attempts = [max((v for s in run.stages if (v := s.usage("attempts")) is not None), default=None) for run in runs]
    models = [", ".join(model for stage in run.stages for model in stage.models) or None for run in runs]

    def words(title: str, key: str, values: Sequence[str | None]) -> Row:
        return Row(group=group, title=title, key=key, values=tuple(values), texts=tuple(value or MISSING for value in values))

    began = [datetime.fromtimestamp(run.whole.started, tz=UTC).strftime("%Y-%m-%d %H:%M") for run in runs]
    return [
        words("status", "status", [run.whole.status.lower() for run in runs]),
        words("started (UTC)", "started", began),
        words(
            "epochs",
            "epochs",
            [" + ".join(str(stage.num_epochs) for stage in run.stages) if run.kind == "train" else None for run in runs],
        ),
        words(
            "steps",
            "steps",
            [" + ".join(str(stage.num_steps) for stage in run.stages) if run.kind == "train" else None for run in runs],
        ),
        _numbers(group, "starts of the command", "attempts", attempts, lambda v: f"{v:.0f}"),
        words("registered as", "models", models),
        Row(
            group=group,
            title="id in MLflow",
            key="run_id",
            values=tuple(run.run_id for run in runs),
            texts=tuple(run.run_id[:12] for run in runs),
        ),
    ]


def _numbers(
    group: str, title: str, key: str, values: Sequence[float | None], say: Callable[[float], str], *, way: str = ""
) -> Row:
    return Row(
        group=group,
        title=title,
        key=key,
        values=tuple(values),
        texts=tuple(MISSING if value is None else say(value) for value in values),
        best=frozenset(winners(values, way)),
        way=way,
    )


def _digits(value: float) -> str:
    return f"{value:.4g}"


def _when(record: StageRecord | None, step: int) -> str:
    per_epoch = None if record is None else record.steps_per_epoch
    return f"(step {step + 1})" if not per_epoch else f"(epoch {round((step + 1) / per_epoch)})"


def _tail_mean(record: StageRecord | None) -> float | None:
    """The mean loss of the last epoch's worth of steps."""
    losses = () if record is None else record.curves.get("train/loss", ())
    if record is None or not losses:
        return None
    tail = [value for _, value in losses[-(record.steps_per_epoch or len(losses)) :]]
    return sum(tail) / len(tail)


def _rate(record: StageRecord) -> float | None:
    """From the steps, for runs that do not say."""
    seconds, batch = max(record.seconds_at().values(), default=0.0), record.params.get("training.batch_size", "")
    return record.num_steps * int(batch) / seconds if seconds and batch.isdecimal() else None
