"""Which runs a user means: ids, names, folders, registered models, sweeps, whole experiments."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vitruvian.errors import InputError
from vitruvian.methods.references import REGISTRY, default_store, registered_version
from vitruvian.methods.run_folders import RUN
from vitruvian.mlflow_store import RUN_KEY, RUNS, parse_runs, quiet_client, read_runs, shown_uri, store_error
from vitruvian.storage.folders import read_small
from vitruvian.storage.url import Url

PARENT = "mlflow.parentRunId"
FEWEST_LETTERS = 4
"""Of a run id's beginning."""
PAGE = 1000
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Place:
    """A run in a store."""

    reference: str
    uri: str
    run_id: str


def find_runs(references: Sequence[str], *, experiments: Sequence[str], tracking_uri: str | None) -> list[Place]:
    """The runs, each once, in the order in which they were named; sweeps and comparisons stand for what is below them.

    Raises ``InputError`` for what is not there, what is not unique, and stores that do not answer.
    """
    places = [place for reference in references for place in _found(reference, tracking_uri)]
    for name in experiments:
        places += _of_experiment(name, _store(tracking_uri, f"--experiment {name}"))
    expanded = [below for place in places for below in _expanded(place)]
    return list({(place.uri, place.run_id): place for place in reversed(expanded)}.values())[::-1]


def _found(reference: str, tracking_uri: str | None) -> list[Place]:
    if reference.startswith(REGISTRY):
        uri = _store(tracking_uri, reference)
        return [Place(reference, uri, _lifted(uri, registered_version(reference, store=uri).run_id))]
    if "://" in reference:
        return [_of_url(reference, Url(reference), tracking_uri)]
    folder = Path(reference).expanduser()
    if folder.is_dir():
        return [_of_folder(reference, folder.absolute(), tracking_uri)]
    uri = _store(tracking_uri, reference)
    runs = _all_runs(uri)
    matching = [run for run in runs if run.info.run_id == reference]
    if not matching and len(reference) >= FEWEST_LETTERS and re.fullmatch(r"[0-9a-f]+", reference):
        matching = [run for run in runs if run.info.run_id.startswith(reference)]
    if not matching:
        matching = [run for run in runs if run.info.run_name == reference]
    if not matching:
        raise InputError(
            f"run {reference}: {shown_uri(uri)} has no run of this id or name, and there is no such folder. Give a run id (its "
            f"first {FEWEST_LETTERS} letters or more), a run's name, its folder, {REGISTRY}NAME@ALIAS, or --experiment NAME."
        )
    if len(matching) > 1:
        listed = "\n".join(f"  {_line(run)}" for run in matching[:SHOWN])
        more = f"\n  and {len(matching) - SHOWN} more" if len(matching) > SHOWN else ""
        raise InputError(f"run {reference}: {len(matching)} runs are meant. Give the id or the folder of one:\n{listed}{more}")
    return [Place(reference, uri, matching[0].info.run_id)]


def _of_folder(reference: str, folder: Path, tracking_uri: str | None) -> Place:
    """The run of a training's folder, of one of its stages, of its weights, or of a data set."""
    card = folder / "dataset.json"
    if card.is_file():
        recorded = json.loads(card.read_text()).get("mlflow")
        if not recorded:
            raise InputError(f"run {reference}: this data set was not recorded in MLflow (vitruvian datagen --track does).")
        return Place(reference, _right_store(tracking_uri, recorded["uri"]), str(recorded["run_id"]))
    for above, stage in ((folder, None), (folder.parent, folder.name), (folder.parent.parent, folder.parent.name)):
        uri, runs = read_runs(above)
        if runs:
            if stage is not None and stage not in runs:
                break
            run_id = runs[stage] if stage is not None else runs.get("") or list(runs.values())[-1]
            return Place(reference, _right_store(tracking_uri, uri), run_id)
        if (above / RUN).is_file():
            return _by_key(reference, above, stage, tracking_uri)
    raise InputError(
        f"run {reference}: this folder does not say which run in MLflow is its own (it has neither {RUNS} nor {RUN}). Give the "
        "folder that `vitruvian train` wrote, or the id of the run."
    )


def _of_url(reference: str, url: Url, tracking_uri: str | None) -> Place:
    """The run of a training's folder, or of one of its stages, that lies at a URL."""
    for above, stage in ((url, None), (url.parent, url.name)):
        uri, runs = parse_runs(read_small(above / RUNS) or b"")
        if runs and (stage is None or stage in runs):
            run_id = runs[stage] if stage is not None else runs.get("") or list(runs.values())[-1]
            return Place(reference, _right_store(tracking_uri, uri), run_id)
    raise InputError(f"run {reference}: has no {RUNS}, so it is not the folder of a training that was recorded in MLflow.")


