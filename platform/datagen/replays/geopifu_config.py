"""Geo-PIFu's config JSON: everything random about a group of four pictures, as the original wrote it and as we write it.

The original wrote one file for each picture; the four of a group are identical. What is not in them follows from the mesh (its
centre and scale) or from the picture's number: ``number = 4 * draws * mesh + 4 * draw + view``. Ours hold one key more,
``vitruvian``, with what the published format has no place for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.errors import InputError

OUR_KEY = "vitruvian"
KEYS = ("args", "meshPath", "bgImgPath", "dataPrefix", "skyLightRotDegrees", "randomRot")
ARGUMENTS = {
    "quickDemo", "w", "h", "f", "near", "far", "resolutionScale", "meshDirSearch", "bgDirSearch", "saveDir", "splitNum",
    "splitIdx", "eachMeshWithBgNum", "useConfig", "addionalType",
}  # fmt: skip
OUR_KEYS = {"background", "split"}
BASE_SIZE_PX = (256, 384)
VIEWS = 4
NUM_PUBLISHED = 108_720
FIRST_TEST = 86_976
"""Published pictures from this number on are the test part."""
BLACK_LIST = (90844, 92908)
"""First numbers of the published groups whose background shows an oversized head; all consumers leave them out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """All that is random about a group of four views."""

    rotation: tuple[float, ...]
    """3x3 row-major, acts on column vectors in Geo-PIFu's axes."""
    sky_lights_deg: tuple[int | None, int | None, int]
    """Azimuths of the sky lamps: left (negative), right, back."""
    background: Mapping[str, Any]
    """See ``datagen/backgrounds/kinds.py``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """One group as its file has it."""

    draw: Draw
    base: int
    """Number of the group's first picture."""
    draws_per_subject: int
    width_px: int
    mesh_path: str
    split: str
    document: Mapping[str, Any]
    """The file's content."""

    @property
    def subject_index(self) -> int:
        return self.base // (VIEWS * self.draws_per_subject)

    @property
    def number(self) -> int:
        """Which of the subject's draws it is."""
        return self.base // VIEWS % self.draws_per_subject


def picture_number(subject_index: int, draw: int, view: int, *, draws_per_subject: int = 4) -> int:
    """The number that names a picture's files."""
    return VIEWS * (draws_per_subject * subject_index + draw) + view


def document_of(draw: Draw, *, mesh_path: str, base: int, width_px: int, draws_per_subject: int, split: str) -> dict[str, Any]:
    """The JSON content for a group of ours."""
    scale = width_px / BASE_SIZE_PX[0]
    return {
        "args": {
            "quickDemo": False,
            "w": BASE_SIZE_PX[0],
            "h": BASE_SIZE_PX[1],
            "f": BASE_SIZE_PX[1],
            "near": 0.5,
            "far": 25.0,
            "resolutionScale": int(scale) if scale == int(scale) else scale,
            "meshDirSearch": "",
            "bgDirSearch": "",
            "saveDir": "",
            "splitNum": 1,
            "splitIdx": 0,
            "eachMeshWithBgNum": draws_per_subject,
        },
        "meshPath": mesh_path,
        "bgImgPath": f"LSUN/train_jpg/{_with_suffix(draw.background['file'])}" if "file" in draw.background else "",
        "dataPrefix": base,
        "skyLightRotDegrees": list(draw.sky_lights_deg),
        "randomRot": np.array(draw.rotation).reshape(3, 3).tolist(),
        OUR_KEY: {"background": dict(draw.background), "split": split},
    }


def _with_suffix(name: str) -> str:
    return name if "." in name.rpartition("/")[2] else f"{name}.jpg"


