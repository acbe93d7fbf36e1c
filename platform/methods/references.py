"""Weights as people name them: a folder, a training run, words of the package, or an entry of MLflow's model registry.

Everything that takes weights by name (serving, comparing, evaluating, reconstructing) asks here, so that the same words mean
the same weights everywhere.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vitruvian.errors import InputError
from vitruvian.methods.builtin import builtin_names, builtin_weights
from vitruvian.methods.run_folders import find_weights
from vitruvian.methods.weights import CARD
from vitruvian.mlflow_store import quiet_client, shown_uri, store_error
from vitruvian.storage.local import cache_folder
from vitruvian.storage.url import Url, as_place

REGISTRY = "models:/"
CHAMPION = "champion"
"""The alias of the version that is served when nobody says which: what tuning sets."""
LATEST = "latest"
"""``models:/NAME/latest``: the newest version, whichever that is, as MLflow itself has it."""
PLACES = (Path("runs/mlflow.db"), Path("mlflow.db"))
"""Where the store is when nobody says so: training writes to ``runs``."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredVersion:
    """A version in the registry."""

    name: str
    version: str
    run_id: str
    path: str
    """Of the weights folder among the run's files."""

    @property
    def key(self) -> str:
        """Different for different versions, also of stores that were made anew: a folder's name."""
        return f"{re.sub(r'[^0-9A-Za-z._-]', '_', self.name)}-{self.version}-{self.run_id[:12]}"


def fetch_weights(reference: str, *, store: str | None = None, cache: Path | None = None) -> Path:
    """The local weights folder that ``reference`` means.

    ``models:/NAME@ALIAS``, ``models:/NAME/VERSION``, ``models:/NAME/latest``; a weights folder; the folder of a training run,
    which stands for its last stage; either of them at a URL (``s3://bucket/runs/pifu``), of which a copy is made; or a word of
    the package (``pifu``), if no folder of that name has weights. ``store``: MLflow's tracking URI (None:
    ``default_store()``). A registered version is copied into ``cache`` once (None: ``default_cache()``). Raises ``InputError``.
    """
    if not reference.startswith(REGISTRY):
        place = as_place(reference)
        if isinstance(place, Url):
            return find_weights(place)
        folder = Path(reference).expanduser()
        if reference in builtin_names() and not _holds_weights(folder):
            return builtin_weights(reference)
        if not folder.exists():
            raise InputError(
                f"weights {reference}: there is no such folder. Give a weights folder, the folder of a training run, "
                f"{REGISTRY}NAME@ALIAS, or a word for weights of the package ({', '.join(builtin_names())})."
            )
        return find_weights(folder)
    uri = _store(reference, store)
    return _copied(registered_version(reference, store=uri), uri, cache or default_cache())


def registered_version(reference: str, *, store: str | None = None) -> RegisteredVersion:
    """What an entry of the registry means now; an alias may mean another version later. Raises ``InputError``."""
    name, alias, version = _parts(reference)
    uri = _store(reference, store)

    def ask(client: Any) -> Any:
        if alias:
            return client.get_model_version_by_alias(name, alias)
        if version == LATEST:
            return _newest(client, name)
        return client.get_model_version(name, version)

    try:
        found = _asked(uri, ask)
    except _NotThereError:
        found = None
    if found is None:
        raise InputError(f"weights {reference}: the registry of {shown_uri(uri)} has no such model.")
    run_id, _, path = str(found.source).removeprefix("runs:/").partition("/")
    if not str(found.source).startswith("runs:/"):
        raise InputError(
            f"weights {reference}: is not a model that `vitruvian train` registered (its source is {found.source})."
        )
    return RegisteredVersion(name=name, version=str(found.version), run_id=run_id, path=path)


def registered_models(store: str) -> list[str]:
    """A reference for each model of the registry, by name: with the alias ``champion``, else to the newest version."""

    def ask(client: Any) -> list[str]:
        models = sorted(client.search_registered_models(), key=lambda model: model.name)
        return [
            f"{REGISTRY}{model.name}@{CHAMPION}" if CHAMPION in dict(model.aliases) else f"{REGISTRY}{model.name}/{LATEST}"
            for model in models
            if _newest(client, model.name) is not None
        ]

    return _asked(store, ask)


def default_store() -> str | None:
    """MLFLOW_TRACKING_URI, else the SQLite store in ``runs`` or here; None if there is none."""
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if uri:
        return uri
    return next((f"sqlite:///{path.absolute()}" for path in PLACES if path.is_file()), None)


def default_cache() -> Path:
    """Where copies of registered versions lie: VITRUVIAN_CACHE, else the user's cache folder."""
    return cache_folder() / "weights"


class _NotThereError(Exception):
    """The registry has no such entry."""


def _asked(uri: str, ask: Callable[[Any], Answer]) -> Answer:
    """What the store answers; ``InputError`` if it cannot be used, ``_NotThereError`` for an entry that it does not have."""
    try:
        return ask(quiet_client(uri))
    except Exception as error:  # MLflow's stores raise whatever their own dependencies raise
        if "not found" in str(error).lower() or "RESOURCE_DOES_NOT_EXIST" in str(error):
            raise _NotThereError from None
        raise store_error(uri, error) from error


def _holds_weights(folder: Path) -> bool:
    try:
        return folder.is_dir() and find_weights(folder).is_dir()
    except InputError:
        return False


def _newest(client: Any, name: str) -> Any:
    quoted = name.replace("'", "\\'")
    versions = client.search_model_versions(f"name = '{quoted}'")
    return max(versions, key=lambda version: int(version.version), default=None)


def _copied(found: RegisteredVersion, uri: str, cache: Path) -> Path:
    """The version's folder below ``cache``; it appears whole or not at all, so two processes may fetch it at once."""
    place = cache / found.key
    if (place / found.path / CARD).is_file():
        return place / found.path
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{found.key}.", dir=cache))
    try:
        try:
            quiet_client(uri).download_artifacts(found.run_id, found.path, str(unfinished))
        except Exception as error:  # each place for files has its own
            raise InputError(
                f"weights {REGISTRY}{found.name}/{found.version}: its files cannot be fetched from run {found.run_id} of "
                f"{shown_uri(uri)} "
                f"({type(error).__name__}: {error})."
            ) from error
        try:
            unfinished.rename(place)
        except OSError:  # another process was faster
            if not (place / found.path / CARD).is_file():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return find_weights(place / found.path)


def _store(reference: str, store: str | None) -> str:
    uri = store or default_store()
    if uri is None:
        raise InputError(
            f"weights {reference}: where is the registry? There is no {PLACES[0]} and no {PLACES[1]} here; set "
            "MLFLOW_TRACKING_URI, or give --tracking-uri."
        )
    return uri


def _parts(reference: str) -> tuple[str, str, str]:
    """Name, alias and version of ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``; one of the latter two is empty."""
    text = reference.removeprefix(REGISTRY)
    name, at, alias = text.partition("@")
    if at and name and alias:
        return name, alias, ""
    name, _, version = text.partition("/")
    if reference.startswith(REGISTRY) and name and (version.isdecimal() or version == LATEST):
        return name, "", version
    raise InputError(f"weights {reference}: write models:/NAME@ALIAS or models:/NAME/VERSION, such as models:/pifu@tiny.")