def _by_key(reference: str, folder: Path, stage: str | None, tracking_uri: str | None) -> Place:
    """Of folders that have no ``mlflow.json``: the run that has the folder's key."""
    key = str(json.loads((folder / RUN).read_text()).get("key", ""))
    beside = folder.parent / "mlflow.db"
    uri = tracking_uri or (f"sqlite:///{beside}" if beside.is_file() else _store(None, reference))
    wanted = [key, *(f"{key}/{name}" for name in json.loads((folder / RUN).read_text()).get("stages", ()))]
    if stage is not None:
        wanted = [f"{key}/{stage}"]
    by_key = {run.data.tags.get(RUN_KEY): run.info.run_id for run in _all_runs(uri)}
    there = [by_key[name] for name in wanted if name in by_key]
    if not there:
        raise InputError(f"run {reference}: {shown_uri(uri)} has no run of this folder. Name its store with --tracking-uri.")
    return Place(reference, uri, there[0] if wanted[0] in by_key else there[-1])


def _of_experiment(name: str, uri: str) -> list[Place]:
    """Its runs that stand below no other; sweeps are taken apart later."""
    client = _client(uri)
    try:
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            names = sorted(one.name for one in client.search_experiments())
            raise InputError(f"--experiment {name}: {shown_uri(uri)} has only {', '.join(names)}.")
        runs = _paged(client, [experiment.experiment_id])
    except Exception as error:  # MLflow's stores raise whatever their own dependencies raise
        raise store_error(uri, error) from error
    top = [run for run in runs if PARENT not in run.data.tags]
    if not top:
        raise InputError(f"--experiment {name}: has no runs yet.")
    return [Place(name, uri, run.info.run_id) for run in sorted(top, key=lambda run: run.info.start_time)]


def _expanded(place: Place) -> list[Place]:
    """A run that stands above others and is not a training of several stages: those."""
    client = _client(place.uri)
    try:
        run = client.get_run(place.run_id)
        if "vitruvian.stages" in run.data.tags or "vitruvian.stage" in run.data.tags:
            return [place]
        below = children(client, run)
    except Exception as error:
        raise store_error(place.uri, error) from error
    ordered = sorted(below, key=lambda one: one.info.start_time)
    return [Place(place.reference, place.uri, one.info.run_id) for one in ordered] or [place]


def children(client: Any, run: Any) -> list[Any]:
    """The runs directly below a run."""
    found = client.search_runs(
        [run.info.experiment_id], filter_string=f"tags.`{PARENT}` = '{run.info.run_id}'", max_results=PAGE
    )
    return list(found)


def _lifted(uri: str, run_id: str) -> str:
    """The run above a stage of a recipe with several, else the run itself."""
    client = _client(uri)
    try:
        run = client.get_run(run_id)
        above = run.data.tags.get(PARENT)
        if above and "vitruvian.stages" in client.get_run(above).data.tags:
            return str(above)
    except Exception as error:
        raise store_error(uri, error) from error
    return run_id


def _all_runs(uri: str) -> list[Any]:
    client = _client(uri)
    try:
        return _paged(client, [one.experiment_id for one in client.search_experiments()])
    except Exception as error:
        raise store_error(uri, error) from error


def _paged(client: Any, experiments: list[str]) -> list[Any]:
    runs: list[Any] = []
    token = None
    while True:
        page = client.search_runs(experiments, max_results=PAGE, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _client(uri: str) -> Any:
    try:
        return quiet_client(uri)
    except Exception as error:
        raise store_error(uri, error) from error


def _store(tracking_uri: str | None, what: str) -> str:
    uri = tracking_uri or default_store()
    if uri is None:
        raise InputError(
            f"{what}: in which MLflow store? There is none in runs/ or here; name it with --tracking-uri or "
            "MLFLOW_TRACKING_URI."
        )
    return uri


def _right_store(tracking_uri: str | None, recorded: str) -> str:
    """What a folder says, unless the user says otherwise; passwords are not written into folders."""
    if tracking_uri is None and ":***@" in recorded:
        return _store(None, recorded)
    return tracking_uri or recorded


def _line(run: Any) -> str:
    began = datetime.fromtimestamp(run.info.start_time / 1000).strftime("%Y-%m-%d %H:%M")
    where = run.data.tags.get("vitruvian.out", "")
    return f"{run.info.run_id}  {began}  {run.info.run_name}  {where}".rstrip()