def read_config(path: Path) -> Config:
    """Read and check one file; InputError naming it and every key that is missing, unknown or of another form."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not a readable JSON file ({error}).") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: holds a {type(document).__name__}; a Geo-PIFu config is an object.")
    if missing := [key for key in KEYS if key not in document]:
        raise InputError(f"{path}: lacks {', '.join(missing)}; a Geo-PIFu config has {', '.join(KEYS)}.")
    arguments, ours = document["args"], document.get(OUR_KEY, {})
    if not isinstance(arguments, dict) or not isinstance(ours, dict):
        raise InputError(f"{path}: args and {OUR_KEY} must be objects.")
    unknown = [key for key in document if key not in (*KEYS, OUR_KEY)]
    unknown += [f"args.{key}" for key in arguments if key not in ARGUMENTS]
    unknown += [f"{OUR_KEY}.{key}" for key in ours if key not in OUR_KEYS]
    if unknown:
        raise InputError(
            f"{path}: has unknown keys: {', '.join(sorted(unknown))}. They may change the picture; remove them if they do not."
        )
    base, background = document["dataPrefix"], ours.get("background") or _published_background(path, document["bgImgPath"])
    if not isinstance(base, int) or base < 0 or base % VIEWS:
        raise InputError(f"{path}: dataPrefix is {base!r}; it must be a multiple of {VIEWS}.")
    draws = arguments.get("eachMeshWithBgNum", 4)
    if not isinstance(draws, int) or draws < 1:
        raise InputError(f"{path}: args.eachMeshWithBgNum is {draws!r}; it must be a positive number.")
    return Config(
        draw=Draw(rotation=_rotation(path, document["randomRot"]), sky_lights_deg=_sky(path, document["skyLightRotDegrees"]),
                  background=background),
        base=base,
        draws_per_subject=draws,
        width_px=_width(path, arguments),
        mesh_path=str(document["meshPath"]),
        split=ours.get("split") or ("train" if base < FIRST_TEST else "test"),
        document=document,
    )  # fmt: skip


def _rotation(path: Path, rows: Any) -> tuple[float, ...]:
    try:
        matrix = np.array(rows, np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape != (3, 3) or not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-6) or np.linalg.det(matrix) < 0:
        raise InputError(f"{path}: randomRot is not a 3x3 rotation.")
    return tuple(matrix.reshape(-1).tolist())


def _sky(path: Path, degrees: Any) -> tuple[int | None, int | None, int]:
    fits = isinstance(degrees, list) and len(degrees) == 3 and all(d is None or isinstance(d, int) for d in degrees)
    if not fits or degrees[2] is None:
        raise InputError(f"{path}: skyLightRotDegrees is {degrees!r}; it must be [left or null, right or null, back] degrees.")
    return (degrees[0], degrees[1], degrees[2])


def _width(path: Path, arguments: Mapping[str, Any]) -> int:
    """The width of the pictures; InputError for a camera other than the published one at some scale."""
    width, height, focal, scale = (arguments.get(key, value) for key, value in
                                   (("w", 256), ("h", 384), ("f", 384), ("resolutionScale", 4)))  # fmt: skip
    try:
        size = (width * scale, height * scale, focal * scale)
    except TypeError:
        size = (0, 0, 0)
    if size[0] <= 0 or size[0] != int(size[0]) or 2 * size[1] != 3 * size[0] or size[1] != size[2]:
        raise InputError(
            f"{path}: args say w {width!r}, h {height!r}, f {focal!r}, resolutionScale {scale!r}; a picture is w x 1.5 w and f "
            "is h."
        )
    return int(size[0])


def _published_background(path: Path, picture: Any) -> dict[str, Any]:
    parts = [part for part in str(picture).replace("\\", "/").split("/") if part]
    if len(parts) < 2:
        raise InputError(f"{path}: bgImgPath is {picture!r}; it must end in CATEGORY/KEY.jpg.")
    return {"kind": "picture", "file": "/".join(parts[-2:])}


def read_configs(folder: Path, *, black_listed: bool = False) -> list[Config]:
    """The groups of a folder of ``NUMBER.json`` files in order, whichever of a group's four files are there.

    ``black_listed``: also those of the black list, when the files are the published ones. InputError for a folder without such
    files, for files of one group that differ, and for groups that do not belong together.
    """
    entries = os.scandir(folder) if folder.is_dir() else ()
    found = sorted((entry.name, entry.stat().st_mtime_ns) for entry in entries if _is_config(entry.name))
    if not found:
        raise InputError(f"{folder}: holds no Geo-PIFu configs (files named NUMBER.json).")
    return [
        config
        for config in _read_groups(folder, tuple(found))
        if black_listed or OUR_KEY in config.document or config.base not in BLACK_LIST
    ]


def _is_config(name: str) -> bool:
    return name.endswith(".json") and name[: -len(".json")].isdigit()


@lru_cache(maxsize=2)
def _read_groups(folder: Path, found: tuple[tuple[str, int], ...]) -> tuple[Config, ...]:
    """Kept, as a run asks several times and the published files are many; ``found`` are names and when they were changed."""
    groups: dict[int, Config] = {}
    for path in (folder / name for name, _ in found):
        config = read_config(path)
        if int(path.stem) // VIEWS * VIEWS != config.base:
            raise InputError(f"{path}: says dataPrefix {config.base}, but is named as one of another group.")
        first = groups.setdefault(config.base, config)
        if first.document != config.document:
            raise InputError(f"{path}: differs from the other files of its group {config.base:06d}; they must be identical.")
    _check_fit(folder, list(groups.values()))
    return tuple(config for _, config in sorted(groups.items()))


def _check_fit(folder: Path, configs: Sequence[Config]) -> None:
    """One size and one number of draws for all, and one mesh for each subject."""
    for what, values in (
        ("picture widths", {config.width_px for config in configs}),
        ("numbers of draws a mesh (eachMeshWithBgNum)", {config.draws_per_subject for config in configs}),
    ):
        if len(values) > 1:
            raise InputError(f"{folder}: its configs have several {what}: {sorted(values)}. Replay them one by one.")
    meshes: dict[int, str] = {}
    for config in configs:
        if meshes.setdefault(config.subject_index, config.mesh_path) != config.mesh_path:
            raise InputError(
                f"{folder}: group {config.base:06d} is of mesh {config.mesh_path}, another of the same subject of "
                f"{meshes[config.subject_index]}."
            )
