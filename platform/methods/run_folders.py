"""Where weights are in what a training run leaves: in ``RUN/STAGE/weights``, the stages in the order of ``RUN/run.json``."""

from __future__ import annotations

import json
from pathlib import Path

from vitruvian.errors import InputError
from vitruvian.methods.weights import CARD, WEIGHTS
from vitruvian.storage.folders import snapshot
from vitruvian.storage.objects import list_files
from vitruvian.storage.url import Url

RUN = "run.json"
WEIGHTS_FOLDER = "weights"


def find_weights(folder: Path | Url, *, stage: str | None = None) -> Path:
    """The weights folder that ``folder`` is or holds: itself, a stage's, or in a run's folder that of ``stage`` (None: the last
    stage that has weights). ``InputError`` if there is none.

    Of a folder at a URL a local copy is made; ``storage.folders.origin_of`` says where it is from.
    """
    if isinstance(folder, Url):
        return _fetched(folder, stage)
    if (folder / CARD).is_file():
        return folder
    if (folder / WEIGHTS_FOLDER / CARD).is_file():
        return folder / WEIGHTS_FOLDER
    if not (folder / RUN).is_file():
        raise InputError(
            f"{folder}: neither a weights folder (it has no {CARD}) nor the folder of a training run (no {RUN}). Give the "
            "folder that training wrote its weights to."
        )
    names = _stages(folder / RUN) if stage is None else (stage,)
    there = [folder / name / WEIGHTS_FOLDER for name in names if (folder / name / WEIGHTS_FOLDER / CARD).is_file()]
    if not there:
        raise InputError(f"{folder}: this training run has no weights of {', '.join(names)} yet. Start its command again.")
    return there[-1]


def _fetched(folder: Url, stage: str | None) -> Path:
    """Cards and weights of a folder at a URL; of a run's folder only those of the stage that is wanted."""
    names = list_files(folder)
    if CARD in names:
        return _copy(folder)
    if f"{WEIGHTS_FOLDER}/{CARD}" in names:
        return _copy(folder / WEIGHTS_FOLDER)
    if RUN not in names:
        raise InputError(
            f"{folder}: neither a weights folder (there is no {CARD}) nor the folder of a training run (no {RUN}). Give the "
            "folder that training wrote its weights to."
        )
    stages = _stages(snapshot(folder, lambda name: name == RUN) / RUN) if stage is None else (stage,)
    there = [name for name in stages if f"{name}/{WEIGHTS_FOLDER}/{CARD}" in names]
    if not there:
        raise InputError(f"{folder}: this training run has no weights of {', '.join(stages)} yet. Start its command again.")
    return _copy(folder / there[-1] / WEIGHTS_FOLDER)


def _copy(folder: Url) -> Path:
    return snapshot(folder, lambda name: name.rpartition("/")[2] in (CARD, WEIGHTS))


def _stages(path: Path) -> tuple[str, ...]:
    try:
        return tuple(json.loads(path.read_text(encoding="utf-8"))["stages"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: is damaged. Give the weights folder of a stage itself.") from None
