"""Reading runs out of MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.evaluate.runs.find import Place, children
from vitruvian.evaluate.runs.record import HELD_OUT, SECONDS, Points, RunRecord, StageRecord
from vitruvian.mlflow_store import quiet_client, store_error

CURVES = ("train/", HELD_OUT, "epoch")


def read_records(places: Sequence[Place], names: Sequence[str] = ()) -> list[RunRecord]:
    """The runs with their histories, under ``names`` or names made from what tells them apart. Raises ``InputError``."""
    if names and len(names) != len(places):
        raise InputError(f"name: {len(names)} names for {len(places)} runs; give one each, in the same order.")
    if len(set(names)) < len(names):
        raise InputError("name: two runs have the same name; give names that differ.")
    read = [_read(place) for place in places]
    chosen = names or distinct_names([(whole, stages) for whole, stages in read])
    return [
        RunRecord(name=name, reference=place.reference, uri=place.uri, run_id=place.run_id, stages=tuple(stages), whole=whole)
        for name, place, (whole, stages) in zip(chosen, places, read, strict=True)
    ]


def distinct_names(read: Sequence[tuple[StageRecord, Sequence[StageRecord]]]) -> list[str]:
    """The folders' names where these differ between all, else the runs' names, else these with the beginning of the ids."""
    runs = [whole for whole, _ in read]
    folders = [Path(run.tags.get("vitruvian.out", "")).name for run in runs]
    for names in (folders, [run.run_name for run in runs]):
        if all(names) and len(set(names)) == len(names):
            return list(names)
    return [f"{run.run_name} {run.run_id[:6]}".strip() for run in runs]


def _read(place: Place) -> tuple[StageRecord, list[StageRecord]]:
    try:
        client = quiet_client(place.uri)
        run = client.get_run(place.run_id)
        below = children(client, run) if "vitruvian.stages" in run.data.tags else []
        whole = _stage(client, run, histories=not below)
        stages = [_stage(client, one, histories=True) for one in sorted(below, key=lambda one: one.info.start_time)]
    except Exception as error:  # MLflow's stores raise whatever their own dependencies raise
        raise store_error(place.uri, error) from error
    return whole, stages or [whole]


def _stage(client: Any, run: Any, *, histories: bool) -> StageRecord:
    curves: dict[str, Points] = {}
    times: dict[str, dict[int, float]] = {}
    for name in run.data.metrics if histories else ():
        if name.startswith(CURVES):
            history = client.get_metric_history(run.info.run_id, name)
            curves[name] = tuple(sorted({point.step: point.value for point in history}.items()))
            times[name] = {point.step: point.timestamp / 1000 for point in history}
    own = SECONDS in curves
    if not own and "train/loss" in curves:
        began = run.info.start_time / 1000
        curves[SECONDS] = tuple((step, max(0.0, times["train/loss"][step] - began)) for step, _ in curves["train/loss"])
    versions = client.search_model_versions(f"run_id = '{run.info.run_id}'")
    return StageRecord(
        run_id=run.info.run_id,
        run_name=run.info.run_name,
        stage=run.data.tags.get("vitruvian.stage", ""),
        status=run.info.status,
        started=run.info.start_time / 1000,
        params=dict(run.data.params),
        tags=dict(run.data.tags),
        metrics=dict(run.data.metrics),
        curves=curves,
        seconds_recorded=own,
        models=tuple(f"models:/{version.name}/{version.version}" for version in versions),
    )
